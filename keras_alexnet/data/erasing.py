"""Random erasing: a rectangle of a picture that is replaced by noise."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import tensorflow as tf

from keras_alexnet.data.augmentation import (
    BLOCK,
    Window,
    draws_from,
    uniform,
    window_box,
)
from keras_alexnet.data.order import SEEDS, Keep
from keras_alexnet.reasons import must_be

# Kinds of draws; those up to 10 are augmentation.py's, order.py's and mixing.py's.
_SHAPES, _NOISE = 11 * SEEDS, 12 * SEEDS
SMALLEST = 0.02  # s_l in the paper, section "Random Erasing"
_NARROWEST = 0.3  # r_1 there


class Erase(NamedTuple):
    """What is drawn for a picture.

    Args:
        erased: Scalar bool, whether anything is erased.
        window: Area and proportions of the rectangle.
        place: float32 `[2]` in 0 to 1, where it is, as for any crop.
        noise: int64 `[2]`, the seed of the noise in it.
    """

    erased: tf.Tensor
    window: Window
    place: tf.Tensor
    noise: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Erasing:
    """Replaces a rectangle of some pictures by noise, each draw by seed and position.

    Its area is uniform from 0.02 to `area` of the picture's, its proportions are
    log-uniform from 0.3 to 1 / 0.3, and its pixels are uniform from 0 to 255. A
    rectangle that is too wide or too high is clipped; the paper draws again.

    Args:
        probability: With which a picture has one, from 0 to 1.
        area: The largest area, 0.02 to 1; 0.4 in the paper.

    Raises:
        ValueError: If one of them is out of range.

    Example:

    >>> erasing = Erasing(1.0)
    >>> (erase,) = erasing.draws(seed=1).take(1)
    >>> picture = tf.zeros([16, 16, 3], tf.uint8)
    >>> bool(tf.reduce_any(erasing(picture, erase) > 0))
    True

    Reference:
        - Zhong et al. 2017, "Random erasing data augmentation", algorithm 1.
    """

    probability: float
    area: float = 0.4

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise must_be("probability", "from 0 to 1", self.probability)
        if not SMALLEST <= self.area <= 1:
            raise must_be("area", f"from {SMALLEST} to 1", self.area)

    def draws(
        self, seed: int, start: int = 0, keep: Keep | None = None
    ) -> tf.data.Dataset:
        """What is erased of the picture at position `start`, and of all that follow.

        Args:
            seed: 0 to 2**31 − 1.
            start: The first position, 0 or more.
            keep: Positions to draw for; all if None.

        Returns:
            An endless data set of `Erase`.
        """
        return draws_from(start, lambda block: self._drawn(seed, block), keep)

    def _drawn(self, seed: int, block: tf.Tensor) -> Erase:
        each = uniform(seed + _SHAPES, block, 5)
        positions = block * BLOCK + tf.range(BLOCK, dtype=tf.int64)
        widest = -math.log(_NARROWEST)
        return Erase(
            erased=each[:, 0] < self.probability,
            window=Window(
                area=SMALLEST + (self.area - SMALLEST) * each[:, 1],
                aspect=tf.exp(widest * (2 * each[:, 2] - 1)),
            ),
            place=each[:, 3:],
            noise=tf.stack([tf.fill([BLOCK], seed + _NOISE), positions], axis=1),
        )

    def __call__(self, picture: tf.Tensor, erase: Erase) -> tf.Tensor:
        """The picture with what is drawn for it.

        Args:
            picture: uint8 `[height, width, 3]`.
            erase: From `draws`.
        """

        def covered() -> tf.Tensor:
            box = window_box(tf.shape(picture)[:2], erase.window, erase.place)
            top, left, height, width = tf.unstack(box)
            rows, columns = (tf.range(tf.shape(picture)[axis]) for axis in (0, 1))
            down = (rows >= top) & (rows < top + height)
            across = (columns >= left) & (columns < left + width)
            noise = tf.random.stateless_uniform(
                tf.shape(picture), erase.noise, 0, 256, tf.int32
            )
            inside = (down[:, None] & across)[..., None]
            return tf.where(inside, tf.cast(noise, tf.uint8), picture)

        return tf.cond(erase.erased, covered, lambda: picture)
