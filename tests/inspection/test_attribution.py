"""Maps of what matters, on hand-set networks and against finite differences."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.architectures import (
    Architecture,
    BatchNorm,
    Convolution,
    Pool,
    Tanh,
)
from keras_alexnet.inspection import (
    Explained,
    explained_beside,
    randomised,
    rank_correlation,
)
from keras_alexnet.models import build
from keras_alexnet.preprocessing import Preprocessing

COLOURS = Preprocessing("BGR", scale=(60.0, 50.0, 55.0))


@pytest.fixture
def sees_red(small: Callable[..., keras.Model]) -> keras.Model:
    """Class 0 is as likely as there is red, by the brightest place of each window."""
    model = small("one_column", classes=2)
    for layer in model.layers:
        weights = layer.get_weights()
        if not weights:
            continue
        kernel = np.zeros_like(weights[0])
        if layer.name == "conv1":
            kernel[..., 2, 0] = 1 / kernel[..., 0, 0].size  # red is the last of BGR
        elif kernel.ndim == 4:
            kernel[kernel.shape[0] // 2, kernel.shape[1] // 2, 0, 0] = 1.0
        elif layer.name == "fc6":
            kernel[:: kernel.shape[0] // 4, 0] = 1.0  # the first of 2×2 maps
        else:
            kernel[0, 0] = 1.0
        layer.set_weights([kernel, *(np.zeros_like(each) for each in weights[1:])])
    return model


def _overlap(values: np.ndarray, box: tuple[slice, slice]) -> float:
    found = values > values.max() / 2
    planted = np.zeros_like(found)
    planted[box] = True
    return (found & planted).sum() / (found | planted).sum()


def test_occlusion_finds_a_planted_square(sees_red: keras.Model) -> None:
    network = Explained(sees_red, COLOURS)
    for top, left in ((32, 48), (8, 20), (56, 40)):
        pixels = np.full((96, 96, 3), 100, np.uint8)
        pixels[..., 0] = 0
        box = slice(top, top + 16), slice(left, left + 16)
        pixels[(*box, 0)] = 255
        values = network.occlusion(pixels, output=0, size=16, stride=4)
        assert values.shape == (96, 96)
        assert _overlap(values, box) >= 0.5


def test_occlusion_is_the_mean_drop_of_all_squares_that_cover(
    small: Callable[..., keras.Model], photos: np.ndarray
) -> None:
    model = small()
    pixels, output = photos[0], 3
    values = Explained(model, COLOURS).occlusion(
        pixels, output, size=40, stride=30, batch_size=4
    )

    def log_p(given: np.ndarray) -> float:
        return float(np.log(np.asarray(model(COLOURS(given[None])))[0, output]))

    sums, counts = np.zeros((2, 96, 96))
    for top in (0, 30, 56):
        for left in (0, 30, 56):
            covered = pixels.astype(np.float32)
            covered[top : top + 40, left : left + 40] = 127.5
            sums[top : top + 40, left : left + 40] += log_p(pixels) - log_p(covered)
            counts[top : top + 40, left : left + 40] += 1
    np.testing.assert_allclose(values, sums / counts, atol=1e-5)


@pytest.mark.compat
@pytest.mark.parametrize("variant", ["paper", "modern"])
def test_the_input_gradient_is_that_of_finite_differences(
    small: Callable[..., keras.Model], variant: str, photos: np.ndarray
) -> None:
    model = small(variant, classifier_activation=None)
    gradient = Explained(model, COLOURS).input_gradient(photos[1], output=2)
    assert gradient.shape == (96, 96, 3)
    rng = np.random.default_rng(0)
    directions = np.sign(gradient) * (rng.uniform(size=(4, 96, 96, 3)) < 0.05)
    step = 0.02  # of 0 to 255: small enough for ReLU and pools to stay as they are
    for direction in directions:
        ends = photos[1] + step * np.stack([direction, -direction])
        above, below = np.asarray(model(COLOURS(ends)), np.float64)[:, 2]
        expected = (above - below) / (2 * step)
        assert (gradient * direction).sum() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("variant", ["paper", "modern"])
def test_grad_cam_is_the_formula(
    small: Callable[..., keras.Model], variant: str, photos: np.ndarray
) -> None:
    model = small(variant, 128)
    pixels = np.pad(photos[2], ((0, 32), (0, 32), (0, 0)), mode="wrap")
    values = Explained(model, COLOURS).grad_cam(pixels, output=1)
    # The part of the network behind the maps, layer by layer.
    names = [each.name for each in model.layers]
    after = model.layers[names.index(_maps(model)) + 1 :]
    before = keras.Model(model.input, model.get_layer(_maps(model)).output)
    maps = np.asarray(before(COLOURS(pixels[None])))
    place = tf.Variable(maps)
    with tf.GradientTape() as tape:
        y = tf.convert_to_tensor(place)
        for layer in after:
            y = layer(y)
            if layer.name == "fc8":
                break
        score = y[0, 1]
    gradient = np.asarray(tape.gradient(score, place), np.float64)[0]
    weights = gradient.mean(axis=(0, 1))
    expected = np.maximum((np.maximum(maps[0], 0) * weights).sum(axis=-1), 0)
    scaled = tf.image.resize(expected[..., None], [128, 128])[..., 0]
    np.testing.assert_allclose(values, scaled, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("normalised", [False, True])
def test_grad_cam_of_another_activation_takes_its_maps(normalised: bool) -> None:
    """tanh(conv), below 0 too, and the gradient by them, from finite differences."""
    before = (BatchNorm(),) if normalised else ()
    record = Architecture(
        "tanh",
        1,
        (Convolution(3, 5, 2), Convolution(4, 5, 2, stages=(*before, Tanh(), Pool()))),
        dense=(),
        input_size=32,
    )
    keras.utils.set_random_seed(3)
    model = build(record, classes=3, initial_stddev=0.1)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    values = Explained(model, COLOURS).grad_cam(pixels, output=1)
    tanh = model.get_layer("tanh2")
    maps = np.asarray(keras.Model(model.input, tanh.output)(COLOURS(pixels[None])))
    assert maps.min() < -0.1
    # Of all places alike: a mean, times their number.
    pool, flat, fc8 = (model.get_layer(each) for each in ("pool2", "flatten", "fc8"))
    step, weights = 1e-2, []
    for index in range(4):
        moved = step * np.eye(4, dtype="float32")[index]
        up, down = (fc8(flat(pool(maps + each)))[0, 1] for each in (moved, -moved))
        weights.append(float(up - down) / (2 * step) / maps[0, ..., 0].size)
    expected = np.maximum((maps[0] * weights).sum(axis=-1), 0)
    assert expected.max() > 0
    scaled = tf.image.resize(expected[..., None], [32, 32])[..., 0]
    np.testing.assert_allclose(values, scaled, rtol=1e-2, atol=1e-4 * values.max())


def _maps(model: keras.Model) -> str:
    """The layer that gives the last maps before their ReLU."""
    place = [each.name for each in model.layers].index("conv5")
    after = model.layers[place + 1]
    normalised = isinstance(after, keras.layers.BatchNormalization)
    return (after if normalised else model.layers[place]).name


@pytest.mark.compat
def test_after_randomising_maps_are_others_and_the_model_is_the_same(
    small: Callable[..., keras.Model], photos: np.ndarray
) -> None:
    model = small("modern")
    before = [each.copy() for each in model.get_weights()]
    trained, random = (Explained(each, COLOURS) for each in (model, randomised(model)))
    found = [
        explained_beside("input gradient", trained, random, photos[index], 2)
        for index in range(3)
    ]
    assert max(abs(each.correlation) for each in found) < 0.3
    same = explained_beside("input gradient", trained, trained, photos[0], 2)
    assert same.correlation == pytest.approx(1)
    assert same.values.shape == (96, 96)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)
    again = randomised(model)
    for old, new in zip(
        again.get_weights(), randomised(model).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(new, old)


def test_after_randomising_the_gradient_of_a_trained_network_is_another(
    small: Callable[..., keras.Model],
) -> None:
    """A moment of training: bright squares at the left are one class, at the right."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 60, (64, 96, 96, 3)).astype(np.uint8)
    labels = np.arange(64) % 2
    for index, label in enumerate(labels):
        top, left = rng.integers(10, 60), (10 if label else 60)
        pixels[index, top : top + 20, left : left + 20] = 255
    model = small("modern", classes=2, classifier_activation=None)
    model.compile(
        keras.optimizers.SGD(0.01, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(COLOURS(pixels), labels, batch_size=16, epochs=3, verbose=0)
    trained, random = (Explained(each, COLOURS) for each in (model, randomised(model)))
    found = explained_beside("input gradient", trained, random, pixels[1], 1)
    assert abs(found.correlation) < 0.3
    assert rank_correlation(found.values, found.randomised) < 0.9


def test_what_cannot_be_explained_is_refused(
    small: Callable[..., keras.Model],
) -> None:
    with pytest.raises(ValueError, match="an AlexNet with its top"):
        Explained(small(include_top=False), COLOURS)
    network = Explained(small(), COLOURS)
    pixels = np.zeros((96, 96, 3))
    with pytest.raises(ValueError, match=r"one of the 5 outputs\. Received: output=5"):
        network.grad_cam(pixels, 5)
    with pytest.raises(ValueError, match=r"96, 3\], as .*shape=\(96, 96\)"):
        network.input_gradient(pixels[..., 0], 0)
    with pytest.raises(ValueError, match="at most the picture's side, 96"):
        network.occlusion(pixels, 0, size=97)
