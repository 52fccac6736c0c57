"""SavedModels run as a server runs them, and the networks that are compared.

A server loads a SavedModel into a session of the C++ runtime and fetches tensors by
name: `tf.compat.v1.Session` is that session. (`tf.saved_model.load` would make Python
functions of it, which no server has.)
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from network import SIDE, stock_network

import keras_alexnet

BORDERED = 259  # keras_alexnet.data.views.bordered_size(227)
v1 = tf.compat.v1
Serve = Callable[..., dict[str, np.ndarray]]


class Servable:
    """A SavedModel in a session: `servable(signature, input=array)`."""

    def __init__(self, path: Path) -> None:
        self._session = v1.Session(graph=tf.Graph())
        with self._session.graph.as_default():
            loaded = v1.saved_model.load(self._session, ["serve"], str(path))
        self._signatures = loaded.signature_def
        self._calls: dict[str, Callable] = {}

    def __call__(self, name: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        signature = self._signatures[name]
        if name not in self._calls:
            fetches = {key: info.name for key, info in signature.outputs.items()}
            feeds = [info.name for _, info in sorted(signature.inputs.items())]
            self._calls[name] = self._session.make_callable(fetches, feeds)
        return self._calls[name](*(value for _, value in sorted(inputs.items())))

    def network(self) -> Callable[[np.ndarray], np.ndarray]:
        """Its signature `serving_default`, which must have one input and one output."""
        (name,) = self._signatures["serving_default"].inputs

        def run(images: np.ndarray) -> np.ndarray:
            (scores,) = self("serving_default", **{name: images}).values()
            return scores

        return run


def networks() -> tuple[keras.Model, keras.Model]:
    """AlexNet and the same in stock Keras layers, with the same weights."""
    ours = keras_alexnet.AlexNet(input_shape=(SIDE, SIDE, 3))
    stock = keras.Sequential([*stock_network().layers, keras.layers.Softmax()])
    stock.build((None, SIDE, SIDE, 3))
    rng = np.random.default_rng(0)
    weights = [_drawn(rng, weight.shape) for weight in ours.get_weights()]
    ours.set_weights(weights)
    stock.set_weights(weights)
    return ours, stock


def _drawn(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Random weights that keep the scale of activations, as trained ones do."""
    if len(shape) == 1:
        return np.full(shape, 0.1, np.float32)
    scale = 1 / np.sqrt(np.prod(shape[:-1]))
    return rng.normal(0, scale, shape).astype(np.float32)


def pictures(count: int) -> np.ndarray:
    """Prepared pictures, as the network reads them."""
    rng = np.random.default_rng(1)
    return (rng.normal(size=(count, SIDE, SIDE, 3)) * 60).astype(np.float32)


def decoded(count: int) -> np.ndarray:
    """Decoded pictures, of the size that crops are cut from."""
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (count, BORDERED, BORDERED, 3), np.uint8)


def jpegs(count: int, height: int = 375, width: int = 500) -> np.ndarray:
    """JPEG files of the size that most pictures of ImageNet have."""
    rng = np.random.default_rng(2)
    coarse = rng.integers(0, 256, (count, height // 25, width // 25, 3))
    smooth = tf.image.resize(coarse, [height, width], "bicubic")
    pixels = tf.cast(tf.clip_by_value(smooth, 0, 255), tf.uint8)
    return np.array([tf.io.encode_jpeg(each).numpy() for each in pixels], object)
