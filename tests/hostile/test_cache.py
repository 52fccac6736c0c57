"""A cache in which somebody else has put something: made anew, or one line."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from weights_server import NOWHERE, WeightsServer, published

from keras_alexnet.weights.cache import cached, location

CONTENT = b"as published"
NAME = location(published(CONTENT)).name
Change = Callable[[Path], object]

pytestmark = pytest.mark.compat


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("KERAS_ALEXNET_WEIGHTS", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "keras_alexnet"


def convert(raw: Path, made: Path) -> None:
    made.write_bytes(raw.read_bytes().upper())


def ask(url: str = NOWHERE) -> Path:
    return cached(published(CONTENT, url), convert)


def checksum(folder: Path) -> Path:
    return folder / f".{NAME}.sha256"


# What is changed in a cache that holds the file, as damage or an attacker would.
REPLACED: dict[str, Change] = {
    "planted": lambda d: (d / NAME).write_bytes(b"another network's"),
    "longer": lambda d: (d / NAME).write_bytes(CONTENT.upper() + b"\0"),
    "empty": lambda d: (d / NAME).write_bytes(b""),
    "no checksum": lambda d: checksum(d).unlink(),
    "other checksum": lambda d: checksum(d).write_text("0" * 64 + f"  {NAME}\n"),
    "of another name": lambda d: checksum(d).write_text(
        checksum(d).read_text().replace(NAME, "other")
    ),
    "checksum in bytes": lambda d: checksum(d).write_bytes(b"\xff" * 100),
    "checksum a pipe": lambda d: (checksum(d).unlink(), os.mkfifo(checksum(d))),
    "checksum a loop": lambda d: (
        checksum(d).unlink(),
        checksum(d).symlink_to(checksum(d)),
    ),
    "a link to a file": lambda d: (
        (d / NAME).unlink(),
        (d / NAME).symlink_to("/etc/passwd"),
    ),
}


@pytest.mark.parametrize("name", REPLACED)
def test_what_was_not_written_there_is_fetched_anew_and_said(
    home: Path, capsys: pytest.CaptureFixture, name: str
) -> None:
    with WeightsServer(CONTENT) as server:
        path = ask(server.url)
        sum_line = f"{hashlib.sha256(CONTENT.upper()).hexdigest()}  {NAME}\n"
        assert checksum(home).read_text() == sum_line
        REPLACED[name](home)
        assert "is not used" not in capsys.readouterr().err
        assert ask(server.url) == path
        assert len(server.requests) == 2
    said = capsys.readouterr().err
    assert f"{path} is not used, since it has not the checksum" in said
    assert "weights='bvlc_alexnet' is fetched anew" in said
    assert path.read_bytes() == CONTENT.upper()
    assert not path.is_symlink()
    assert checksum(home).read_text() == sum_line
    assert ask(NOWHERE) == path  # without a network


def test_it_is_never_used_where_nothing_can_be_fetched(home: Path) -> None:
    with WeightsServer(CONTENT) as server:
        path = ask(server.url)
    path.write_bytes(b"another network's")
    with pytest.raises(ValueError, match="must be available at"):
        ask(NOWHERE)
    assert path.read_bytes() == b"another network's"  # it may be somebody's


def in_place(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


# What is in the place of a file before the first call, and what the message names.
IN_PLACE: dict[str, tuple[Change, str]] = {
    "folder": (lambda d: in_place(d / NAME).mkdir(), NAME),
    "full folder": (lambda d: in_place(d / NAME / "a").mkdir(parents=True), NAME),
    "link to a folder": (lambda d: in_place(d / NAME).symlink_to("/etc"), NAME),
    "checksum": (lambda d: in_place(checksum(d)).mkdir(), f".{NAME}.sha256"),
    "lock": (lambda d: in_place(d / f".{NAME}.lock").mkdir(), ""),
    "cache": (lambda d: in_place(d).write_bytes(b""), "keras_alexnet"),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_folders_and_links_in_the_place_of_files_are_one_line(
    home: Path, name: str
) -> None:
    change, named = IN_PLACE[name]
    change(home)
    with WeightsServer(CONTENT) as server:
        with pytest.raises(
            ValueError, match="the cache of weights='bvlc_alexnet'"
        ) as e:
            ask(server.url)
        assert server.requests == []
    assert "\n" not in str(e.value)
    assert named in str(e.value).partition("Received: ")[2]


def test_a_link_in_the_place_of_the_lock_truncates_nothing(
    home: Path, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"somebody's")
    in_place(home / f".{NAME}.lock").symlink_to(victim)
    with (
        WeightsServer(CONTENT) as server,
        pytest.raises(ValueError, match=r"the cache of weights='bvlc_alexnet' must be"),
    ):
        ask(server.url)
    assert victim.read_bytes() == b"somebody's"


def test_a_link_among_leftovers_is_not_followed(home: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    in_place(home / f".{NAME}.begun").symlink_to(tmp_path / "mine")
    with WeightsServer(CONTENT) as server:
        assert ask(server.url).read_bytes() == CONTENT.upper()
    assert (tmp_path / "mine" / "file").exists()


def test_what_is_read_of_a_folder_is_what_was_checked(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_ALEXNET_WEIGHTS", str(tmp_path))
    source = tmp_path / "bvlc_alexnet.caffemodel"
    source.write_bytes(CONTENT)

    def late(raw: Path, made: Path) -> None:
        source.write_bytes(b"another network's")  # after its hash was taken
        convert(raw, made)

    assert cached(published(CONTENT), late).read_bytes() == CONTENT.upper()
