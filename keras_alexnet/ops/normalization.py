"""Local response normalisation (paper, section 3.3)."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_alexnet.ops.kernels import check_kernels

ALPHA_MODES = ("sum", "mean")


@dataclasses.dataclass(frozen=True)
class LRN:
    """The constants of local response normalisation; the defaults are the paper's.

    Args:
        size: Number of neighbouring maps that a sum takes in, at least 1. An even
            `size` n covers f - n/2 … f + n/2 - 1, as the 2012 source's does.
        k: Additive constant.
        alpha: Factor of the sum of squares.
        beta: Exponent.
        alpha_mode: `"sum"` multiplies the sum of squares by `alpha` (the paper's
            text, `tf.nn`); `"mean"` by `alpha / size` (the source, Caffe, PyTorch).

    Raises:
        ValueError: If `size` is no whole number above 0, a constant is not
            finite, or `alpha_mode` is unknown.

    Example:

    >>> LRN(alpha_mode="mean").scale
    2e-05

    Reference:
        - Krizhevsky et al. 2012, section 3.3; `layer.py`, `NormLayerParser`, of
          the released source divides its scale by the size.
    """

    size: int = 5
    k: float = 2.0
    alpha: float = 1e-4
    beta: float = 0.75
    alpha_mode: str = "sum"

    def __post_init__(self) -> None:
        if isinstance(self.size, bool) or int(self.size) != self.size or self.size < 1:
            raise ValueError(
                f"size must be a whole number above 0. Received: size={self.size}"
            )
        for name in ("k", "alpha", "beta"):
            if not np.isfinite(getattr(self, name)):
                raise ValueError(
                    f"{name} must be finite. Received: {name}={getattr(self, name)}"
                )
        if self.alpha_mode not in ALPHA_MODES:
            raise ValueError(
                f"alpha_mode must be one of {ALPHA_MODES}. "
                f"Received: alpha_mode={self.alpha_mode!r}"
            )

    @property
    def scale(self) -> float:
        """What multiplies the plain sum of squares."""
        return self.alpha / self.size if self.alpha_mode == "mean" else self.alpha


def local_response_normalization(
    x: tf.Tensor,
    size: int = 5,
    k: float = 2.0,
    alpha: float = 1e-4,
    beta: float = 0.75,
    alpha_mode: str = "sum",
    towers: int = 1,
    kernels: str = "auto",
) -> tf.Tensor:
    """Divides every activity by a power of its neighbours' energy.

    `y[…, f] = x[…, f] · (k + a · Σ_g x[…, g]²)^(−beta)`, where g runs over the
    `size` maps around f that lie in f's own tower, and a is `alpha`
    (`alpha_mode="sum"`) or `alpha / size` (`"mean"`). At the edge of a tower fewer
    squares are summed; the divisor of `"mean"` stays `size`.

    Sums and powers are computed in float32 (float64 for float64) and only the
    input is kept for the gradient.

    Args:
        x: Floating-point tensor `[…, channels]`, its channels known statically.
        size: Width of the window, in maps.
        k: Additive constant.
        alpha: Factor of the sum.
        beta: Exponent.
        alpha_mode: `"sum"` or `"mean"`, see `LRN`.
        towers: Number of equal groups of channels that do not see each other.
        kernels: `"auto"` or `"composite"`.

    Returns:
        A tensor of the shape and type of `x`.

    Raises:
        ValueError: If `x` is not floating point, has no static number of
            channels, `towers` does not divide it, or a constant is out of range.

    Example:

    >>> x = tf.ones([1, 1, 1, 4])
    >>> local_response_normalization(x, 3, 1.0, 1.0, 1.0).numpy().ravel()
    array([0.33333334, 0.25      , 0.25      , 0.33333334], dtype=float32)

    Reference:
        - Krizhevsky et al. 2012, section 3.3.
    """
    check_kernels(kernels)
    lrn = LRN(size, k, alpha, beta, alpha_mode)
    x = tf.convert_to_tensor(x)
    _check_maps(x, towers)
    wide = tf.float64 if x.dtype == tf.float64 else tf.float32
    return tf.cast(_composite(lrn, towers)(tf.cast(x, wide)), x.dtype)


def _check_maps(x: tf.Tensor, towers: int) -> None:
    if not x.dtype.is_floating:
        raise ValueError(f"x must be floating point. Received: dtype={x.dtype.name}")
    if x.shape.rank is None or x.shape.rank < 1 or x.shape[-1] is None:
        raise ValueError(
            f"x must have a known number of channels. Received: shape={x.shape}"
        )
    if towers < 1 or x.shape[-1] % towers:
        raise ValueError(
            "towers must be above 0 and divide the number of channels. "
            f"Received: towers={towers}, channels={x.shape[-1]}"
        )


@functools.cache
def _composite(lrn: LRN, towers: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """The op in stock ops, the windowed sum as a product with a 0/1 band.

    A matrix product over channels, unlike `tf.nn.local_response_normalization`,
    takes every type and tower, and its gradient is another one.
    """

    @tf.custom_gradient
    def normalize(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            # dx_g = u_g d_g^-b - 2 a b x_g sum_f band[g, f] u_f x_f d_f^(-b-1)
            energy, power = _energy_and_power(x, lrn, towers)
            pull = _through_band(upstream * x * power / energy, lrn, towers, back=True)
            return upstream * power - (2.0 * lrn.scale * lrn.beta) * x * pull

        return x * _energy_and_power(x, lrn, towers)[1], gradient

    return normalize


def _energy_and_power(
    x: tf.Tensor, lrn: LRN, towers: int
) -> tuple[tf.Tensor, tf.Tensor]:
    energy = lrn.k + lrn.scale * _through_band(tf.square(x), lrn, towers, back=False)
    if lrn.beta == 0.75:  # two square roots cost a fraction of a general power
        root = tf.math.rsqrt(energy)
        return energy, root * tf.sqrt(root)
    return energy, tf.pow(energy, -lrn.beta)


def _through_band(values: tf.Tensor, lrn: LRN, towers: int, back: bool) -> tf.Tensor:
    channels = values.shape[-1]
    band = _band(channels, lrn.size, channels // towers)
    matrix = tf.constant(band.T if back else band, values.dtype)
    flat = tf.matmul(tf.reshape(values, [-1, channels]), matrix)
    return tf.ensure_shape(tf.reshape(flat, tf.shape(values)), values.shape)


@functools.cache
def _band(channels: int, size: int, tower: int) -> np.ndarray:
    """`band[g, f]` is 1 where map g is in the window of map f and in its tower."""
    g, f = np.ogrid[:channels, :channels]
    inside = (g >= f - size // 2) & (g < f - size // 2 + size)
    return (inside & (g // max(tower, 1) == f // max(tower, 1))).astype(np.float32)
