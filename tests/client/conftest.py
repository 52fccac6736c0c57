"""A small export that keeps the contract of ours, and servers that serve it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import tensorflow as tf
from colours import Colours, png, write_versions
from model_server import ModelServer


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A servable of two versions, as `export` writes them."""
    return write_versions(tmp_path_factory.mktemp("colours"))


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A servable of somebody else, without the signature that the client asks."""
    root = tmp_path_factory.mktemp("other")
    model = Colours()
    tf.saved_model.save(model, str(root / "1"), {"serving_default": model.double})
    return root


@pytest.fixture(scope="module")
def server(colours: Path, other: Path) -> Iterator[ModelServer]:
    """A server of `alexnet`, with labels, and of `other`."""
    labels = {"stable": 1, "canary": 2}
    with ModelServer({"alexnet": colours, "other": other}, labels) as running:
        yield running


@pytest.fixture(params=["grpc", "http"])
def address(request: pytest.FixtureRequest, server: ModelServer) -> str:
    """Where the server is, over each of its interfaces."""
    return getattr(server, request.param)


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, str]:
    """Two pictures and a text."""
    contents = {
        "red.png": png(192, 64, 0),
        "blue.png": png(0, 64, 128),
        "notes.txt": b"a cat, I think",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return {name: str(tmp_path / name) for name in contents}
