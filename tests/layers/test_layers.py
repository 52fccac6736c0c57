"""Promises that every layer keeps, one table of layers through all of them."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.layers import (
    CrossConnection,
    GroupedConv2D,
    LocalResponseNormalization,
)
from keras_alexnet.ops import LRN

LAYERS = {
    "lrn": lambda **k: LocalResponseNormalization(3, 1.0, 0.2, 0.6, "mean", 2, **k),
    "seam": lambda **k: CrossConnection(
        2, activation_first=False, norm=LRN(3, 1.0, 0.2, 0.6), pool_size=(3, 2), **k
    ),
    "exchange": lambda **k: CrossConnection(activation=None, norm=None, **k),
    "grouped": lambda **k: GroupedConv2D(
        8, 3, groups=2, strides=2, padding="same", activation="relu", **k
    ),
}
X = np.random.default_rng(0).normal(0, 2, (2, 7, 7, 6)).astype("float32")


@pytest.fixture(params=LAYERS)
def make(request: pytest.FixtureRequest):
    return LAYERS[request.param]


def model_of(layer: keras.layers.Layer) -> keras.Model:
    inputs = keras.Input((7, 7, 6))
    return keras.Model(inputs, layer(inputs))


@pytest.mark.compat
def test_config_makes_the_same_layer(make) -> None:
    layer = make(name="seam")
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()


@pytest.mark.compat
def test_a_saved_model_is_the_same_model(make, tmp_path: Path) -> None:
    model = model_of(make())
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(X), model(X))


@pytest.mark.compat
def test_weights_go_from_a_model_to_its_clone(make, tmp_path: Path) -> None:
    model = model_of(make())
    clone = keras.models.clone_model(model)
    model.save_weights(str(tmp_path / "of.weights.h5"))
    clone.load_weights(str(tmp_path / "of.weights.h5"))
    np.testing.assert_array_equal(clone(X), model(X))


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "mixed_float16", "float64"])
def test_policies_set_the_type_and_nearly_keep_the_values(make, policy: str) -> None:
    keras.utils.set_random_seed(1)
    exact = model_of(make())
    layer = make(dtype=policy)
    other = model_of(layer)
    other.set_weights(exact.get_weights())
    y = other(tf.cast(X, layer.compute_dtype))
    assert y.dtype == layer.compute_dtype
    np.testing.assert_allclose(tf.cast(y, "float32"), exact(X), atol=0.05)


def test_graphs_compiled_by_xla_compute_the_same(make) -> None:
    model = model_of(make())
    compiled = tf.function(model, jit_compile=True)
    np.testing.assert_allclose(compiled(X), model(X), atol=1e-5)


def test_shapes_are_known_before_anything_runs(make) -> None:
    layer = make()
    assert tuple(layer.compute_output_shape((None, 7, 7, 6))) == (
        None,
        *model_of(layer).output_shape[1:],
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: LocalResponseNormalization(size=0), "Received: size=0"),
        (lambda: LocalResponseNormalization(towers=0), "Received: towers=0"),
        (lambda: model_of(LocalResponseNormalization(towers=4)), "Received: towers=4"),
        (lambda: LocalResponseNormalization(towers=1.5), "Received: towers=1.5"),
        (lambda: CrossConnection(towers=0), "Received: towers=0"),
        (lambda: CrossConnection(towers=True), "Received: towers=True"),
        (lambda: CrossConnection(pool_size=0), "Received: pool_size=0"),
        (lambda: model_of(CrossConnection(4)), "Received: towers=4"),
        (lambda: model_of(CrossConnection(pool_size=8)), "maps of height 7"),
        (lambda: GroupedConv2D(8, 3, 3), "groups"),
        (
            lambda: GroupedConv2D(8, 3, 2, data_format="channels_first"),
            "Received: data_format='channels_first'",
        ),
    ],
)
def test_bad_arguments_are_named(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.compat
def test_the_seam_joins_a_list_of_towers(tmp_path: Path) -> None:
    towers = [keras.Input((7, 7, channels)) for channels in (4, 2)]
    seam = CrossConnection(pool_size=3, pool_strides=2)
    model = keras.Model(towers, seam(towers))
    assert model.output_shape == (None, 3, 3, 6)
    model.save(tmp_path / "towers.keras")
    loaded = keras.saving.load_model(tmp_path / "towers.keras")
    parts = [X[..., :4], X[..., 4:]]
    np.testing.assert_array_equal(loaded(parts), model(parts))
    assert loaded.layers[-1].lrn == LRN()


@pytest.mark.compat
def test_keras_trains_through_every_layer(make) -> None:
    keras.utils.set_random_seed(0)
    inputs = keras.Input((7, 7, 6))
    x = make()(keras.layers.Conv2D(8, 3)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(x)))
    model.compile(keras.optimizers.SGD(1e-3), loss="mse")
    before = model.get_weights()
    losses = model.fit(X, X[:, 0, 0, :1], epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert not np.allclose(before[0], model.get_weights()[0])
