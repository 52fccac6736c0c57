"""Flagfiles as editors save them, and as they get damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keras_alexnet import commands
from keras_alexnet.commands import flags
from keras_alexnet.commands.prepare import Config


def parsed(path: Path, *more: str) -> Config:
    given = ["prepare", "--data=shapes", f"--flagfile={path}", *more]
    config, rest = flags.parse(Config, given)
    assert rest == []
    return config


@pytest.mark.compat
@pytest.mark.parametrize(
    "content",
    [
        b"--size=64\n--out=a b\n",
        b"\xef\xbb\xbf--size=64\n--out=a b\n",
        b"\xef\xbb\xbf# a comment\r\n\r\n// another\r\n--size=64\r\n--out=a b\r\n",
        b"  --size=64\n--out=a b",
    ],
)
def test_a_flagfile_is_the_same_however_it_was_saved(
    content: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "my.flags"
    path.write_bytes(content)
    config = parsed(path)
    assert (config.size, config.out) == (64, "a b")
    assert parsed(path, "--size=32").size == 32


@pytest.mark.compat
def test_flagfiles_name_others_in_utf8_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "one.flags").write_text("--flagfile=~/two.flags\n--quality=80\n")
    (tmp_path / "two.flags").write_bytes(b"--out=~/caf\xe9\n--quality=70\n")
    config = parsed(tmp_path / "one.flags")
    assert os.fsencode(config.out) == os.fsencode(tmp_path) + b"/caf\xe9"
    assert config.quality == 80


BAD = {
    "binary": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a flag a line"),
    "text": (b"--size=64\nfolder:pictures\n", "with 'folder:pictures'"),
    "unknown flag": (b"--sise=64\n", "Unknown command line flag 'sise'"),
    "another type": (b"--size=64\n--quality=good\n", "--quality=good"),
    "cut short": (b"--size=64\n--qual", "'qual'"),
    "itself": (b"--flagfile=my.flags\n", "must not name itself"),
    "a directory": (None, "Is a directory"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_damaged_flagfile_is_named_with_the_reason(
    case: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content, reason = BAD[case]
    monkeypatch.chdir(tmp_path)
    if content is None:
        Path("my.flags").mkdir()
    else:
        Path("my.flags").write_bytes(content)
    with pytest.raises(SystemExit) as caught:
        commands.main(["keras-alexnet", "prepare", "--flagfile=my.flags"])
    err = capsys.readouterr().err
    assert (caught.value.code, err.count("\n")) == (2, 1)
    assert "'my.flags'" in err
    assert reason in err
