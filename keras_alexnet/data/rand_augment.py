"""RandAugment: a few operations on colour and shape for each picture, at one strength.

The operations on colours give the values of Pillow, which the paper's code and others
use, to the bit; those on shapes are bilinear.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from keras_alexnet.data.augmentation import draws_from, uniform
from keras_alexnet.data.order import SEEDS, Keep
from keras_alexnet.reasons import must_be

_CHOICES = 13 * SEEDS  # the kind of the draws; those before are of other files
STRONGEST = 30.0  # the M of the paper, section 4
_GREY = 128.0  # what comes in from outside of a picture, in the paper's code
_DEGREES, _SHEAR, _ENHANCE = 30.0, 0.3, 0.9
_SHIFT = 150 / 331  # AutoAugment's 150 pixels, of its pictures of 331
_BITS = 4.0

# A picture, uint8 [height, width, 3], and a level from −1 to 1, a float32 scalar.
Operation = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Choice(NamedTuple):
    """What is drawn for a picture.

    Args:
        operations: int32 `[n]`, indices into `OPERATIONS`.
        signs: float32 `[n]`, 1 or −1: the direction of those that have two.
    """

    operations: tf.Tensor
    signs: tf.Tensor


@dataclasses.dataclass(frozen=True)
class RandAugment:
    """Changes each picture by random operations, drawn by seed and position.

    Args:
        count: How many operations are applied, one after the other: N of the paper,
            1 or more. Each is any of the 14 of `OPERATIONS` with the same probability.
        strength: Of all of them, from 0 to 30: M of the paper.

    Raises:
        ValueError: If one of them is out of range.

    Example:

    >>> augment = RandAugment(count=2, strength=9)
    >>> (choice,) = augment.draws(seed=1).take(1)
    >>> picture = tf.zeros([16, 16, 3], tf.uint8)
    >>> augment(picture, choice).shape
    TensorShape([16, 16, 3])

    Reference:
        - Cubuk et al. 2020, "RandAugment", section 3. Ranges at strength 30 are those
          of torchvision.transforms.RandAugment.
    """

    count: int
    strength: float = 9.0

    def __post_init__(self) -> None:
        if not self.count >= 1:
            raise must_be("count", "1 or more", self.count)
        if not 0 <= self.strength <= STRONGEST:
            raise must_be("strength", f"from 0 to {STRONGEST:g}", self.strength)

    def draws(
        self, seed: int, start: int = 0, keep: Keep | None = None
    ) -> tf.data.Dataset:
        """The operations of the picture at position `start`, and of all that follow.

        Args:
            seed: 0 to 2**31 − 1.
            start: The first position, 0 or more.
            keep: Positions to draw for; all if None.

        Returns:
            An endless data set of `Choice`.
        """
        return draws_from(start, lambda block: self._drawn(seed, block), keep)

    def _drawn(self, seed: int, block: tf.Tensor) -> Choice:
        each = uniform(seed + _CHOICES, block, 2 * self.count)
        which = tf.cast(each[:, : self.count] * len(OPERATIONS), tf.int32)
        signs = tf.where(each[:, self.count :] < 0.5, -1.0, 1.0)
        return Choice(tf.minimum(which, len(OPERATIONS) - 1), signs)

    def __call__(self, picture: tf.Tensor, choice: Choice) -> tf.Tensor:
        """The picture after the operations that are drawn for it.

        Args:
            picture: uint8 `[height, width, 3]`, with known sides.
            choice: From `draws`.
        """
        level = self.strength / STRONGEST
        for index in range(self.count):
            signed = level * choice.signs[index]
            branches = [
                functools.partial(operation, picture, signed)
                for operation in OPERATIONS.values()
            ]
            picture = tf.switch_case(choice.operations[index], branches)
        return picture


def identity(picture: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """The picture as it is."""
    return tf.identity(picture)


def shear_x(picture: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """Rows are shifted by up to 0.3 of their distance from the top."""
    return _affine(picture, (1.0, _SHEAR * level, 0.0, 0.0, 1.0, 0.0))


def shear_y(picture: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """Columns are shifted by up to 0.3 of their distance from the left."""
    return _affine(picture, (1.0, 0.0, 0.0, _SHEAR * level, 1.0, 0.0))


def translate_x(picture: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """Shifted to a side by up to 150 / 331 of the width."""
    shift = _SHIFT * picture.shape[1] * level
    return _affine(picture, (1.0, 0.0, shift, 0.0, 1.0, 0.0))


def translate_y(picture: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """Shifted up or down by up to 150 / 331 of the height."""
    shift = _SHIFT * picture.shape[0] * level
    return _affine(picture, (1.0, 0.0, 0.0, 0.0, 1.0, shift))


def rotate(picture: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """Rotated about its centre by up to 30 degrees, at level 1 to the left."""
    angle = level * math.radians(_DEGREES)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    x, y = picture.shape[1] / 2, picture.shape[0] / 2
    right = x - cosine * x + sine * y
    down = y - sine * x - cosine * y
    return _affine(picture, (cosine, -sine, right, sine, cosine, down))


def brightness(picture: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """Each value times 0.1 to 1.9, as Pillow's `ImageEnhance.Brightness`."""
    return _enhanced(tf.zeros_like(picture), picture, level)


