"""Means over dropout masks, against halving and against NumPy."""

from __future__ import annotations

import dataclasses
import itertools

import keras
import numpy as np
import pytest

from keras_alexnet import architectures
from keras_alexnet.claims.measures import dropout_masks
from keras_alexnet.layers import StatelessDropout
from keras_alexnet.models import build

UNITS, HIDDEN, CLASSES = 8, 6, 4


def _model(*, two: bool, rate: float = 0.5) -> keras.Model:
    """Softmax behind one dropout layer, or a hidden layer between two, in float64."""
    inputs = x = keras.Input([UNITS], dtype="float64")
    if two:
        x = StatelessDropout(rate, dtype="float64", name="dropout6")(x)
        x = keras.layers.Dense(HIDDEN, "relu", dtype="float64", name="fc7")(x)
    x = StatelessDropout(rate, dtype="float64", name="dropout7")(x)
    x = keras.layers.Dense(CLASSES, dtype="float64", name="fc8")(x)
    x = keras.layers.Activation("softmax", dtype="float64", name="probabilities")(x)
    model = keras.Model(inputs, x)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def _pictures(count: int = 3) -> np.ndarray:
    return np.random.default_rng(1).normal(size=[count, UNITS])


def _softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


@pytest.mark.compat
def test_for_one_softmax_layer_halving_is_the_geometric_mean_over_all_masks() -> None:
    model, pictures = _model(two=False), _pictures()
    masks = np.array(list(itertools.product([0, 1], repeat=UNITS)), float)
    logits = dropout_masks.logits_with(model, pictures, {"dropout7": masks / 0.5})
    probabilities = _softmax(logits)
    geometric = np.exp(np.log(probabilities).mean(axis=0))
    geometric /= geometric.sum(axis=-1, keepdims=True)
    halving = model(pictures, training=False).numpy()
    np.testing.assert_allclose(geometric, halving, atol=1e-6, rtol=0)
    # The arithmetic mean is another one.
    assert abs(probabilities.mean(axis=0) - halving).max() > 0.01


@pytest.mark.compat
def test_masks_of_two_layers_are_those_of_numpy() -> None:
    model, pictures = _model(two=True, rate=0.25), _pictures(300)
    rng = np.random.default_rng(2)
    first, second = rng.random([5, UNITS]) < 0.75, rng.random([5, HIDDEN]) < 0.75
    found = dropout_masks.logits_with(
        model, pictures, {"dropout6": first / 0.75, "dropout7": second / 0.75}
    )
    kernel7, bias7, kernel8, bias8 = model.get_weights()
    for one, m6, m7 in zip(found, first, second, strict=True):
        hidden = np.maximum(pictures * m6 / 0.75 @ kernel7 + bias7, 0)
        np.testing.assert_allclose(one, hidden * m7 / 0.75 @ kernel8 + bias8)


def test_means_over_drawn_masks_are_those_of_probabilities() -> None:
    model, pictures = _model(two=True), _pictures()
    found = dropout_masks.answers_of_masks(model, pictures, (1, 4, 32), seed=3)
    again = dropout_masks.answers_of_masks(model, pictures, (32,), seed=3)
    np.testing.assert_array_equal(found.geometric[-1], again.geometric[0])
    np.testing.assert_allclose(found.halving, model(pictures, training=False).numpy())
    np.testing.assert_allclose(found.geometric[0], found.arithmetic[0])
    for means in (found.geometric, found.arithmetic):
        assert means.shape == (3, 3, CLASSES)
        np.testing.assert_allclose(means.sum(axis=-1), 1)
    moved = np.maximum(found.geometric - found.halving, 0).sum(axis=-1)
    np.testing.assert_allclose(found.geometric_distance, moved)


def test_drawn_masks_converge_to_halving_where_that_is_exact() -> None:
    model, pictures = _model(two=False), _pictures(20)
    found = dropout_masks.answers_of_masks(model, pictures, (4, 64, 1024, 16384))
    distances = found.geometric_distance.mean(axis=1)
    # By 1 / √n: a factor of 4 from one to the next.
    assert (distances[1:] < distances[:-1] / 2).all()
    assert distances[-1] < 0.02 < found.arithmetic_distance[-1].mean()


@pytest.mark.compat
@pytest.mark.parametrize("before", [False, True])
def test_networks_of_the_package_have_their_own_answers_with_factors_of_1(
    before: bool,
) -> None:
    record = dataclasses.replace(
        architectures.get("paper"), dense=(16, 12), dropout_before=before
    )
    model = build(record, input_shape=(67, 67, 3), classes=CLASSES)
    pictures = np.random.default_rng(0).normal(0, 50, [3, 67, 67, 3])
    names = [each.name for each in model.layers if isinstance(each, StatelessDropout)]
    widths = {name: model.get_layer(name).output.shape[-1] for name in names}
    ones = {name: np.ones([2, width]) for name, width in widths.items()}
    logits = dropout_masks.logits_with(model, pictures.astype(np.float32), ones)
    expected = model(pictures, training=False).numpy()
    for each in _softmax(logits):
        np.testing.assert_allclose(each, expected, rtol=1e-4, atol=1e-6)
    assert len(names) == 2


def test_a_network_without_dropout_is_refused() -> None:
    model = keras.Sequential([keras.Input([3]), keras.layers.Dense(2, name="fc8")])
    with pytest.raises(ValueError, match="model must be a network with dropout"):
        dropout_masks.answers_of_masks(model, np.ones([1, 3]))
