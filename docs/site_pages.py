"""Pages of the site that are not in `docs/`, and where the links of all pages lead.

A hook of MkDocs, named in `mkdocs.yml`. The site needs no address of a repository:
what a page links elsewhere in the checkout becomes part of the site. Added are

- `README.md`, a page for each of its sections; what is above them is in `index.md`;
- `CHANGELOG.md`, `CONTRIBUTING.md` and `BUILD.md`;
- a page of the API for each module that says by `__all__` what is public;
- the source files and folders that any of these pages links, and its pictures.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "keras_alexnet"
WHOLE = ("CHANGELOG.md", "CONTRIBUTING.md", "BUILD.md")
PICTURES = {".jpg", ".png", ".svg"}
AS_MEMBER = (
    "show_root_full_path: false",
    "show_root_heading: true",
    "show_root_toc_entry: true",
)
LANGUAGES = {"py": "python", "yaml": "yaml", "json": "json"}
LINK = re.compile(r"\[(?P<text>[^][]*)\]\((?P<path>[^()#:\s]+)(?P<place>#[^()\s]*)?\)")
# In HTML: links to source pages whose text is a name, and code in a line.
NAMED = re.compile(
    r'(?P<link><a href="[^"]*?source/(?P<path>[^"]+\.py)/)"><code>(?P<name>\w+)</code>'
)
CODE = re.compile(r"(?<=<code>)[^<]+(?=</code>)")
FLAG = re.compile(r"(?<!\S)-\S{1,28}(?!\S)")  # a longer one needs a telephone's width


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages, and then what they and those in `docs/` link."""
    texts = [("docs", page.content_string) for page in files.documentation_pages()]
    for name, text in {**_of_readme(), **_whole(), **_api()}.items():
        files.append(File.generated(config, name, content=_moved(text, ".", name)))
        texts.append((".", text))
    linked = {path for folder, text in texts for path in _linked(text, folder)}
    for path in sorted(linked, key=str):
        _add(path, files, config)
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Leads the links that leave `docs/` to the pages of what they name."""
    if page.file.generated_by:
        return markdown
    return _moved(markdown, "docs", page.file.src_uri)


def on_page_content(html: str, **_: object) -> str:
    """Leads links to the line of a definition, and keeps flags in one piece."""

    def with_line(match: re.Match[str]) -> str:
        line = _line(ROOT / match["path"], match["name"])
        return f'{match["link"]}#__codelineno-0-{line}"><code>{match["name"]}</code>'

    def whole(match: re.Match[str]) -> str:
        return FLAG.sub(r'<span class="flag">\g<0></span>', match[0])

    return CODE.sub(whole, NAMED.sub(with_line, html))


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Says that a page is in Chinese: fonts and screen readers depend on it."""
    if not page.file.src_uri.endswith(".zh.md"):
        return output
    return output.replace('<html lang="en"', '<html lang="zh-Hans"', 1)


def _of_readme() -> dict[str, str]:
    """A page for each section of the README."""
    _, *parts = re.split(r"^## (.+)\n", (ROOT / "README.md").read_text(), flags=re.M)
    pages = {}
    for title, text in zip(parts[::2], parts[1::2], strict=True):
        name = "-".join(re.findall(r"\w+", title.lower()))
        pages[f"readme/{name}.md"] = f"# {title}\n{text}"
    return pages


def _whole() -> dict[str, str]:
    """Files at the root of the checkout, as they are."""
    return {name: (ROOT / name).read_text() for name in WHOLE}


def _api() -> dict[str, str]:
    """A page for each module with `__all__`: what its docstrings say."""
    pages = {}
    for file in sorted(PACKAGE.glob("**/*.py")):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        module = module.removesuffix(".__init__")
        names = public_names(file, module)
        if not names:
            continue
        # Griffe takes a module for what is imported under the same name.
        hidden = [n for n in names if (file.parent / f"{n}.py").exists()]
        members = [n for n in names if n not in hidden]
        parts = [f"# `{module}`", _directive(module, f"members: {members}")]
        parts += [_directive(f"{names[n]}.{n}", *AS_MEMBER) for n in hidden]
        pages[f"api/{module}.md"] = "\n\n".join(parts)
    return pages


