"""The update rule against the paper's formula, step by step."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.training import PaperSGD


@pytest.mark.compat
def test_ten_steps_are_the_papers() -> None:
    rng = np.random.default_rng(0)
    layer = keras.layers.Dense(4, bias_initializer="ones")
    layer.build((None, 3))
    weights, bias = (np.asarray(each, np.float64) for each in layer.get_weights())
    optimizer = PaperSGD(learning_rate=0.01)
    velocity, bias_velocity = np.zeros_like(weights), np.zeros_like(bias)
    for step in range(10):
        rate = 0.01 if step < 5 else 0.001  # velocity keeps its old scale
        g, h = rng.normal(size=weights.shape), rng.normal(size=bias.shape)
        velocity = 0.9 * velocity - 0.0005 * rate * weights - rate * g
        bias_velocity = 0.9 * bias_velocity - 2 * rate * h
        weights, bias = weights + velocity, bias + bias_velocity
        optimizer.learning_rate = rate
        gradients = [tf.constant(each, tf.float32) for each in (g, h)]
        optimizer.apply_gradients(
            zip(gradients, layer.trainable_variables, strict=True)
        )
    ours = layer.get_weights()
    np.testing.assert_allclose(ours[0], weights, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(ours[1], bias, rtol=1e-5, atol=1e-7)


@pytest.mark.compat
def test_keras_fits_with_it_and_saves_it() -> None:
    model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(PaperSGD(0.1, decay=0.0), loss="mse")
    x = np.linspace(-1, 1, 64)[:, None].astype("float32")
    losses = model.fit(x, 3 * x, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]
    config = model.optimizer.get_config()
    assert PaperSGD.from_config(config).get_config() == config
