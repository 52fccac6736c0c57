"""The site as files: where links lead, what pages load, and what they say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytestmark = pytest.mark.site

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "keras_alexnet"
LOADS = re.compile(
    r"<(?:script|img|source|iframe|video|audio|embed|object|image|use|link)\b[^>]*?"
    r'\s(?:src|srcset|data|poster|href)="(?P<address>[^"]*)"'
)
LOADS_IN_CSS = re.compile(
    r"url\(\s*[\"']?(?P<address>[^\"')]+)|@import\s+(?P<sheet>\S+)"
)
LINK = re.compile(r'<a\b[^>]*?\shref="(?P<address>[^"]*)"[^>]*>(?P<text>.*?)</a>', re.S)
ID = re.compile(r'\s(?:id|name)="([^"]+)"')


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, str]:
    return {path: path.read_text("utf-8") for path in sorted(site.glob("**/*.html"))}


def _links(text: str) -> Iterator[tuple[str, str, str]]:
    """Path, fragment and text of each link within the site."""
    for match in LINK.finditer(text):
        parts = urlsplit(unescape(match["address"]))
        if not parts.scheme:
            yield unquote(parts.path), unquote(parts.fragment), match["text"]


def _file(page: Path, path: str) -> Path:
    """What a server has at a path that is relative to a page."""
    file = (page.parent / path).resolve() if path else page
    return file / "index.html" if file.is_dir() else file


def test_every_link_leads_to_a_page_and_a_place(
    site: Path, pages: dict[Path, str]
) -> None:
    places = {
        path: set(map(unescape, ID.findall(text))) for path, text in pages.items()
    }
    wrong, seen = [], 0
    for page, text in pages.items():
        if page == site / "404.html":  # its links are from the root of a server
            continue
        for path, fragment, _ in _links(text):
            file, seen = _file(page, path), seen + 1
            if not file.is_file() or (fragment and fragment not in places[file]):
                wrong.append((str(page.relative_to(site)), path, fragment))
    assert wrong == []
    assert seen > 3000


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, str]) -> None:
    loaded = {
        unescape(match["address"])
        for text in pages.values()
        for match in LOADS.finditer(text)
    }
    assert len(loaded) > 30
    sheets = list(site.glob("**/*.css"))
    assert len(sheets) > 3
    for sheet in sheets:
        for match in LOADS_IN_CSS.finditer(sheet.read_text("utf-8")):
            loaded.add(match["address"] or match["sheet"])
    assert [a for a in loaded if re.match(r"(?!data:)([a-z]+:|//)", a, re.I)] == []


def test_the_front_page_says_what_the_readme_says() -> None:
    readme = " ".join((ROOT / "README.md").read_text().split()).lower()
    page = (ROOT / "docs" / "index.md").read_text().split("---\n", 2)[2]
    parts = [
        part.removeprefix("```python\n").removesuffix("\n```")
        for part in re.sub(r"\n\n(?=\w+ = )", "\n", page).split("\n\n")
        if not re.match(r"\s*(<|# |\[)", part)
    ]
    assert len(parts) == 5
    for part in parts:
        assert " ".join(part.split()).lower().rstrip(".") in readme
    (picture,) = re.findall(r"!(\[.*?\]\(.*?\))", page)
    assert picture.replace("(", "(docs/") in (ROOT / "README.md").read_text()


def _public() -> Iterator[tuple[str, str]]:
    """Modules, each with a name in its `__all__`."""
    for file in sorted(PACKAGE.glob("**/*.py")):
        module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(file.read_text()).body:
            if ast.unparse(node).startswith("__all__ = "):
                for name in ast.literal_eval(node.value):
                    yield module.removesuffix(".__init__"), name


def test_every_public_name_is_in_the_reference(
    site: Path, pages: dict[Path, str]
) -> None:
    public = [each for each in _public() if each[1] != "__version__"]
    assert len(public) > 120
    for module, name in public:
        if site / "api" / f"{module}.{name}" / "index.html" in pages:
            continue  # a module
        # It may be from a module below; names of classes have capitals.
        place = rf'id="{re.escape(module)}(\.[a-z0-9_]+)*\.{name}"'
        page = pages[site / "api" / module / "index.html"]
        assert re.search(place, page), (module, name)


def test_examples_of_docstrings_are_code(site: Path, pages: dict[Path, str]) -> None:
    reference = [text for path, text in pages.items() if site / "api" in path.parents]
    assert sum(text.count("&gt;&gt;&gt; ") for text in reference) > 150
    assert not any("<blockquote>" in text for text in reference)


def test_links_to_code_lead_to_the_line_that_defines_it(
    site: Path, pages: dict[Path, str]
) -> None:
    seen = 0
    for page in ("reading-the-paper", "reading-the-paper.zh", "claims"):
        path = site / page / "index.html"
        for target, place, text in _links(pages[path]):
            if "source/" not in target or not re.fullmatch(r"<code>\w+</code>", text):
                continue
            source = (path.parent / target).resolve().relative_to(site / "source")
            number = int(place.removeprefix("__codelineno-0-"))
            line = (ROOT / source).read_text().splitlines()[number - 1]
            name = text[len("<code>") : -len("</code>")]
            assert re.match(rf"(class |def )?{name}\b", line.strip()), (source, name)
            seen += 1
    assert seen > 60


def test_the_chinese_page_says_that_it_is_chinese(
    site: Path, pages: dict[Path, str]
) -> None:
    for page, language in {"": "en", ".zh": "zh-Hans"}.items():
        text = pages[site / f"reading-the-paper{page}" / "index.html"]
        assert f'<html lang="{language}"' in text
