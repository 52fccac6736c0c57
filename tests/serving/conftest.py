"""A small export that keeps the contract of ours, and servers that serve it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from model_server import ModelServer
from PIL import Image

COLOURS = ("red", "green", "blue")


class Colours(tf.Module):
    """Names the strongest colours of pictures; what is no PNG is not valid."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def classify_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        valid = tf.strings.substr(image_bytes, 0, 4) == b"\x89PNG"
        view = tf.TensorSpec([3], tf.float32)
        means = tf.map_fn(self._mean, (image_bytes, valid), fn_output_signature=view)
        scores, places = tf.math.top_k(means / 256, 2)
        names = tf.where(valid[:, None], tf.gather(COLOURS, places), "")
        return {"classes": names, "scores": scores, "valid": valid}

    def _mean(self, picture: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        image, valid = picture
        return tf.cond(
            valid,
            lambda: tf.reduce_mean(
                tf.cast(tf.io.decode_png(image, channels=3), tf.float32), [0, 1]
            ),
            lambda: tf.zeros([3]),
        )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def double(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": 2 * x}


def png(red: int, green: int, blue: int) -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    pixels = np.full((5, 7, 3), (red, green, blue), np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A servable of two versions, as `export` writes them."""
    root = tmp_path_factory.mktemp("colours")
    model = Colours()
    for version in ("1", "2"):
        tf.saved_model.save(
            model, str(root / version), {"classify_bytes": model.classify_bytes}
        )
    return root


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
