"""The random draws of the training views, each a function of seed and position."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

# How many positions one random op draws for. An op for each picture would cost as
# much as a tenth of its decoding. Another size would give other draws.
_BLOCK = 1024
_SEEDS = 2**31  # As many as `seed` may have: beyond them no two kinds of draws meet.


class Draws(NamedTuple):
    """What is drawn for one picture.

    Args:
        place: float32 `[2]`, uniform in 0 to 1: where in the spare border, downwards
            and to the right, a crop begins.
        mirrored: Scalar bool, true half of the time.
        noise: float32 `[3]`, standard normal: the colour noise.
    """

    place: tf.Tensor
    mirrored: tf.Tensor
    noise: tf.Tensor


def draws(seed: int, start: int = 0, crop_chunk: int = 1) -> tf.data.Dataset:
    """The draws for position `start` of the stream and all that follow.

    Args:
        seed: 0 to 2**31 − 1.
        start: The first position, 0 or more.
        crop_chunk: How many successive pictures share place and mirroring; 32 in
            the source of 2012 (`convdata_jpeg.py`). They begin at multiples of it,
            whatever `start` is, and each picture has a noise of its own.

    Returns:
        `Draws` without end.

    Example:

    >>> first, second = draws(seed=1).take(2)
    >>> float(first.noise[0]) == float(second.noise[0])
    False
    """
    blocks = tf.data.Dataset.range(start // _BLOCK, np.iinfo(np.int64).max // _BLOCK)
    return (
        blocks.map(lambda block: _drawn(seed, block, crop_chunk))
        .unbatch()
        .skip(start % _BLOCK)
    )


def _drawn(seed: int, block: tf.Tensor, crop_chunk: int) -> Draws:
    """The draws for the positions of a block."""
    chunks = (block * _BLOCK + tf.range(_BLOCK, dtype=tf.int64)) // crop_chunk
    # Chunks are no shorter than 1, so those of a block lie in two blocks at most.
    first = chunks[0] // _BLOCK
    table = tf.concat([_uniform(seed, first), _uniform(seed, first + 1)], axis=0)
    crops = tf.gather(table, chunks - first * _BLOCK)
    noise = tf.random.stateless_normal([_BLOCK, 3], tf.stack([seed + _SEEDS, block]))
    return Draws(place=crops[:, :2], mirrored=crops[:, 2] < 0.5, noise=noise)


def _uniform(seed: int, block: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_uniform([_BLOCK, 3], tf.stack([seed, block]))
