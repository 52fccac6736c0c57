"""MixUp and CutMix: pictures that are mixed in pairs, and their labels with them.

Row 0 of a batch is mixed with row 1, row 2 with row 3, and so on. Each device has whole
pairs, so that what is mixed does not depend on their number. Which pictures make a pair
is as random as their order, which is another one in each epoch.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from keras_alexnet.data.augmentation import BLOCK, draws_from, uniform
from keras_alexnet.data.order import SEEDS, Keep
from keras_alexnet.reasons import must_be

# Kinds of draws; those up to 5 are augmentation.py's and order.py's.
_CHOICES, _MIXUP, _CUTMIX = (kind * SEEDS for kind in (6, 7, 9))


class Mix(NamedTuple):
    """How a picture is mixed with its partner: by how much, and where.

    Of a batch, both have a first axis more.

    Args:
        amount: float32 scalar from 0 to 1, how much of the partner's pixels is taken.
        box: int32 `[4]`, where: top, left, bottom, right.
    """

    amount: tf.Tensor
    box: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Mixing:
    """MixUp and CutMix of the pictures of a batch; draws are by seed and position.

    With x, y a picture and its label, as a vector of 0 and one 1, and x', y' those of
    its partner:

    - MixUp: `λ x + (1 − λ) x'` with the label `λ y + (1 − λ) y'`, λ ~ Beta(α, α).
    - CutMix: x with a box of x' at the same place. The box has the sides
      `⌊s √(1 − λ)⌋` of the picture's s, λ ~ Beta(α, α), around a place that is uniform
      in the picture, and is clipped at the borders. The label is as above, with
      1 − λ the fraction of the picture that was replaced.

    Each picture has a λ of its own; that of its partner is another one.

    Args:
        mixup: α of MixUp, 0 for none.
        cutmix: α of CutMix, 0 for none; with both, half of the pictures that are mixed
            have the one and half the other, at random.
        part: Fraction of the pictures that are mixed, the others stay as they are.

    Raises:
        ValueError: If an α is negative, or the fraction is not from 0 to 1.

    Example:

    >>> mixing = Mixing(mixup=0.2)
    >>> (mix,) = mixing.draws(seed=1, side=8).take(1)
    >>> mix.box.numpy().tolist()
    [0, 0, 8, 8]

    Reference:
        - Zhang et al. 2018, "mixup: Beyond empirical risk minimization", section 2.
        - Yun et al. 2019, "CutMix", section 3.1.
    """

    mixup: float = 0.0
    cutmix: float = 0.0
    part: float = 1.0

    def __post_init__(self) -> None:
        for name in ("mixup", "cutmix"):
            if not getattr(self, name) >= 0:
                raise must_be(name, "0 or more", getattr(self, name))
        if not 0 <= self.part <= 1:
            raise must_be("part", "from 0 to 1", self.part)

    def draws(
        self, seed: int, side: int, start: int = 0, keep: Keep | None = None
    ) -> tf.data.Dataset:
        """How the picture at position `start` is mixed, and all that follow.

        Args:
            seed: 0 to 2**31 − 1.
            side: Of the pictures.
            start: The first position, 0 or more.
            keep: Positions to draw for; all if None.

        Returns:
            An endless data set of `Mix`.
        """
        return draws_from(start, lambda block: self._drawn(seed, side, block), keep)

    def _drawn(self, seed: int, side: int, block: tf.Tensor) -> Mix:
        choices = uniform(seed + _CHOICES, block, 4)
        amount = tf.zeros([BLOCK])
        box = tf.tile([[0, 0, side, side]], [BLOCK, 1])
        if self.mixup:
            amount = 1 - beta(seed + _MIXUP, block, self.mixup)
        if self.cutmix:
            weight = beta(seed + _CUTMIX, block, self.cutmix)
            cuts = choices[:, 1] < (0.5 if self.mixup else 1.0)
            amount = tf.where(cuts, 1.0, amount)
            own = cut_box(weight, choices[:, 2:], side)
            box = tf.where(cuts[:, None], own, box)
        return Mix(tf.where(choices[:, 0] < self.part, amount, 0.0), box)


def beta(seed: int, block: tf.Tensor, alpha: float) -> tf.Tensor:
    """Numbers from Beta(α, α) for a block's positions, float32 `[BLOCK]`.

    X / (X + Y), with X and Y from Gamma(α): that is U^(1/α) times one from
    Gamma(α + 1), with U uniform (Marsaglia and Tsang 2000, section 6). Its logarithms
    are used, since for a small α it is smaller than any float.
    """
    gammas = tf.random.stateless_gamma([BLOCK, 2], tf.stack([seed, block]), alpha + 1)
    uniforms = 1 - uniform(seed + SEEDS, block, 2)  # above 0, and 1 at most
    logs = tf.math.log(gammas) + tf.math.log(uniforms) / alpha
    return tf.sigmoid(logs[:, 0] - logs[:, 1])


def cut_box(weight: tf.Tensor, place: tf.Tensor, side: int) -> tf.Tensor:
    """The boxes of CutMix, int32 `[batch, 4]`: top, left, bottom, right.

    Args:
        weight: λ, float32 `[batch]`.
        place: Where their centres are, float32 `[batch, 2]` from 0 to below 1,
            downwards and to the right.
        side: Of the pictures.

    Example:

    >>> cut_box(tf.constant([0.75]), tf.constant([[0.5, 0.0]]), 8).numpy().tolist()
    [[2, 0, 6, 2]]
    """
    half = tf.cast(tf.floor(side * tf.sqrt(1 - weight)), tf.int32) // 2
    centre = tf.cast(place * side, tf.int32)
    first, last = centre - half[:, None], centre + half[:, None]
    return tf.clip_by_value(tf.concat([first, last], axis=1), 0, side)


def partners(values: tf.Tensor) -> tf.Tensor:
    """The rows of a batch with those of each pair exchanged.

    Example:

    >>> partners(tf.constant([1, 2, 3, 4])).numpy().tolist()
    [2, 1, 4, 3]
    """
    pairs = tf.reshape(values, [-1, 2, *values.shape[1:]])
    return tf.reshape(tf.reverse(pairs, [1]), tf.shape(values))


def mixed(pictures: tf.Tensor, mix: Mix) -> tf.Tensor:
    """The pictures, each mixed with its partner.

    Args:
        pictures: float32 `[batch, side, side, channels]`, of an even batch.
        mix: Of each of them.
    """
    top, left, bottom, right = (each[:, None] for each in tf.unstack(mix.box, axis=1))
    rows, columns = (tf.range(pictures.shape[axis])[None] for axis in (1, 2))
    down = (rows >= top) & (rows < bottom)
    across = (columns >= left) & (columns < right)
    inside = tf.cast(down[:, :, None] & across[:, None], pictures.dtype)
    taken = (tf.cast(mix.amount, pictures.dtype)[:, None, None] * inside)[..., None]
    return (1 - taken) * pictures + taken * partners(pictures)


def taken_of_label(mix: Mix, side: int) -> tf.Tensor:
    """The partner's part in the label of each picture: float32 `[batch]`, 0 to 1.

    It is how much of the picture is the partner's: amount times area of the box.

    Args:
        mix: Of each picture.
        side: Of the pictures.
    """
    top, left, bottom, right = tf.unstack(tf.cast(mix.box, tf.float32), axis=1)
    return mix.amount * (bottom - top) * (right - left) / side**2
