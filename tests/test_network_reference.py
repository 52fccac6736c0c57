"""The models against the 2012 network in NumPy: every layer and every gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import keras
import layers_reference as reference
import numpy as np
import pytest
from network_reference import PAPER_LRN, SAME_MAP, Weights, forward, gradients
from small_models import (
    CLASSES,
    by_tower,
    fill,
    packed_weights,
    pictures,
    probed,
    small_model,
)

from keras_alexnet import AlexNet

MAPS = (2, 7, 9, 6)
# Which of the reference's two readings each variant is.
READINGS = {"paper": "paper", "original": "original", "six_conv": "paper"}


def of_two(layer: Callable) -> Callable:
    """A layer of two inputs as a function of input, input, kernel, kernel, bias."""

    def run(*values: np.ndarray) -> tuple[np.ndarray, Callable]:
        y, back = layer(list(values[:2]), list(values[2:4]), values[4])
        return y, lambda dy: [*back(dy)[0], *back(dy)[1], back(dy)[2]]

    return run


def of_one(layer: Callable) -> Callable:
    def run(x: np.ndarray) -> tuple[np.ndarray, Callable]:
        y, back = layer(x)
        return y, lambda dy: [back(dy)]

    return run


LAYERS = {
    "convolution": (
        of_two(partial(reference.convolution, stride=2, pads=(1, 3))),
        [(2, 7, 9, 3), (2, 7, 9, 2), (3, 3, 3, 4), (3, 3, 2, 4), (4,)],
    ),
    "dense": (
        of_two(reference.dense),
        [(2, 2, 3, 4), (2, 5), (6, 4, 6), (5, 6), (6,)],
    ),
    "relu": (of_one(reference.relu), [MAPS]),
    "pool": (of_one(reference.max_pool), [MAPS]),
    "lrn": (of_one(PAPER_LRN), [MAPS]),
    "same map": (of_one(SAME_MAP), [MAPS]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_by_hand_agree_with_finite_differences(name: str) -> None:
    layer, shapes = LAYERS[name]
    rng = np.random.default_rng(0)
    values = [rng.normal(0, 20, shape) for shape in shapes]
    y, back = layer(*values)
    dy = rng.normal(size=y.shape)
    for index, gradient in enumerate(back(dy)):
        step = rng.normal(0, 1e-5, shapes[index])
        there = [layer(*_moved(values, index, s * step))[0] for s in (1, -1)]
        difference = (dy * (there[0] - there[1])).sum() / 2
        assert (gradient * step).sum() == pytest.approx(difference, rel=1e-6)


def _moved(values: list, index: int, step: np.ndarray) -> list:
    return [v + step if i == index else v for i, v in enumerate(values)]


@pytest.mark.parametrize("variant", READINGS)
def test_gradients_of_the_network_agree_with_finite_differences(variant: str) -> None:
    images, labels = pictures(2).astype("float64"), np.array([1, 3])
    weights = by_tower(packed_weights(small_model(variant)))
    run = partial(forward, images, weights, READINGS[variant])
    of_images, slopes = gradients(run(), labels)
    rng = np.random.default_rng(0)
    values = [images, *arrays(weights)]
    for value, gradient in zip(values, [of_images, *arrays(slopes)], strict=True):
        step = rng.normal(0, 1e-6, value.shape) * np.abs(value).max()
        losses, kept = [], value.copy()
        for sign in (1, -1):
            value[...] = kept + sign * step
            losses.append(reference.log_loss(run().given["fc8"][0], labels)[0])
        value[...] = kept
        difference = (losses[0] - losses[1]) / 2
        assert (gradient * step).sum() == pytest.approx(difference, rel=1e-4)


def arrays(weights: Weights) -> Iterator[np.ndarray]:
    """All arrays of all layers and towers."""
    for towers in weights.values():
        for kernels, bias in towers:
            yield from kernels
            yield bias


def test_the_two_readings_are_two_functions() -> None:
    weights = by_tower(packed_weights(small_model("paper")))
    paper, original = (
        forward(pictures(2), weights, reading) for reading in ("paper", "original")
    )
    for name in ("conv2", "conv3", "fc6"):  # each norm and each order by itself
        ours, theirs = joined(paper.read[name]), joined(original.read[name])
        assert np.abs(ours - theirs).max() > 0.1 * np.abs(ours).max()


@pytest.mark.compat
@pytest.mark.parametrize("variant", READINGS)
def test_in_float64_all_layers_and_gradients_are_the_same(variant: str) -> None:
    labels = np.arange(3) % CLASSES
    outputs, slopes = both(small_model(variant), pictures(3), labels, variant)
    for ours, expected in outputs + slopes:
        close(ours, expected, 1e-10)


@pytest.mark.parametrize("variant", ["paper", "original"])
def test_at_full_size_all_layers_and_gradients_are_the_same(variant: str) -> None:
    model = AlexNet(variant, classifier_activation=None)
    fill(model)
    outputs, slopes = both(model, pictures(1, (224, 224, 3)), np.array([7]), variant)
    for ours, expected in outputs:
        close(ours, expected, 1e-5)
    # Where two places of a pooling window are within a rounding of each other, float32
    # may send the gradient to the other one: 0.4 % of conv1's in one draw of sixteen.
    for ours, expected in slopes:
        assert np.linalg.norm(ours - expected) < 1e-2 * np.linalg.norm(expected)


Pairs = list[tuple[np.ndarray, np.ndarray]]  # the package's, the reference's


def both(
    model: keras.Model, images: np.ndarray, labels: np.ndarray, variant: str
) -> tuple[Pairs, Pairs]:
    """What every layer reads and gives, and the gradients of images and weights."""
    weights = by_tower(packed_weights(model))
    run = forward(images, weights, READINGS[variant])
    expected_images, expected = gradients(run, labels)
    read, given, of_images, packed = probed(model, images, labels)
    outputs = [(given[name], joined(run.given[name])) for name in weights]
    for name in list(weights)[1:]:  # before conv1 the model has its zeros on already
        ours = np.asarray(read[name])
        outputs.append((ours, joined(run.read[name]).reshape(ours.shape)))
    slopes = zip(arrays(by_tower(packed)), arrays(expected), strict=True)
    return outputs, [(of_images, expected_images), *slopes]


def joined(towers: list[np.ndarray]) -> np.ndarray:
    """Towers in one packed tensor."""
    return np.concatenate(towers, axis=-1)


def close(actual: object, expected: np.ndarray, tolerance: float) -> None:
    """Within a share of the largest value."""
    atol = tolerance * np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=atol)
