"""Two-tower models that a test can afford, and their weights tower by tower."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from network_reference import READS, Weights

from keras_alexnet import architectures, models

# No two layers of one width, and maps of 2×3 at the end: nothing is mixed up unseen.
FILTERS = (12, 20, 16, 24, 14, 10)
UNITS = (18, 22)
CLASSES = 5
SHAPE = (96, 128, 3)

Packed = dict[str, tuple[np.ndarray, np.ndarray]]  # kernel and bias of each layer
Maps = dict[str, tf.Tensor]


@contextlib.contextmanager
def double_precision() -> Iterator[None]:
    """Layers made within it hold and compute float64."""
    keras.backend.set_floatx("float64")
    keras.mixed_precision.set_global_policy("float64")
    try:
        yield
    finally:
        keras.backend.set_floatx("float32")
        keras.mixed_precision.set_global_policy("float32")


@contextlib.contextmanager
def computing_in(policy: str) -> Iterator[None]:
    """Layers made within it have this policy of Keras."""
    keras.mixed_precision.set_global_policy(policy)
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy("float32")


def small_model(variant: str) -> keras.Model:
    """A variant of few maps and units, in float64, to its logits."""
    record = architectures.get(variant)
    convolutions = [
        dataclasses.replace(convolution, filters=filters)
        for convolution, filters in zip(record.convolutions, FILTERS, strict=False)
    ]
    record = dataclasses.replace(record, convolutions=tuple(convolutions), dense=UNITS)
    with double_precision():
        model = models.build(
            record, input_shape=SHAPE, classes=CLASSES, classifier_activation=None
        )
    fill(model)
    return model


def fill(model: keras.Model) -> None:
    """Gives weights under which every normalisation and every class counts."""
    rng = np.random.default_rng(0)
    for name in named(model):
        layer = model.get_layer(name)
        shape, units = layer.kernel.shape, layer.bias.shape[0]
        gain = 0.02 if name == "fc8" else 2.0
        kernel = rng.standard_normal(shape, "float32")
        kernel *= np.float32(gain / np.sqrt(np.prod(shape[:-1])))
        layer.set_weights([kernel, rng.normal(0, gain, units)])


def named(model: keras.Model) -> list[str]:
    """The layers that have weights, from conv1 to fc8."""
    return [layer.name for layer in model.layers if layer.weights]


def packed_weights(model: keras.Model) -> Packed:
    """Kernel and bias of each layer."""
    return {name: tuple(model.get_layer(name).get_weights()) for name in named(model)}


def by_tower(packed: Packed) -> Weights:
    """Weights, or their gradients, of packed layers as the towers hold them.

    The first half of a layer's outputs is tower a's. A kernel that reads both towers
    has tower a's share first, and fc6 has it so at every pixel of the last maps.
    """
    weights: Weights = {}
    maps = 0
    for name, (kernel, bias) in packed.items():
        if name == "fc6":
            kernel = kernel.reshape(-1, maps, len(bias))
        towers = len(READS[name])
        shares = zip(
            READS[name],
            np.split(kernel, towers, axis=-1),
            np.split(bias, towers),
            strict=True,
        )
        weights[name] = [(np.split(k, len(r), axis=-2), b) for r, k, b in shares]
        maps = len(bias)
    return weights


def pictures(batch: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Random prepared pictures: the mean is off, the scale is that of 0-255."""
    return np.random.default_rng(1).normal(0, 60, (batch, *shape)).astype("float32")


def probed(
    model: keras.Model, images: np.ndarray, labels: np.ndarray
) -> tuple[Maps, Maps, np.ndarray, Packed]:
    """What the layers with weights read, what they give, and gradients.

    These are of the mean of −log p, by the images and by the weights.
    """
    layers = {name: model.get_layer(name) for name in named(model)}
    ends = [{name: end(x) for name, x in layers.items()} for end in (_read, _given)]
    probe = keras.Model(model.input, ends)
    x = tf.constant(images, model.input.dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        read, given = probe(x)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, given["fc8"])
        loss = tf.reduce_mean(losses)
    weights = {name: (layer.kernel, layer.bias) for name, layer in layers.items()}
    of_images, of_weights = tape.gradient(loss, [x, weights])
    packed = {n: tuple(map(np.asarray, pair)) for n, pair in of_weights.items()}
    return read, given, np.asarray(of_images), packed


def _read(layer: keras.layers.Layer) -> tf.Tensor:
    return layer.input


def _given(layer: keras.layers.Layer) -> tf.Tensor:
    return layer.output
