"""Local response normalisation over neighbouring positions within each map."""

from __future__ import annotations

import tensorflow as tf

from keras_alexnet.normalizations import WithinChannelLRN


def within_channel_normalization(
    x: tf.Tensor,
    size: int = 5,
    k: float = 1.0,
    alpha: float = 1e-3,
    beta: float = 0.75,
) -> tf.Tensor:
    """Divides every activity by a power of the energy around it in its own map.

    `y[p] = x[p] · (k + alpha / size² · Σ_q x[q]²)^(−beta)`, where q runs over those
    positions in the window of side `size` around p that are in the map. At the borders
    the divisor stays `size²` (`conv_util.cu` of the source).

    Args:
        x: `[batch, height, width, channels]`, floating point.
        size: Side of the window, odd.
        k: Additive constant.
        alpha: Factor of the mean of squares.
        beta: Exponent.

    Returns:
        A tensor of the shape and type of `x`, computed in float32 or float64.

    Raises:
        ValueError: If a constant is out of range, or `x` is not of rank 4.

    Example:

    >>> y = within_channel_normalization(tf.ones([1, 1, 1, 1]), alpha=25.0)
    >>> round(float(y[0, 0, 0, 0]), 4)  # (1 + 25 / 25)^-0.75
    0.5946

    Reference:
        - `cnorm2` of `layers-145.cfg` in the released source of 2012.
    """
    lrn = WithinChannelLRN(size, k, alpha, beta)
    x = tf.convert_to_tensor(x)
    if x.shape.rank != 4 or not x.dtype.is_floating:
        raise ValueError(
            "x must be floating point [batch, height, width, channels]. "
            f"Received: shape={x.shape}, dtype={x.dtype.name}"
        )
    if 0 in x.shape:
        return tf.identity(x)
    wide = tf.cast(x, tf.float64 if x.dtype == tf.float64 else tf.float32)
    # Beyond the map a window only adds zeros, so it need not be wider than that.
    rows, columns = (
        min(lrn.size // 2, lrn.size if side is None else side - 1)
        for side in x.shape[1:3]
    )
    window = (2 * rows + 1, 2 * columns + 1)
    # Padded here, because TensorFlow's "SAME" average does not count padded zeros.
    around = [[0, 0], [rows, rows], [columns, columns], [0, 0]]
    squares = tf.pad(tf.square(wide), around)
    means = tf.nn.avg_pool2d(squares, window, strides=1, padding="VALID")
    alpha = lrn.alpha * (window[0] * window[1] / lrn.size**2)
    normal = wide * tf.pow(lrn.k + alpha * means, -lrn.beta)
    return tf.cast(normal, x.dtype)
