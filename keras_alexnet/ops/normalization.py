"""Local response normalisation (paper, section 3.3)."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_alexnet.normalizations import LRN
from keras_alexnet.ops.own_gradient import Function, with_gradient


def normalize(x: tf.Tensor, lrn: LRN, towers: tuple[int, ...]) -> tf.Tensor:
    """Local response normalisation in stock TensorFlow ops.

    The sum over a window is a matrix product with a band of ones. That works for every
    type and any towers, and its gradient is such a product too. Only `x` is kept for
    the gradient. In the product NaN times 0 is NaN, so a NaN or infinity reaches all
    maps of its pixel; with the native kernel it reaches only the windows that hold it.

    Args:
        x: `[…, channels]`, floating point.
        lrn: The constants.
        towers: Channels of each tower; no window reaches into another.

    Returns:
        A tensor of the shape and type of `x`, computed in float32 or float64.
    """
    wide = tf.float64 if x.dtype == tf.float64 else tf.float32
    return tf.cast(_composite(lrn, towers)(tf.cast(x, wide)), x.dtype)


@functools.cache
def _composite(lrn: LRN, towers: tuple[int, ...]) -> Function:
    def forward(x: tf.Tensor) -> tf.Tensor:
        return x * _energy_and_power(x, lrn, towers)[1]

    def gradient(
        inputs: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor]
    ) -> list[tf.Tensor]:
        # dx_g = u_g d_g^-b - 2 a b x_g sum_f band[g, f] u_f x_f d_f^(-b-1)
        (x,), (u,) = inputs, upstream
        energy, power = _energy_and_power(x, lrn, towers)
        pull = _through_band(u * x * power / energy, lrn, towers, back=True)
        return [u * power - (2.0 * lrn.scale * lrn.beta) * x * pull]

    return with_gradient(forward, gradient)


def _energy_and_power(
    x: tf.Tensor, lrn: LRN, towers: tuple[int, ...]
) -> tuple[tf.Tensor, tf.Tensor]:
    energy = lrn.k + lrn.scale * _through_band(tf.square(x), lrn, towers, back=False)
    if lrn.beta == 0.75:  # two square roots are far cheaper than a general power
        root = tf.math.rsqrt(energy)
        return energy, root * tf.sqrt(root)
    return energy, tf.pow(energy, -lrn.beta)


def _through_band(
    values: tf.Tensor, lrn: LRN, towers: tuple[int, ...], back: bool
) -> tf.Tensor:
    if len(set(towers)) == 1:  # the band of one tower serves all
        towers = towers[:1]
    band = _band(lrn.size, towers)
    matrix = tf.constant(band.T if back else band, values.dtype)
    flat = tf.matmul(tf.reshape(values, [-1, len(band)]), matrix)
    shaped = tf.reshape(flat, tf.shape(values))
    shaped.set_shape(values.shape)  # ensure_shape has no forward-mode derivative
    return shaped


@functools.cache
def _band(size: int, towers: tuple[int, ...]) -> np.ndarray:
    """`band[g, f]` is 1 where map g is in the window and in the tower of map f."""
    tower: np.ndarray = np.repeat(np.arange(len(towers)), towers)
    g, f = np.ogrid[: len(tower), : len(tower)]
    inside = (g >= f - size // 2) & (g < f - size // 2 + size)
    return (inside & (tower[:, None] == tower)).astype(np.float32)