def colour(picture: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """Each colour's distance from grey times 0.1 to 1.9, as `ImageEnhance.Color`."""
    return _enhanced(_grey(picture), picture, level)


def contrast(picture: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """The distance from the mean grey times 0.1 to 1.9, as `ImageEnhance.Contrast`."""
    mean = tf.reduce_mean(tf.cast(_grey(picture), tf.float64))
    return _enhanced(tf.floor(mean + 0.5), picture, level)


def sharpness(picture: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """The distance from a smooth form times 0.1 to 1.9, as `ImageEnhance.Sharpness`.

    Smooth is the mean of the pixel, five times, and its eight neighbours; the pixels
    at the borders stay as they are.
    """
    height, width = picture.shape[0], picture.shape[1]
    whole = tf.cast(picture, tf.int32)
    total = 4 * whole[1:-1, 1:-1]
    for down in range(3):
        for right in range(3):
            total += whole[down : height - 2 + down, right : width - 2 + right]
    smooth = (2 * total + 13) // 26  # total / 13, rounded
    inner = tf.pad(tf.ones_like(smooth), [[1, 1], [1, 1], [0, 0]])
    padded = tf.pad(smooth, [[1, 1], [1, 1], [0, 0]])
    return _enhanced(tf.where(inner > 0, padded, whole), picture, level)


def posterize(picture: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """The upper 8 to 4 bits of each value, as Pillow's `ImageOps.posterize`."""
    bits = tf.cast(tf.round(_BITS * tf.abs(level)), tf.uint8)
    bits = tf.fill(tf.shape(picture), bits)
    return tf.bitwise.left_shift(tf.bitwise.right_shift(picture, bits), bits)


def solarize(picture: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """Values from 255 to 0 on are inverted, as Pillow's `ImageOps.solarize`."""
    threshold = 255 * (1 - tf.abs(level))
    light = tf.cast(picture, tf.float32) >= threshold
    return tf.where(light, 255 - picture, picture)


def auto_contrast(picture: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """Each colour stretched to 0 to 255, as Pillow's `ImageOps.autocontrast`."""
    values = tf.cast(tf.reshape(picture, [-1, 3]), tf.float64)
    low, high = tf.reduce_min(values, 0), tf.reduce_max(values, 0)
    scale = 255.0 / tf.maximum(high - low, 1.0)
    every = tf.range(256, dtype=tf.float64)[:, None]
    table = tf.clip_by_value(tf.cast(every * scale + -low * scale, tf.int32), 0, 255)
    single = tf.cast(every, tf.int32)
    return _looked_up(picture, tf.where(high > low, table, single))


def equalize(picture: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """Each colour's values spread evenly, as Pillow's `ImageOps.equalize`."""
    values = tf.transpose(tf.cast(tf.reshape(picture, [-1, 3]), tf.int32))
    counts = tf.transpose(
        tf.raw_ops.DenseBincount(
            input=values, size=256, weights=tf.zeros([0], tf.int32)
        )
    )
    every = tf.range(256)[:, None]
    last = tf.reduce_max(tf.where(counts > 0, every, 0), axis=0)
    rest = tf.reduce_sum(tf.where(every < last, counts, 0), axis=0)
    step = rest // 255
    below = tf.cumsum(counts, exclusive=True) + step // 2
    table = tf.minimum(below // tf.maximum(step, 1), 255)
    return _looked_up(picture, tf.where(step > 0, table, every))


# By the names of the paper, section 3, in its order.
OPERATIONS: dict[str, Operation] = {
    "identity": identity,
    "auto_contrast": auto_contrast,
    "equalize": equalize,
    "rotate": rotate,
    "solarize": solarize,
    "colour": colour,
    "posterize": posterize,
    "contrast": contrast,
    "brightness": brightness,
    "sharpness": sharpness,
    "shear_x": shear_x,
    "shear_y": shear_y,
    "translate_x": translate_x,
    "translate_y": translate_y,
}


def _affine(picture: tf.Tensor, matrix: tuple[Any, ...]) -> tf.Tensor:
    """The picture whose pixel at x, y is that at a x + b y + c, d x + e y + f.

    As Pillow's `Image.transform`, x and y are those of the centres of pixels.
    """
    a, b, c, d, e, f = matrix
    # TensorFlow counts from the centre of the first pixel.
    own = [a, b, c + (a + b - 1) / 2, d, e, f + (d + e - 1) / 2, 0.0, 0.0]
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=picture[None],
        transforms=tf.stack([tf.cast(each, tf.float32) for each in own])[None],
        output_shape=picture.shape[:2],
        fill_value=_GREY,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    return tf.ensure_shape(moved[0], picture.shape)


def _enhanced(plain: tf.Tensor, picture: tf.Tensor, level: tf.Tensor) -> tf.Tensor:
    """`plain + f (picture − plain)`, cut to 0 to 255; f is 1 plus 0.9 at level 1."""
    plain, whole = tf.cast(plain, tf.float32), tf.cast(picture, tf.float32)
    values = plain + (1 + _ENHANCE * level) * (whole - plain)
    return tf.cast(tf.clip_by_value(values, 0, 255), tf.uint8)


def _grey(picture: tf.Tensor) -> tf.Tensor:
    """int32 `[height, width, 1]`, by the weights of ITU-R 601 as Pillow has them."""
    weights = tf.constant([19595, 38470, 7471])
    light = tf.reduce_sum(tf.cast(picture, tf.int32) * weights, axis=2, keepdims=True)
    return (light + 0x8000) // 0x10000


def _looked_up(picture: tf.Tensor, table: tf.Tensor) -> tf.Tensor:
    """Each value replaced by that of its colour's table, int32 `[256, 3]`."""
    colours = tf.unstack(tf.cast(picture, tf.int32), axis=2)
    tables = tf.unstack(tf.cast(table, tf.uint8), axis=1)
    each = zip(tables, colours, strict=True)
    return tf.stack([tf.gather(own, values) for own, values in each], axis=2)
