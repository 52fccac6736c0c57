"""A cache that cannot be written to: it gives what it holds, or says so at once."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from weights_server import WeightsServer, published

from keras_alexnet.weights.cache import cached, location

CONTENT = b"as published"


def convert(raw: Path, made: Path) -> None:
    made.write_bytes(raw.read_bytes())


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home whose cache nobody may write to, not even the root user for a while."""
    home = Path(tempfile.mkdtemp())
    (home / "keras_alexnet").mkdir()
    monkeypatch.setenv("KERAS_HOME", str(home))
    home.chmod(0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, home)
        stack.callback((home / "keras_alexnet").chmod, 0o755)
        if os.geteuid() == 0:
            stack.callback(os.seteuid, 0)
        yield home / "keras_alexnet"


def drop_rights(folder: Path) -> None:
    folder.chmod(0o555)
    if os.geteuid() == 0:
        os.seteuid(65534)  # nobody


@pytest.mark.compat
def test_a_read_only_cache_is_read(read_only: Path) -> None:
    with WeightsServer(CONTENT) as server:
        path = cached(published(CONTENT, server.url), convert)
        (read_only / f".{path.name}.lock").unlink()
        drop_rights(read_only)
        assert cached(published(CONTENT, server.url), convert) == path
        assert len(server.requests) == 1
    assert path.read_bytes() == CONTENT


def refused(url: str) -> str:
    with pytest.raises(
        ValueError, match=r"the cache of weights='\w+' must be"
    ) as error:
        cached(published(CONTENT, url), convert)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("lock", [False, True])
def test_a_read_only_cache_without_the_file_is_an_error_before_any_download(
    read_only: Path, lock: bool
) -> None:
    if lock:
        file = read_only / f".{location(published(CONTENT)).name}.lock"
        file.touch()
        file.chmod(0o666)
    with WeightsServer(CONTENT) as server:
        drop_rights(read_only)
        message = refused(server.url)
        assert server.requests == []
    assert "set KERAS_HOME to another place, or give the path of the down" in message
    assert "downloaded bvlc_alexnet.caffemodel as weights" in message
    assert message.endswith(f"Received: '{read_only}' (Permission denied)")


@pytest.mark.parametrize(
    ("place", "reason"),
    [("file/home", "Not a directory"), ("file", "Not a directory")],
)
def test_a_cache_that_cannot_be_made_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, reason: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / place))
    with WeightsServer(CONTENT) as server:
        assert refused(server.url).endswith(f"({reason})")
        assert server.requests == []
