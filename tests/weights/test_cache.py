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
    get("imagenet"), url=url, size=len(content), digest=digest
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
    """What is in the cache, besides the lock's empty file."""
    return sorted(p.name for p in folder.iterdir() if not p.name.endswith(".lock"))


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
            one.communicate()
            assert len(seen(home)) == 1  # what it has left behind
        server.go.set()
        for process in (one, other)[killed:]:
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
            assert Path(out.strip()).read_bytes() == CONTENT.upper()
        assert len(server.requests) == 1 + killed
    assert seen(home) == [location(record()).name]


def test_the_leftovers_of_another_weight_set_stay(home: Path) -> None:
    other = home / f".{location(record(name='bvlc_caffenet')).name}.begun"
    mine = home / f".{location(record()).name}.begun"
    for folder in (other, mine):
        folder.mkdir(parents=True)
    with WeightsServer(CONTENT) as server:
        path = cached(record(server.url), convert)
    assert seen(home) == [other.name, path.name]