def _directive(what: str, *options: str) -> str:
    """What mkdocstrings puts the documentation of something in place of."""
    return "\n      ".join([f"::: {what}\n    options:", *options])


def public_names(file: Path, module: str) -> dict[str, str]:
    """Names in `__all__` of a module, without other modules, and where each is from.

    The file is read and not imported.
    """
    body = ast.parse(file.read_text()).body
    imported = [each for each in body if isinstance(each, ast.ImportFrom)]
    origins = {name.name: str(each.module) for each in imported for name in each.names}
    for node in body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            every = {n: origins.get(n, module) for n in ast.literal_eval(node.value)}
            modules = {n for n in every if n in origins and origins[n] == module}
            return {n: every[n] for n in every if n not in {*modules, "__version__"}}
    return {}


def _linked(text: str, folder: str) -> Iterator[Path]:
    """The files and folders of the checkout that a page in a folder links."""
    for match in LINK.finditer(text):
        path = Path(posixpath.normpath(posixpath.join(folder, match["path"])))
        if (ROOT / path).exists():
            yield path


def _uri(path: Path) -> str:
    """Where the site has a file or folder of the checkout."""
    if path == Path("README.md"):
        return "index.md"
    if path.parts[0] == "docs" and len(path.parts) > 1:
        return path.relative_to("docs").as_posix()
    if path.suffix in PICTURES or path.as_posix() in WHOLE:
        return path.as_posix()
    return f"source/{path.as_posix()}.md"


def _moved(text: str, folder: str, uri: str) -> str:
    """The links of a page that is in a folder of the checkout, as its URI needs them.

    The name of a page as the text of a link becomes the page's title.
    """

    def moved(match: re.Match[str]) -> str:
        for path in _linked(match[0], folder):
            target, place, shown = _uri(path), match["place"] or "", match["text"]
            if path == Path("README.md") and place:  # each section is a page
                target, place = f"readme/{place[1:]}.md", ""
            if shown == match["path"] and path.suffix == ".md":
                shown = (ROOT / path).read_text().partition("# ")[2].partition("\n")[0]
            target = posixpath.relpath(target, posixpath.dirname(uri) or ".")
            return f"[{shown}]({target}{place})"
        return match[0]

    return LINK.sub(moved, text)


def _add(path: Path, files: Files, config: MkDocsConfig) -> None:
    """Adds a file or a folder of the checkout, and what is in that folder."""
    uri, file = _uri(path), ROOT / path
    if uri in files.src_uris:
        return
    if file.suffix in PICTURES:
        files.append(File.generated(config, uri, abs_src_path=str(file)))
        return
    if file.is_dir():
        inside = [path / each.name for each in sorted(file.iterdir()) if _shown(each)]
        for each in inside:
            _add(each, files, config)
        lines = [f"- [`{each.name}`]({path.name}/{each.name})" for each in inside]
        text = _moved("\n".join(lines), path.parent.as_posix(), uri)
    else:
        language = LANGUAGES.get(file.suffix[1:], "text")
        fence = "`" * 8  # longer than any in the file
        text = f'{fence} {{.{language} linenums="1"}}\n{file.read_text()}\n{fence}'
    head = "---\nsearch:\n  exclude: true\n---\n"
    content = f"{head}# `{path.as_posix()}`\n\n{text}\n"
    files.append(File.generated(config, uri, content=content))


def _shown(path: Path) -> bool:
    return not path.name.startswith((".", "__pycache__"))


def _line(file: Path, name: str) -> int:
    """The line that a file defines a name in; 1 if it does not."""
    for node in ast.walk(ast.parse(file.read_text())):
        if getattr(node, "name", None) == name:
            return node.lineno
        for target in getattr(node, "targets", [getattr(node, "target", None)]):
            if isinstance(target, ast.Name) and target.id == name:
                return node.lineno
    return 1
