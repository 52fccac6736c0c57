"""Random crops, mirroring and colour noise: what is drawn for each picture.

Each draw is a function of seed and position; `draws_from` makes others so too, as in
`mixing.py`. The window of the crop `"resized"` is that of Inception: Szegedy et al.
2015, "Going deeper with convolutions", section 6.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_alexnet.data.order import SEEDS, Keep

# Width over height, in section 6: from 3/4 to 4/3.
WIDEST = 4 / 3


class Window(NamedTuple):
    """The shape of a window; its place is drawn as for any crop.

    Args:
        area: float32 scalar, its area as a fraction of the picture's, above 0 to 1.
        aspect: float32 scalar, its width over its height.
    """

    area: tf.Tensor
    aspect: tf.Tensor


def window_box(size: tf.Tensor, window: Window, place: tf.Tensor) -> tf.Tensor:
    """The box of a window in a picture of some size.

    Its height is sqrt(area · height · width / aspect) and its width aspect times that,
    rounded, and no more than the picture has: a window that is too wide or too high is
    clipped, not drawn again.

    Args:
        size: int32 `[2]`, height and width of the picture.
        window: Its shape.
        place: float32 `[2]` in 0 to 1, as for `offset`.

    Returns:
        int32 `[4]`: top, left, height, width.

    Example:

    >>> box = window_box(tf.constant([100, 200]), Window(0.5, 1.0), tf.zeros(2))
    >>> box.numpy().tolist()
    [0, 0, 100, 100]
    """
    whole = tf.cast(size, tf.float32)
    side = tf.sqrt(window.area * whole[0] * whole[1])
    stretch = tf.sqrt(window.aspect)
    wanted = tf.cast(tf.round(tf.stack([side / stretch, side * stretch])), tf.int32)
    # A strip one pixel wide has windows one pixel wide, not empty ones.
    shape = tf.clip_by_value(wanted, 1, size)
    return tf.concat([offset(place, size - shape), shape], axis=0)


def offset(place: tf.Tensor, spare: tf.Tensor | int) -> tf.Tensor:
    """The offset of a crop in the spare border: one of 0 to 32 for 224 of 256.

    Args:
        place: float32 `[2]` in 0 to 1: 0 is the first offset, downwards and to the
            right, and 1 comes after the last.
        spare: The width of the border, which is the last offset.

    Returns:
        int32 `[2]`.
    """
    shift = tf.cast(place * tf.cast(spare + 1, tf.float32), tf.int32)
    return tf.minimum(shift, spare)


# How many positions one random op draws for. One op for each picture would take a
# tenth of the time of its decoding. Another size would change the draws.
BLOCK = 1024


class Draws(NamedTuple):
    """What is drawn for one picture.

    Args:
        place: float32 `[2]`, uniform in 0 to 1: where a crop begins in the spare
            border, downwards and to the right.
        mirrored: Scalar bool, true half of the time.
        noise: float32 `[3]`, standard normal: the colour noise.
    """

    place: tf.Tensor
    mirrored: tf.Tensor
    noise: tf.Tensor


def draws(
    seed: int, start: int = 0, crop_chunk: int = 1, keep: Keep | None = None
) -> tf.data.Dataset:
    """The draws for position `start` of the stream and all that follow.

    Args:
        seed: 0 to 2**31 − 1.
        start: The first position, 0 or more.
        crop_chunk: How many successive pictures share place and mirroring; 32 in
            the source of 2012 (`convdata_jpeg.py`). Chunks begin at multiples of it,
            whatever `start` is. Each picture has its own noise.
        keep: Positions to draw for; all if None.

    Returns:
        An endless data set of `Draws`.

    Example:

    >>> first, second = draws(seed=1).take(2)
    >>> float(first.noise[0]) == float(second.noise[0])
    False
    """
    return draws_from(start, lambda block: _drawn(seed, block, crop_chunk), keep)


def window_draws(
    seed: int,
    start: int = 0,
    crop_chunk: int = 1,
    crop_area: float = 0.25,
    keep: Keep | None = None,
) -> tf.data.Dataset:
    """The windows for position `start` of the stream and all that follow.

    They are independent of the `draws` for the same positions. The area is uniform
    from `crop_area` to 1, the aspect ratio log-uniform from 3/4 to 4/3.

    Args:
        seed: 0 to 2**31 − 1.
        start: The first position, 0 or more.
        crop_chunk: How many successive pictures share the window, as in `draws`.
        crop_area: Smallest fraction of a picture's area, more than 0, 1 at most.
        keep: Positions to draw for; all if None.

    Returns:
        An endless data set of `Window`.

    Example:

    >>> (window,) = window_draws(seed=1, crop_area=1.0).take(1)
    >>> float(window.area)
    1.0
    """
    return draws_from(
        start, lambda block: _windows(seed, block, crop_chunk, crop_area), keep
    )


def draws_from(
    start: int, drawn: Callable[[tf.Tensor], Any], keep: Keep | None
) -> tf.data.Dataset:
    """The draws for a position and those that follow, block by block.

    Args:
        start: The position.
        drawn: Of the number of a block, scalar int64, the draws for its positions:
            tensors `[BLOCK, …]`, maybe nested.
        keep: Positions to draw for; all if None.
    """

    def wanted(block: tf.Tensor) -> Any:
        positions = block * BLOCK + tf.range(BLOCK, dtype=tf.int64)
        kept = positions >= start
        if keep is not None:
            kept &= keep(positions)
        return tf.nest.map_structure(lambda each: each[kept], drawn(block))

    blocks = tf.data.Dataset.range(start // BLOCK, np.iinfo(np.int64).max // BLOCK)
    return blocks.map(wanted).unbatch()


def _drawn(seed: int, block: tf.Tensor, crop_chunk: int) -> Draws:
    """The draws for the positions of a block."""
    crops = _shared(seed, block, crop_chunk, 3)
    noise = tf.random.stateless_normal([BLOCK, 3], tf.stack([seed + SEEDS, block]))
    return Draws(place=crops[:, :2], mirrored=crops[:, 2] < 0.5, noise=noise)


def _windows(seed: int, block: tf.Tensor, crop_chunk: int, crop_area: float) -> Window:
    """The windows for the positions of a block."""
    shapes = _shared(seed + 2 * SEEDS, block, crop_chunk, 2)
    return Window(
        area=crop_area + (1 - crop_area) * shapes[:, 0],
        aspect=tf.exp(math.log(WIDEST) * (2 * shapes[:, 1] - 1)),
    )


def _shared(seed: int, block: tf.Tensor, crop_chunk: int, count: int) -> tf.Tensor:
    """Uniform numbers in 0 to 1 for a block's positions, `count` for each chunk."""
    chunks = (block * BLOCK + tf.range(BLOCK, dtype=tf.int64)) // crop_chunk
    # A chunk has at least one position: two tables hold all chunks of a block.
    first = chunks[0] // BLOCK
    tables = [uniform(seed, first, count), uniform(seed, first + 1, count)]
    return tf.gather(tf.concat(tables, axis=0), chunks - first * BLOCK)


def uniform(seed: int, block: tf.Tensor, count: int) -> tf.Tensor:
    """`count` uniform numbers in 0 to 1 for each of a block's positions."""
    return tf.random.stateless_uniform([BLOCK, count], tf.stack([seed, block]))
