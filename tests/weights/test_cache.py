"""The cache of converted weights: one download, whole files, nothing left behind."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from weights_server import NOWHERE, WeightsServer, published

from keras_alexnet.weights import get
from keras_alexnet.weights.cache import cached, location
from keras_alexnet.weights.published import WeightSet

CONTENT = b"as published"
NAME = "bvlc_alexnet-{}.weights.h5"

# A Python of its own that asks for the weights and says where they are.
ASK = """
import dataclasses, hashlib, sys
from keras_alexnet.weights import cache, get
url, content = sys.argv[1], sys.argv[2].encode()
digest = hashlib.sha1(content).hexdigest()
record = dataclasses.replace(
    get("imagenet"), url=url, size=len(content), digest=digest,
    mirrors=(), other_digests=(),
)
convert = lambda raw, made: made.write_bytes(raw.read_bytes().upper())
print(cache.cached(record, convert))
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache in a Keras home of these tests."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "keras_alexnet"


def record(url: str = NOWHERE, name: str = "imagenet") -> WeightSet:
    return published(CONTENT, url, name)


def convert(raw: Path, made: Path) -> None:
    assert made.name.endswith(".weights.h5")
    made.write_bytes(raw.read_bytes().upper())


def seen(folder: Path) -> list[str]:
    """What is in the cache, besides the lock's empty file and the checksums."""
    beside = (".lock", ".sha256")
    names = (p.name for p in folder.iterdir())
    return sorted(n for n in names if not (n.startswith(".") and n.endswith(beside)))


@pytest.mark.compat
def test_the_second_call_needs_no_network(home: Path) -> None:
    made_here: list[int] = []

    def noted(raw: Path, made: Path) -> None:
        convert(raw, made)
        made_here.append(made.stat().st_ino)

    with WeightsServer(CONTENT) as server:
        path = cached(record(server.url), noted)
        assert cached(record(server.url), noted) == path
        assert len(server.requests) == 1
    assert made_here == [path.stat().st_ino]  # moved there, not written there
    assert cached(record("http://127.0.0.1:9"), convert) == path
    assert path == home / NAME.format(hashlib.sha1(CONTENT).hexdigest()[:8])
    assert path.read_bytes() == CONTENT.upper()
    assert seen(home) == [path.name]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.compat
def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("imagenet", "bvlc_alexnet"):
        path = location(get(name))
        assert path == tmp_path / "home/keras_alexnet" / NAME.format("9116a64c")
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert location(get("imagenet")).parent == tmp_path / ".keras/keras_alexnet"


def test_a_folder_of_files_is_read_in_place(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_ALEXNET_WEIGHTS", str(tmp_path))
    file = tmp_path / "bvlc_alexnet.caffemodel"
    file.write_bytes(CONTENT)
    assert cached(record(), convert).read_bytes() == CONTENT.upper()
    assert file.read_bytes() == CONTENT
    assert len(seen(home)) == 1


@pytest.mark.compat
@pytest.mark.parametrize("fault", ["404", "cut", "hash", "converter", "interrupt"])
def test_a_failure_leaves_nothing_and_the_next_call_succeeds(
    home: Path, fault: str
) -> None:
    faults: dict = {"404": {"status": 404}, "cut": {"cuts": (1, 1, 1)}}
    content = CONTENT if fault != "hash" else CONTENT.upper()

    def failing(raw: Path, made: Path) -> None:
        made.write_bytes(b"half")
        if fault in ("converter", "interrupt"):
            raise ValueError("no") if fault == "converter" else KeyboardInterrupt

    with (
        WeightsServer(content, **faults.get(fault, {})) as server,
        pytest.raises((ValueError, KeyboardInterrupt)),
    ):
        cached(record(server.url), failing)
    assert seen(home) == []
    with WeightsServer(CONTENT) as server:
        assert cached(record(server.url), convert).read_bytes() == CONTENT.upper()


def ask(url: str) -> subprocess.Popen:
    command = [sys.executable, "-c", ASK, url, CONTENT.decode()]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)


def says(process: subprocess.Popen) -> str:
    """Whether a process downloads or waits, by its line on standard error."""
    assert process.stderr is not None
    words = (line.split(" ")[0].strip() for line in process.stderr)
    return next(word for word in words if word in ("downloading", "waiting"))


@pytest.mark.compat
@pytest.mark.parametrize("killed", [False, True])
def test_of_two_processes_one_downloads_and_the_other_waits(
    home: Path, killed: bool
) -> None:
    with WeightsServer(CONTENT, held=True) as server:
        pair = [ask(server.url), ask(server.url)]
        said = {says(process): process for process in pair}
        one, other = said["downloading"], said["waiting"]
        assert server.asked.wait(120)
        assert len(seen(home)) == 1  # it has begun
        if killed:
            one.kill()
            one.communicate()  # what it has left behind, the other removes at once
        server.go.set()
        for process in (one, other)[killed:]:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
            assert Path(out.strip()).read_bytes() == CONTENT.upper()
        assert len(server.requests) == 1 + killed
    assert seen(home) == [location(record()).name]


def unpublished(url: str) -> WeightSet:
    """A set whose publisher states neither hash nor size."""
    return published(CONTENT, url, "places365", digest=None, size=None)


@pytest.mark.compat
def test_without_a_published_hash_the_first_download_is_held_to(
    home: Path, capsys: pytest.CaptureFixture
) -> None:
    first = home / "places365.sha256"
    with WeightsServer(CONTENT) as server:
        path = cached(unpublished(server.url), convert)
    assert path == home / "places365.weights.h5"
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert first.read_text() == f"{digest}  alexnet_places365.caffemodel\n"
    said = capsys.readouterr().err
    assert f"is published: it has sha256 {digest}, which is kept in {first}" in said
    assert seen(home) == ["places365.sha256", "places365.weights.h5"]

    path.unlink()  # as somebody does who downloads it again
    with (
        WeightsServer(CONTENT[::-1]) as server,
        pytest.raises(ValueError, match="since the first download had") as caught,
    ):
        cached(unpublished(server.url), convert)
    assert f"must have sha256 {digest}; it was removed" in str(caught.value)
    assert f"another file now, remove '{first}'. Received: sha256" in str(caught.value)
    assert seen(home) == ["places365.sha256"]
    with WeightsServer(CONTENT) as server:
        assert cached(unpublished(server.url), convert) == path
    assert "is published" not in capsys.readouterr().err

    path.unlink()
    first.write_text("no hash")
    with (
        WeightsServer(CONTENT) as server,
        pytest.raises(ValueError, match=r"as sha256sum writes it.*places365\.sha256"),
    ):
        cached(unpublished(server.url), convert)
    assert server.requests == []


@pytest.mark.compat
def test_a_first_download_that_cannot_be_read_is_not_held_to(home: Path) -> None:
    def failing(raw: Path, made: Path) -> None:
        raise ValueError("it is a page, no caffemodel")

    with WeightsServer(b"<html>") as server, pytest.raises(ValueError, match="a page"):
        cached(unpublished(server.url), failing)
    assert seen(home) == []


def test_the_leftovers_of_another_weight_set_stay(home: Path) -> None:
    other = home / f".{location(record(name='bvlc_caffenet')).name}.begun"
    mine = home / f".{location(record()).name}.begun"
    for folder in (other, mine):
        folder.mkdir(parents=True)
    with WeightsServer(CONTENT) as server:
        path = cached(record(server.url), convert)
    assert seen(home) == [other.name, path.name]
