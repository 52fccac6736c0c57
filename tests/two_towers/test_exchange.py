"""The exchange: all towers' tensors to each reader, the sum of their gradients back."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet import AlexNet
from keras_alexnet.two_towers import Exchange, OnDevice, check_devices
from keras_alexnet.two_towers.exchange import Crossing, _sent
from keras_alexnet.two_towers.placement import run_on

HERE = "/CPU:0"
SHAPES = [(2, 3, 4, 5), (2, 7)]


def drawn(shape: tuple[int, ...], seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.compat
@pytest.mark.parametrize("shape", SHAPES, ids=["maps", "vectors"])
@pytest.mark.parametrize("readers", [1, 2])
def test_readers_get_all_towers_and_towers_the_sum_of_gradients(
    shape: tuple[int, ...], readers: int
) -> None:
    towers = [drawn(shape, seed) for seed in range(2)]
    exchange = Exchange([HERE] * 2, [HERE] * readers)
    x = [tf.constant(each) for each in towers]
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = exchange(x)
        weights = [drawn(outputs[0].shape, 10 + i) for i in range(readers)]
        total = tf.add_n(
            [tf.reduce_sum(y * w) for y, w in zip(outputs, weights, strict=True)]
        )
    for y in outputs:
        np.testing.assert_array_equal(y, np.concatenate(towers, axis=-1))
    expected = np.split(sum(weights), 2, axis=-1)
    for ours, theirs in zip(tape.gradient(total, x), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)


@pytest.mark.compat
def test_run_on_keeps_the_gradient() -> None:
    layer = keras.layers.Dense(3, activation="tanh")
    x = tf.constant(drawn((4, 5), 0))
    plain = outcome(layer, x)
    for ours, theirs in zip(
        outcome(lambda x: run_on(HERE, layer, x), x), plain, strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    in_a_graph = tf.function(lambda: outcome(lambda x: run_on(HERE, layer, x), x))()
    for ours, theirs in zip(in_a_graph, plain, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def outcome(function: object, x: tf.Tensor) -> list[tf.Tensor]:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
        weights = sorted(tape.watched_variables(), key=lambda each: len(each.shape))
        loss = tf.reduce_sum(tf.square(y))
    return [y, *tape.gradient(loss, [x, *weights])]


@pytest.mark.compat
def test_a_layer_on_a_device_is_written_and_read(tmp_path) -> None:
    inputs = keras.layers.Input((3,))
    dense = keras.layers.Dense(2, name="fc6")
    model = keras.Model(inputs, OnDevice(dense, "cpu:0", tower=1)(inputs))
    model.save(tmp_path / "one.keras")
    again = keras.saving.load_model(tmp_path / "one.keras")
    layer = again.get_layer("fc6b")
    assert (layer.device, layer.tower) == (HERE, 1)
    x = drawn((4, 3), 0)
    np.testing.assert_array_equal(again(x), model(x))


@pytest.mark.parametrize("name", ["CPU:0", "cpu:0", "/cpu:0", "/device:CPU:0"])
def test_devices_have_one_spelling(name: str) -> None:
    assert check_devices([name]) == (HERE,)


@pytest.mark.parametrize("devices", [[], "CPU:0", [0], None])
def test_devices_are_a_list_of_names(devices: object) -> None:
    with pytest.raises(ValueError, match="devices must be a list of names"):
        check_devices(devices)


def test_at_full_size_crossings_are_those_of_the_source() -> None:
    # Arithmetic of the released source's layers-145.cfg, for a batch of 128: tower b's
    # pooled maps 13×13×128 and 6×6×128, and 2048 values of fc6 and of fc7.
    expected = {"to_conv3": 11.1, "to_fc6": 2.4, "to_fc7": 1.05, "to_fc8": 1.05}
    model = AlexNet(devices=[HERE, HERE])
    for name, megabytes in expected.items():
        towers = _sent(model.get_layer(name))
        assert len(towers) == 2
        for device, values in towers:
            sent = Crossing(name, device, "/GPU:1", values).bytes(128)
            assert sent / 1e6 == pytest.approx(megabytes, abs=0.05)
