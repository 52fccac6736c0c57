"""The dense layer takes the place of Keras' own, in models and in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.layers import Dense

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 12)).astype("float32")
IS_KERAS_3 = keras.__version__.startswith("3.")
ONLY_KERAS_3 = pytest.mark.skipif(not IS_KERAS_3, reason="Keras 2 has none")


def model_of(layer: type, **arguments: Any) -> keras.Model:
    inputs = keras.Input((12,))
    x = layer(8, activation="relu", name="fc6", **arguments)(inputs)
    return keras.Model(inputs, layer(5, name="fc8", **arguments)(x))


@pytest.mark.compat
def test_config_makes_the_same_layer() -> None:
    layer = Dense(8, "composite", activation="tanh", use_bias=False, name="fc6")
    again = Dense.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.kernels == "composite"


@pytest.mark.compat
@pytest.mark.parametrize("kind", ["keras", "weights.h5"])
@pytest.mark.parametrize("rows", [3, 20])
def test_files_of_keras_own_layer_are_read(
    kind: str, rows: int, tmp_path: Path
) -> None:
    ours, theirs = model_of(Dense), model_of(keras.layers.Dense)
    x = RNG.normal(size=(rows, 12)).astype("float32")
    path = str(tmp_path / f"model.{kind}")
    for source, target in ((theirs, ours), (ours, theirs), (ours, model_of(Dense))):
        if kind == "keras":
            source.save(path)
            target = keras.saving.load_model(path)
            assert type(target.get_layer("fc6")) is type(source.get_layer("fc6"))
        else:
            source.save_weights(path)
            target.load_weights(path)
        np.testing.assert_allclose(target(x), source(x), rtol=1e-5, atol=1e-6)


@pytest.mark.compat
@pytest.mark.parametrize("dtype", ["float32", "float64", "mixed_bfloat16", "bfloat16"])
def test_it_computes_and_trains_as_keras_own(dtype: str) -> None:
    found = []
    for layer in (Dense, keras.layers.Dense):
        model = model_of(layer, dtype=dtype)
        rng = np.random.default_rng(1)
        model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
        with tf.GradientTape() as tape:
            y = model(X)
            loss = tf.reduce_sum(tf.cast(y, "float32") ** 2)
        gradients = tape.gradient(loss, model.trainable_variables)
        found.append([np.asarray(tf.cast(t, "float32")) for t in (y, *gradients)])
        assert tf.as_dtype(y.dtype) == tf.as_dtype(model.layers[-1].compute_dtype)
    bound = 0.05 if "bfloat16" in dtype else 1e-5
    for ours, theirs in zip(*found, strict=True):
        assert np.abs(ours - theirs).max() <= bound * np.abs(theirs).max()


@pytest.mark.compat
def test_inputs_of_more_axes_are_multiplied_along_the_last() -> None:
    layer = Dense(4)
    x = RNG.normal(size=(2, 3, 5)).astype("float32")
    y = layer(x)
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(y, x @ kernel + bias, rtol=1e-5, atol=1e-6)


@pytest.mark.compat
def test_sparse_inputs_are_multiplied_too() -> None:
    layer = Dense(4)
    layer.build((None, 12))
    expected = X @ layer.get_weights()[0]
    y = layer(tf.sparse.from_dense(X))
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


@ONLY_KERAS_3
@pytest.mark.filterwarnings("ignore::UserWarning:keras")
@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_keras_quantises_it(mode: str, tmp_path: Path) -> None:
    ours, theirs = model_of(Dense), model_of(keras.layers.Dense)
    theirs.set_weights(ours.get_weights())
    for model in (ours, theirs):
        model.quantize(mode)
        assert model.get_layer("fc6").quantization_mode == mode
    np.testing.assert_array_equal(ours(X), theirs(X))
    ours.save(tmp_path / "quantised.keras")
    loaded = keras.saving.load_model(tmp_path / "quantised.keras")
    np.testing.assert_array_equal(loaded(X), ours(X))


@ONLY_KERAS_3
def test_what_is_derived_from_it_is_not_quantised() -> None:
    class Doubled(Dense):
        def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
            return 2 * super().call(inputs)

    layer = Doubled(4)
    layer(X)
    with pytest.raises(NotImplementedError):
        layer.quantize("int8")


@ONLY_KERAS_3
def test_a_lora_is_added_to_the_kernel() -> None:
    model = model_of(Dense)
    layer = model.get_layer("fc6")
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(RNG.normal(size=layer.lora_kernel_b.shape))
    a, b = (np.asarray(each) for each in (layer.lora_kernel_a, layer.lora_kernel_b))
    kernel = np.asarray(layer._kernel) + a @ b
    expected = np.maximum(X @ kernel + np.asarray(layer.bias), 0)
    np.testing.assert_allclose(layer(X), expected, rtol=1e-4, atol=1e-5)
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(model(X) ** 2)
    slopes = tape.gradient(y, [each.value for each in layer.trainable_variables])
    assert len(slopes) == 3
    assert all(np.abs(each).max() > 0 for each in slopes)


@pytest.mark.compat
def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="units"):
        Dense(0)
    with pytest.raises(ValueError, match="kernels='fast'"):
        Dense(2, kernels="fast")
