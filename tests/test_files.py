"""Paths as a person names them, and text and JSON that somebody else wrote."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from keras_alexnet import files, json_schema
from keras_alexnet.reasons import outside, reason, shortened, shown


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


HOSTILE = "\x1b[31mred\x1b[0m\x9b2J\u202e\x85end"


def test_what_others_say_is_one_short_line_without_signs() -> None:
    # Keras colours its messages; C1 and signs of direction can control a terminal.
    assert outside(HOSTILE) == r"red\x9b2J\u202e end"
    assert reason(ValueError(HOSTILE)) == outside(HOSTILE)
    for text in (
        outside(HOSTILE * 10**5),
        shown([HOSTILE] * 10**5),
        shown("a" * 10**6),
    ):
        assert text.isprintable()
        assert len(text) <= 1000


@dataclasses.dataclass
class Inner:
    pair: tuple[int, float]
    more: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("value", "kind", "fault"),
    [
        ([1, 0.5], tuple[int, float], None),
        ((1, 0.5), tuple[int, float], None),
        ([1, "a"], tuple[int, float], "'x[1]' is no float"),
        ([1], tuple[int, float], "'x' has not 2 entries"),
        (3, tuple[int, float], "'x' is no list"),
        (["a", 1], tuple[str, ...], "'x[1]' is no str"),
        ({"pair": [1, 2]}, Inner, None),
        ({"pair": [1, None]}, Inner, "'x.pair[1]' is no float"),
        ({"pair": [1, 2], "more": [None]}, Inner, "'x.more[0]' is no str"),
        ({"pair": [1, 2], "other": 1}, Inner, "'x.other' is unknown"),
    ],
)
def test_lists_of_a_fixed_length_are_declared(
    value: Any, kind: Any, fault: str | None
) -> None:
    assert json_schema.fault(value, kind, "x") == fault


def test_what_may_be_none_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"order": 2}')
    kinds = {"order": int | None, "seed": int | None}
    assert files.read_json(tmp_path / "a.json", **kinds) == {"order": 2, "seed": None}
    (tmp_path / "a.json").write_text('{"order": "2"}')
    with pytest.raises(ValueError, match="'order' is no int"):
        files.read_json(tmp_path / "a.json", **kinds)
