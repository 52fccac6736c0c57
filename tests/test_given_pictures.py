"""Warnings of values that no picture has, and none for those that one can have."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageFilter

import keras_alexnet
from keras_alexnet.preprocessing import BVLC, TORCHVISION, Preprocessing
from keras_alexnet.recipe import Recipe

RECIPE = Recipe(Preprocessing(), "shorter_side", 77, 67)


def photo(seed: int) -> np.ndarray:
    """Blurred noise and a hard edge, of any brightness: uint8 `[h, w, 3]`."""
    rng = np.random.default_rng(seed)
    noise = Image.fromarray(rng.integers(0, 256, (90, 120, 3), np.uint8))
    pixels = np.asarray(noise.filter(ImageFilter.GaussianBlur(3)), np.float64)
    pixels = (pixels - 128) * rng.uniform(1, 8) + rng.uniform(30, 220)
    pixels[20:50, 30:70] = rng.integers(0, 2) * 255
    return np.clip(pixels, 0, 255).astype(np.uint8)


PHOTOS = [photo(seed) for seed in range(20)]
LEGAL: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as read": lambda x: x,
    "floats": lambda x: x.astype(np.float32),
    "dark": lambda x: (x // 32).astype(np.float32),
    "dark, scaled": lambda x: (x / 64).astype(np.float32),
    "black": lambda x: np.zeros_like(x, np.float64),
    "black bytes of 0 and 1": lambda x: x // 128,
    "black numbers of 0 and 1": lambda x: (x // 128).astype(np.int64),
    "black floats of 0 and 1": lambda x: (x // 128).astype(np.float32),
    "white": lambda x: np.full_like(x, 255).astype(np.float32),
    "flat": lambda x: np.full_like(x, x.mean()).astype(np.float32),
    "one pixel": lambda x: x[:1, :1].astype(np.float32),
    "Lanczos": lambda x: tf.image.resize(x, (77, 99), "lanczos5").numpy(),
    "cubic": lambda x: tf.image.resize(x, (200, 300), "bicubic").numpy(),
    "none": lambda x: np.zeros([0, 8, 8, 3]),
}


@pytest.mark.compat
@pytest.mark.parametrize("kind", LEGAL)
def test_pictures_give_no_warning(kind: str) -> None:
    for pixels in PHOTOS:
        x = LEGAL[kind](pixels)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            keras_alexnet.preprocess_input(x)
            keras_alexnet.preprocess_input(tf.constant(x))


WRONG: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "0-1": (lambda x: x / 255, "in 0-1: multiply"),
    "0-1, resized": (lambda x: tf.image.resize(x / 255, (50, 60)).numpy(), "in 0-1"),
    "prepared": (keras_alexnet.preprocess_input, "prepared already"),
    "prepared for Caffe": (BVLC, "prepared already"),
    "prepared for torchvision": (TORCHVISION, "prepared already"),
    "-1 to 1": (lambda x: x / 127.5 - 1, "prepared already"),
    "16 bits": (lambda x: x.astype(np.uint16) * 257, "16 bits divided by 256"),
    "16 bits in floats": (lambda x: x * 257.0, "16 bits by 256"),
    "signed": (lambda x: x.astype(np.int16) - 128, "uint8"),
    "not finite": (lambda x: np.where(x > 9, x, np.nan), "not finite"),
}
WAYS: dict[str, Callable[[np.ndarray], object]] = {
    "preprocess_input": keras_alexnet.preprocess_input,
    "of a tensor": lambda x: keras_alexnet.preprocess_input(tf.constant(x)),
    "of a batch": lambda x: keras_alexnet.preprocess_input(x[None]),
    "load_pictures": lambda x: keras_alexnet.load_pictures([x], RECIPE),
}


@pytest.mark.compat
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", WRONG)
def test_values_that_no_picture_has_are_told_where_they_were_given(
    kind: str, way: str
) -> None:
    make, message = WRONG[kind]
    x = make(PHOTOS[0])
    if (kind, way) == ("not finite", "load_pictures"):  # they would become integers
        with pytest.raises(ValueError, match="pixels that are not finite"):
            WAYS[way](x)
        return
    with pytest.warns(UserWarning, match=message) as caught:
        WAYS[way](x)
    (warning,) = caught
    assert Path(warning.filename) == Path(__file__)
    assert "\n" not in str(warning.message)


def test_a_classifier_warns_once_for_many_pictures(run: Path) -> None:
    classifier = keras_alexnet.Classifier(run)
    bad = [pixels / 255 for pixels in PHOTOS[:5]]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        classifier.predict(bad, batch_size=2)
    assert len(caught) == 1
    assert "in 0-1" in str(caught[0].message)
    assert Path(caught[0].filename) == Path(__file__)
    with pytest.warns(UserWarning, match="in 0-1"):
        classifier.features(bad[:1], "fc7")


@pytest.mark.compat
def test_within_a_graph_nothing_is_looked_at() -> None:
    x = tf.constant(PHOTOS[0] / 255)
    graph = tf.function(keras_alexnet.preprocess_input)
    np.testing.assert_allclose(graph(x), Preprocessing()(x), atol=1e-4)
    data = tf.data.Dataset.from_tensors(x).map(keras_alexnet.preprocess_input)
    assert len(list(data)) == 1
    keras.Model(i := keras.Input((8, 8, 3)), keras_alexnet.preprocess_input(i))


@pytest.mark.compat
def test_predictions_of_new_weights_are_told() -> None:
    model = keras_alexnet.AlexNet("owt", input_shape=(63, 63, 3))
    x = keras_alexnet.load_pictures(PHOTOS[:2], model)
    preds = model.predict(x, verbose=0)
    with pytest.warns(UserWarning, match="a network with new weights") as caught:
        keras_alexnet.decode_predictions(preds)
    assert Path(caught[0].filename) == Path(__file__)
    unsure = np.full([1, 1000], 0.98 / 999)  # of a trained network: 20 times chance
    unsure[0, 7] = 0.02
    keras_alexnet.decode_predictions(unsure)
