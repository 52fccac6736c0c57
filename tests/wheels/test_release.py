"""A release: the same bytes each time, and what it says of itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

pytestmark = pytest.mark.wheels

ROOT = Path(__file__).resolve().parent.parent.parent
VERSION = re.search(
    r'"(.*)"', (ROOT / "keras_alexnet" / "_version.py").read_text()
).group(1)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of its own, with one commit, tagged with the version."""
    import release
    import wheels

    root = tmp_path / "checkout"
    wheels.copy_checkout(root)
    for module in (release, wheels):
        monkeypatch.setattr(module, "ROOT", root)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@b")
    for command in (
        ["init", "--quiet"],
        ["add", "--all"],
        ["commit", "--quiet", "--message=all"],
        ["tag", f"v{VERSION}"],
    ):
        subprocess.run(["git", "-C", root, *command], check=True)
    return root


def test_it_is_the_same_each_time_and_whole(checkout: Path, tmp_path: Path) -> None:
    import release

    first, second = tmp_path / "first", tmp_path / "second"
    for out in (first, second):
        release.build_release(f"v{VERSION}", out, ["any"])
        (checkout / "keras_alexnet" / "stray.py").touch()  # not in the tag
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    assert len(names) == 5
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    checked = subprocess.run(check, cwd=first, capture_output=True, text=True)
    assert checked.stdout.count(": OK") == 4
    with tarfile.open(first / f"keras_alexnet-{VERSION}.tar.gz") as sdist:
        within = [name.partition("/")[2] for name in sdist.getnames()]
        assert {entry.mtime for entry in sdist} == {1767323045}
    assert "ops/release.py" in within
    assert "keras_alexnet/stray.py" not in within
    notes = (first / f"keras-alexnet-{VERSION}.notes.md").read_text()
    assert notes.startswith(f"## [{VERSION}] - ")
    assert notes in (checkout / "CHANGELOG.md").read_text()
    assert notes.count("\n## ") == 0
    bill = json.loads((first / f"keras-alexnet-{VERSION}.cdx.json").read_text())
    with ZipFile(first / f"keras_alexnet-{VERSION}-py3-none-any.whl") as wheel:
        facts = wheel.read(f"keras_alexnet-{VERSION}.dist-info/METADATA").decode()
    required = {
        re.match(r"[\w-]+", line)[0]
        for line in Parser().parsestr(facts).get_all("Requires-Dist")
        if "extra ==" not in line
    }
    listed = {component["name"] for component in bill["components"]}
    assert required < listed
    assert listed - required == {"libc++", "libc++abi", "libunwind"}


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        ("keras_alexnet/_version.py", VERSION, "9", "_version.py must have the line"),
        ("CITATION.cff", f"version: {VERSION}", "version: 9", "CITATION.cff must have"),
        ("CHANGELOG.md", f"[{VERSION}]", "[9]", "CHANGELOG.md must have a section"),
    ],
)
def test_a_tag_that_does_not_fit_is_refused(
    checkout: Path, tmp_path: Path, name: str, before: str, after: str, expected: str
) -> None:
    import release
    from compiling import BuildError

    text = (checkout / name).read_text()
    assert before in text
    (checkout / name).write_text(text.replace(before, after))
    git = ["git", "-C", str(checkout)]
    subprocess.run([*git, "commit", "--all", "--quiet", "--message=x"], check=True)
    subprocess.run([*git, "tag", "--force", f"v{VERSION}"], check=True)
    with pytest.raises(BuildError, match=expected):
        release.build_release(f"v{VERSION}", tmp_path / "out", ["any"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["release", "v0.0"], "TAG must name a tag"),
        (
            ["release", f"v{VERSION}", "--out=."],
            "--out must be a new or an empty folder",
        ),
    ],
)
def test_the_command_refuses_in_one_line(
    tmp_path: Path, arguments: list[str], expected: str
) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        [sys.executable, ROOT / "ops" / "build.py", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert expected in done.stderr
