"""Paths as a person names them, and text and JSON that somebody else wrote."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keras_alexnet import files
from keras_alexnet.reasons import reason, shortened


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def test_a_home_directory_is_expanded(home: Path) -> None:
    assert files.expanded("~") == str(home)
    assert files.expanded("~/runs/t") == f"{home}/runs/t"
    assert files.expanded(Path("~/runs")) == f"{home}/runs"
    assert files.expanded("~root/x") == "/root/x"


@pytest.mark.parametrize("path", ["runs/~", "a~/b", "", "/~", "gs://a/b", "é\udce9"])
def test_other_paths_stay_as_they_are(path: str, home: Path) -> None:
    assert files.expanded(path) == path


@pytest.mark.parametrize("name", ["~", "~/runs", "~root"])
def test_an_entry_named_tilde_can_be_reached(name: str, home: Path) -> None:
    meant = files.expanded(f"./{name}")
    assert os.path.abspath(f"./{name}") == meant
    assert files.expanded(Path(meant)) == meant


def test_no_such_home_is_an_error_unless_the_file_is_there(home: Path) -> None:
    with pytest.raises(ValueError, match=r"home directory.*'~nobody-at-all/x'"):
        files.expanded("~nobody-at-all/x")
    Path("./~nobody-at-all").touch()
    assert files.expanded("~nobody-at-all") == "~nobody-at-all"


@pytest.mark.parametrize("content", [b"a\nb\n", b"\xef\xbb\xbfa\nb\n"])
def test_text_is_the_same_with_and_without_a_bom(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "text").write_bytes(content)
    assert files.read_text(tmp_path / "text") == "a\nb\n"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "Expecting value"),
        (b'{"numbers": [1, 2', "Expecting"),
        (b"\x89PNG\r\n", "invalid start byte at byte 0"),
        (b"[" * 100_000, "recursion"),
        (b"[1]", "a list, no object"),
        (b"{}", "'numbers' is missing"),
        (b'{"numbers": 3}', "'numbers' is no list"),
    ],
)
def test_damaged_json_is_named_with_the_reason(
    content: bytes, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=why) as caught:
        files.read_json(path, numbers=list)
    assert repr(str(path)) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.compat
def test_json_is_read(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_bytes(b'\xef\xbb\xbf{"numbers": [1], "more": 2}')
    read = files.read_json(tmp_path / "data.json", numbers=list)
    assert read == {"numbers": [1], "more": 2}


def test_a_long_reason_keeps_its_end() -> None:
    long = f"{'/folder' * 60}/file; No space left on device"
    assert len(shortened(long, 120)) == 120
    assert shortened(long, 120).endswith("No space left on device")
    assert shortened("short", 120) == "short"
    assert reason(ValueError(long)).endswith("No space left on device")
    assert reason(KeyError("a name")) == "a name"
    assert reason(EOFError()) == "EOFError"
