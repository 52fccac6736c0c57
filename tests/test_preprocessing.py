"""What a network's pictures go through, on arrays, tensors and Keras' symbols."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet import AlexNet, preprocess_input
from keras_alexnet.preprocessing import Preprocessing

MEAN, SCALE = (120.0, 110.0, 100.0), (50.0, 60.0, 70.0)
LOAD = """
import sys, keras, numpy as np
x, expected = np.load(sys.argv[2]).values()
y = keras.models.load_model(sys.argv[1]).predict(x, verbose=0)
np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-5)
print("keras_alexnet" in sys.modules)
"""


def pixels(dtype: str = "uint8") -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(dtype)


def expected(order: str) -> np.ndarray:
    y = (pixels("float64") - MEAN) / SCALE
    return y[..., [2, 1, 0]] if order == "BGR" else y


@pytest.mark.compat
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_arrays_lists_and_tensors_give_the_formula(order: str) -> None:
    prepare = Preprocessing(order, MEAN, SCALE)
    for x in (pixels(), pixels().tolist(), tf.constant(pixels()), pixels("float64")):
        y = prepare(x)
        assert tf.is_tensor(y) == tf.is_tensor(x)
        assert y.dtype == "float32"
        np.testing.assert_allclose(y, expected(order), rtol=1e-5, atol=1e-5)
    inside = tf.function(prepare)(tf.constant(pixels()))
    np.testing.assert_allclose(inside, expected(order), rtol=1e-5, atol=1e-5)


@pytest.mark.compat
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("order", ["RGB", "BGR"])
def test_a_model_with_it_needs_no_custom_objects(
    tmp_path: Path, python: Callable[..., str], order: str, dtype: str
) -> None:
    inputs = keras.Input((None, None, 3), dtype=dtype)
    model = keras.Model(inputs, Preprocessing(order, MEAN, SCALE)(inputs))
    assert model.output_shape == (None, None, None, 3)
    x, y = pixels(dtype), expected(order)
    np.testing.assert_allclose(model.predict(x, verbose=0), y, rtol=1e-5, atol=1e-5)
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "values.npz", x=x, y=y)
    # In a Python of its own, which has never heard of this package.
    files = (str(tmp_path / "model.keras"), str(tmp_path / "values.npz"))
    assert python(LOAD, *files).split()[-1] == "False"


@pytest.mark.compat
def test_the_line_of_keras_applications(tmp_path: Path) -> None:
    network = AlexNet(input_shape=(64, 64, 3), classes=3)
    inputs = keras.Input((64, 64, 3))
    model = keras.Model(inputs, network(preprocess_input(inputs)))
    x = pixels("float32")
    y = network.predict(preprocess_input(x), verbose=0)
    np.testing.assert_allclose(model.predict(x, verbose=0), y, rtol=1e-4, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), y, rtol=1e-4, atol=1e-6)


@pytest.mark.compat
def test_symbolic_tensors_without_three_channels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Received: shape=\(None, 8, 8, 1\)"):
        Preprocessing()(keras.Input((8, 8, 1)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("GBR",), "Received: channel_order='GBR'"),
        (("RGB", (1, 2)), r"mean=\(1, 2\)"),
        (("RGB", MEAN, (1, np.nan, 1)), "scale must be three finite"),
        (("RGB", MEAN, (1, 0, 1)), "scale must not be 0"),
    ],
)
def test_bad_arguments_are_named(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Preprocessing(*arguments)
