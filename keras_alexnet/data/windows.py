"""The window of today's training crop: where in a picture it lies.

The crop of Inception: Szegedy et al. 2015, "Going deeper with convolutions", section 6.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

# Width over height, as section 6 has it: from 3/4 to 4/3.
WIDEST = 4 / 3


class Window(NamedTuple):
    """What is drawn of the shape of a window; its place is drawn as any crop's.

    Args:
        area: float32 scalar, its share of the picture's area, more than 0 to 1.
        aspect: float32 scalar, its width over its height.
    """

    area: tf.Tensor
    aspect: tf.Tensor


def lies(size: tf.Tensor, window: Window, place: tf.Tensor) -> tf.Tensor:
    """Where a window lies in a picture.

    Its height is sqrt(area · height · width / aspect) and its width aspect times that,
    rounded, and no more than the picture has: a window that is too wide or too high is
    clipped, not drawn again.

    Args:
        size: int32 `[2]`, height and width of the picture.
        window: Its shape.
        place: float32 `[2]` in 0 to 1, as of `offset`.

    Returns:
        int32 `[4]`: top, left, height, width.

    Example:

    >>> lies(tf.constant([100, 200]), Window(0.5, 1.0), tf.zeros(2)).numpy().tolist()
    [0, 0, 100, 100]
    """
    whole = tf.cast(size, tf.float32)
    side = tf.sqrt(window.area * whole[0] * whole[1])
    stretch = tf.sqrt(window.aspect)
    wanted = tf.cast(tf.round(tf.stack([side / stretch, side * stretch])), tf.int32)
    # A strip of one pixel has windows of one pixel, not of none.
    shape = tf.clip_by_value(wanted, 1, size)
    return tf.concat([offset(place, size - shape), shape], axis=0)


def offset(place: tf.Tensor, spare: tf.Tensor | int) -> tf.Tensor:
    """From 0 to the whole spare border, both included: 33 places for 224 of 256.

    Args:
        place: float32 `[2]` in 0 to 1: 0 is the first offset, downwards and to the
            right, and 1 comes after the last.
        spare: The last offset.

    Returns:
        int32 `[2]`.
    """
    shift = tf.cast(place * tf.cast(spare + 1, tf.float32), tf.int32)
    return tf.minimum(shift, spare)
