"""Dropout that is a function of seed, step, position, unit and layer."""

from __future__ import annotations

import zlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.layers import StatelessDropout
from keras_alexnet.layers.stateless_dropout import Place, dropout_at, uniform_rows


def mask(rows: int = 8, units: int = 10, name: str = "dropout6", **place) -> np.ndarray:
    layer = StatelessDropout(0.25, name=name)
    with dropout_at(Place(**{"seed": 3, "step": 5, "first_row": 0, **place})):
        return layer(tf.ones([rows, units]), training=True).numpy()


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Philox 4×32-10 (Salmon et al. 2011), four 32-bit numbers of a count."""
    x, k, low = list(counter), list(key), 0xFFFFFFFF
    for _ in range(10):
        a, b = x[0] * 0xD2511F53, x[2] * 0xCD9E8D57
        x = [(b >> 32) ^ x[1] ^ k[0], b & low, (a >> 32) ^ x[3] ^ k[1], a & low]
        k = [(k[0] + 0x9E3779B9) & low, (k[1] + 0xBB67AE85) & low]
    return x


@pytest.mark.compat
def test_the_numbers_are_philoxs_at_step_and_row() -> None:
    drawn = uniform_rows(Place(3, 5, 2), "fc", rows=3, units=6).numpy()
    seed = tf.constant([3, zlib.crc32(b"fc") % 2**31], tf.int64)
    (key,), _ = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    key = [int(key) & 0xFFFFFFFF, int(key) >> 32]
    for row in range(3):
        blocks = [philox([(2 + row) * 2 + n, 0, 5, 0], key) for n in range(2)]
        bits = np.concatenate(blocks).astype(np.uint32)[:6]
        expected = (bits & 0x7FFFFF).astype(np.float32) / 2**23
        np.testing.assert_array_equal(drawn[row], expected)


@pytest.mark.compat
def test_a_batch_in_parts_is_the_batch() -> None:
    whole = mask()
    parts = [mask(rows=2, first_row=0), mask(rows=6, first_row=2)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("other", [{"seed": 4}, {"step": 6}, {"name": "dropout7"}])
def test_seed_step_and_layer_each_change_the_mask(other: dict) -> None:
    assert (mask(64, 64) != mask(64, 64, **other)).mean() == pytest.approx(
        2 * 0.25 * 0.75, abs=0.03
    )


@pytest.mark.compat
def test_values_are_zeroed_by_the_rate_and_the_rest_scaled() -> None:
    values = mask(256, 256)
    assert set(np.unique(values)) == {np.float32(0), np.float32(1 / 0.75)}
    assert (values == 0).mean() == pytest.approx(0.25, abs=0.01)


def test_the_gradient_has_the_mask_of_the_values() -> None:
    x = tf.ones([4, 8])
    with tf.GradientTape() as tape, dropout_at(Place(1, 2, 0)):
        tape.watch(x)
        y = StatelessDropout(0.5)(x, training=True)
    np.testing.assert_array_equal(tape.gradient(y, x), y)


# Not on Keras 2, whose seeded draws depend on what was drawn before.
def test_outside_a_run_and_in_inference_it_is_keras_dropout() -> None:
    x = tf.ones([64, 64])
    ours, theirs = StatelessDropout(0.5, seed=1), keras.layers.Dropout(0.5, seed=1)
    np.testing.assert_array_equal(ours(x, training=True), theirs(x, training=True))
    with dropout_at(Place(1, 2, 0)):
        np.testing.assert_array_equal(ours(x, training=False), x)


def test_half_precision_is_kept() -> None:
    layer = StatelessDropout(0.5, dtype="mixed_bfloat16")
    with dropout_at(Place(1, 2, 0)):
        assert layer(tf.ones([2, 4], tf.bfloat16), training=True).dtype == tf.bfloat16
