"""Where files come from instead of the publisher: mirrors and folders."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from weights_server import WeightsServer, published

from keras_alexnet.weights.download import fetch
from keras_alexnet.weights.published import WeightSet

CONTENT = b"as published"
SHA1 = hashlib.sha1(CONTENT).hexdigest()


def refused(record: WeightSet, directory: Path) -> str:
    with pytest.raises(ValueError, match="Received: ") as error:
        fetch(record, directory)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.compat
@pytest.mark.parametrize("ending", ["", "/", "/models", "/models/"])
def test_a_mirror_replaces_the_publisher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    with WeightsServer(CONTENT) as server:
        monkeypatch.setenv("KERAS_ALEXNET_WEIGHTS", server.url + ending)
        assert fetch(published(CONTENT), tmp_path).read_bytes() == CONTENT
        wanted = f"{ending.rstrip('/')}/bvlc_alexnet.caffemodel"
        assert server.requests == [(wanted, None)]


@pytest.mark.compat
def test_a_file_of_a_folder_is_copied_and_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_ALEXNET_WEIGHTS", "~/mine")
    file = tmp_path / "mine" / "bvlc_alexnet.caffemodel"
    with WeightsServer(CONTENT) as server:
        wanted = published(CONTENT, server.url)
        assert f"'{file.parent}', which is no folder" in refused(wanted, here)
        file.parent.mkdir()
        message = refused(wanted, here)
        assert f"holds bvlc_alexnet.caffemodel (sha1 {SHA1})" in message
        assert message.endswith("which has no such file")
        file.write_bytes(CONTENT)
        copy = fetch(wanted, here)
        assert copy == here / file.name
        assert copy.read_bytes() == CONTENT
        copy.unlink()
        file.write_bytes(b"short")
        assert "must have 12 bytes; it is not used" in refused(wanted, here)
        file.write_bytes(b"x" * len(CONTENT))
        assert f"must have sha1 {SHA1}; it is not used" in refused(wanted, here)
        assert file.is_file()  # it is the person's, whatever it is
        assert server.requests == []
    assert list(here.iterdir()) == []


@pytest.mark.parametrize(
    "place",
    [
        "ftp://127.0.0.1",
        "file:///tmp",
        "http://",
        "http://:80",
        "https://[127.0.0.1",
        "http://127.0.0.1:port",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/ä",
    ],
)
def test_an_invalid_address_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("KERAS_ALEXNET_WEIGHTS", place)
    message = refused(published(CONTENT), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert message.startswith("KERAS_ALEXNET_WEIGHTS must be an http:// or https://")
    assert message.endswith(f"Received: KERAS_ALEXNET_WEIGHTS={place!r}")
