"""Two towers are one network of groups, and one of dense kernels with zeros in them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import (
    CLASSES,
    FILTERS,
    SHAPE,
    UNITS,
    Packed,
    double_precision,
    named,
    packed_weights,
    pictures,
    probed,
    small_model,
)

CONVOLUTIONS = {
    "conv1": {"kernel_size": 11, "strides": 4},
    "conv2": {"kernel_size": 5, "padding": "same"},
    "conv3": {"kernel_size": 3, "padding": "same"},
    "conv4": {"kernel_size": 3, "padding": "same"},
    "conv5": {"kernel_size": 3, "padding": "same"},
}
OWN = ("conv2", "conv4", "conv5")  # a tower's kernels read its own maps
IMAGES, LABELS = pictures(3), np.arange(3) % CLASSES


def lrn(x: tf.Tensor) -> tf.Tensor:
    """The paper's section 3.3 over all maps of `x`."""
    maps = x.shape[-1]
    squares = tf.pad(tf.square(x), [[0, 0]] * 3 + [[2, 2]])
    energy = tf.add_n([squares[..., g : g + maps] for g in range(5)])
    return x / tf.pow(2 + 1e-4 * energy, 0.75)


def lrn_in_halves(x: tf.Tensor) -> tf.Tensor:
    return tf.concat([lrn(half) for half in tf.split(x, 2, axis=-1)], axis=-1)


def stock_model(towers: int) -> keras.Model:
    """The paper in stock layers: towers a and b apart, or one that holds both."""
    pad = keras.layers.ZeroPadding2D(((0, 3), (0, 3)))
    images = keras.Input(SHAPE)
    x = [pad(images)] * towers
    norm = lrn if towers == 2 else lrn_in_halves
    for (name, how), filters in zip(CONVOLUTIONS.items(), FILTERS, strict=False):
        x = joined(x) if name == "conv3" else x
        x = each(x, name, keras.layers.Conv2D, filters // towers, **how)
        if name in ("conv1", "conv2"):
            x = [keras.layers.Lambda(norm)(maps) for maps in x]
        if name in ("conv1", "conv2", "conv5"):
            x = [keras.layers.MaxPooling2D(3, 2)(maps) for maps in x]
    x = [keras.layers.Flatten()(maps) for maps in joined(x)]
    for name, units in zip(("fc6", "fc7"), UNITS, strict=True):
        x = joined(each(x, name, keras.layers.Dense, units // towers))
    return keras.Model(images, keras.layers.Dense(CLASSES, name="fc8")(x[0]))


def each(x: list, name: str, layer: type, width: int, **how: object) -> list:
    """A layer with a ReLU in each tower, with weights of its own there."""
    suffixes = ("a", "b") if len(x) == 2 else ("",)
    return [
        layer(width, activation="relu", name=name + suffix, **how)(maps)
        for suffix, maps in zip(suffixes, x, strict=True)
    ]


def joined(x: list) -> list:
    """What every tower reads where they meet: both."""
    return [keras.layers.Concatenate()(x)] * 2 if len(x) == 2 else x


def to_blocks(name: str, kernel: np.ndarray) -> np.ndarray:
    """The kernels of two groups as dense ones: zero for the other tower's maps."""
    if name not in OWN:
        return kernel
    first, second = np.split(kernel, 2, axis=-1)
    zeros = np.zeros_like(first)
    upper = np.concatenate([first, zeros], axis=-1)
    return np.concatenate([upper, np.concatenate([zeros, second], -1)], axis=-2)


def from_blocks(name: str, kernel: np.ndarray) -> np.ndarray:
    """What stands in the blocks, as the kernels of two groups."""
    if name not in OWN:
        return kernel
    upper, lower = np.split(kernel, 2, axis=-2)
    half = kernel.shape[-1] // 2
    return np.concatenate([upper[..., :half], lower[..., half:]], axis=-1)


def stock_outcome(towers: int, packed: Packed) -> tuple[np.ndarray, Packed]:
    """Logits of a stock model that has these weights, and the gradients of them."""
    with double_precision():
        model = stock_model(towers)
    for name, (kernel, bias) in packed.items():
        kernel = to_blocks(name, kernel) if towers == 1 else kernel
        holders = [layer for layer in model.layers if layer.name.startswith(name)]
        shares = np.split(kernel, len(holders), -1), np.split(bias, len(holders))
        for layer, *share in zip(holders, *shares, strict=True):
            layer.set_weights(share)
    logits, found = outcome(model)
    gradients = {}
    for name in packed:
        shares = [found[layer] for layer in found if layer.startswith(name)]
        kernel, bias = (
            np.concatenate(halves, -1) for halves in zip(*shares, strict=True)
        )
        gradients[name] = from_blocks(name, kernel) if towers == 1 else kernel, bias
    return logits, gradients


def outcome(model: keras.Model) -> tuple[np.ndarray, Packed]:
    _, given, _, gradients = probed(model, IMAGES, LABELS)
    return np.asarray(given["fc8"]), gradients


@pytest.mark.compat
@pytest.mark.parametrize("towers", [2, 1], ids=["two towers", "zeros in dense kernels"])
def test_the_packed_network_is(towers: int) -> None:
    model = small_model("paper")
    packed = packed_weights(model)
    logits, gradients = outcome(model)
    expected_logits, expected = stock_outcome(towers, packed)
    np.testing.assert_allclose(logits, expected_logits, rtol=1e-10)
    for name in packed:
        for ours, theirs in zip(gradients[name], expected[name], strict=True):
            atol = 1e-10 * np.abs(theirs).max()
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol)


@pytest.mark.compat
def test_the_norm_of_the_stock_models_is_tensorflows() -> None:
    x = pictures(1, (3, 3, 12))  # TensorFlow's has no float64
    expected = tf.nn.local_response_normalization(x, 2, 2.0, 1e-4, 0.75)
    np.testing.assert_allclose(lrn(tf.constant(x)), expected, rtol=1e-5)


@pytest.mark.parametrize("other", [1, 0], ids=["b moves", "a moves"])
@pytest.mark.parametrize(
    ("moved", "crossed"),
    [
        ("conv1", "conv3"),
        ("conv2", "conv3"),
        ("conv3", "fc6"),
        ("conv4", "fc6"),
        ("conv5", "fc6"),
        ("fc6", "fc7"),
    ],
)
def test_a_tower_depends_on_the_other_after_the_crossing(
    moved: str, crossed: str, other: int
) -> None:
    model = small_model("paper")
    _, before, _, _ = probed(model, IMAGES, LABELS)
    layer = model.get_layer(moved)
    kernel, bias = layer.get_weights()
    np.split(kernel, 2, axis=-1)[other][...] *= 1.1
    layer.set_weights([kernel, bias])
    _, after, _, _ = probed(model, IMAGES, LABELS)
    names = named(model)[:-1]
    for name in names:
        change = [np.any(half) for half in np.split(after[name] - before[name], 2, -1)]
        reached = names.index(name) >= names.index(moved)
        crossing = names.index(name) >= names.index(crossed)
        assert change[other] == reached
        assert change[1 - other] == crossing
    assert np.any(after["fc8"] - before["fc8"])
