"""The squares of a picture that a network reads: random, central, or ten views."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import tensorflow as tf

from keras_alexnet.data.augmentation import Window, offset, window_box
from keras_alexnet.data.decoding import (
    cut,
    decode,
    decode_window,
    scaled_part,
    scaled_size,
    scaled_whole,
)
from keras_alexnet.data.sources import Source

# The paper cuts 224 out of 256 (section 4.1); other sizes keep the proportion.
_BORDERED = 256 / 224
# Squares this near to that proportion are cut without scaling. Caffe cuts 227 out of
# 256, which is 1 % off.
_NEAR = 0.05
TEN = 10


def bordered_size(image_size: int) -> int:
    """Shorter side of the picture that crops of `image_size` are cut from."""
    return round(image_size * _BORDERED)


@dataclasses.dataclass(frozen=True)
class Views:
    """The views of the pictures of a source.

    A view is a square of `image_size` out of the picture whose shorter side was
    scaled to `resize_size`. Prepared squares whose size is within 5 % of that are
    not scaled: 224 and 227 are cut out of 256 as they are.

    Args:
        image_size: Side of the views.
        size: Side of the pictures, if they are prepared squares; else None.
        encoding: Of prepared squares: `"jpeg"`, or `"raw"`, the bytes of the pixels.
        resize_size: As above; `bordered_size(image_size)` if None.
        warp: Whether both sides are scaled to `resize_size`, which does not keep the
            proportions.

    Example:

    >>> Views(224, size=256).border, Views(128, size=256).border, Views(227).border
    (32, 18, 32)
    """

    image_size: int
    size: int | None = None
    encoding: str = "jpeg"
    resize_size: int | None = None
    warp: bool = False

    @classmethod
    def of(
        cls,
        source: Source,
        image_size: int,
        resize_size: int | None = None,
        warp: bool = False,
    ) -> Views:
        """The views of the pictures of a source."""
        return cls(image_size, source.size, source.encoding, resize_size, warp)

    @property
    def bordered(self) -> int:
        """Shorter side of the scaled pictures."""
        return self.resize_size or bordered_size(self.image_size)

    @property
    def unscaled(self) -> bool:
        """Whether views are cut out of the pictures as they are."""
        if self.size is None or self.size < self.image_size:
            return False
        return abs(self.bordered / self.size - 1) <= _NEAR

    @property
    def border(self) -> int:
        """By how much the square around all ten views is wider than a view."""
        whole = self.size if self.unscaled and self.size else self.bordered
        return whole - self.image_size

    def decode(self, image: tf.Tensor) -> tf.Tensor:
        """The pixels, uint8 `[height, width, 3]`, decoded no larger than needed."""
        if self.encoding == "raw":
            pixels = tf.io.decode_raw(image, tf.uint8)
            return tf.reshape(pixels, [self.size, self.size, 3])
        if self.unscaled:
            return tf.io.decode_jpeg(image, channels=3, dct_method="INTEGER_FAST")
        return decode(image, self.bordered)

    def training(
        self,
        image: tf.Tensor,
        place: tf.Tensor | None,
        mirrored: tf.Tensor,
        window: Window | None = None,
    ) -> tf.Tensor:
        """A view at a random place, mirrored or not (paper, section 4.1).

        Args:
            image: Scalar string, the picture as the source stores it.
            place: float32 `[2]` in 0 to 1: 0 is the first offset in the spare border,
                downwards and to the right, and 1 comes after the last. None for the
                central view.
            mirrored: Scalar bool.
            window: If given, the view is a window of this shape, at that place of the
                picture, scaled to a square; else a square of the scaled picture.

        Returns:
            uint8 `[image_size, image_size, 3]`.
        """
        if place is None:
            view = self.centre(image)
        elif window is not None:
            within = functools.partial(window_box, window=window, place=place)
            view = self._resized(image, within)
        elif self.unscaled:
            view = self._cut(image, offset(place, self.border))
        else:
            pixels = self.decode(image)
            target = self._target(pixels)
            corner = offset(place, target - self.image_size)
            view = scaled_part(pixels, target, corner, self.image_size)
        # One picture at a time: over a batch, tf.where takes longer than decoding.
        return tf.cond(mirrored, lambda: tf.reverse(view, [1]), lambda: view)

    def _resized(
        self, image: tf.Tensor, window: Callable[[tf.Tensor], tf.Tensor]
    ) -> tf.Tensor:
        """A window of a picture, scaled to a view."""
        if self.encoding == "raw":
            pixels = cut(self.decode(image), window)
        else:
            pixels = decode_window(image, window, self.image_size)
        return scaled_whole(pixels, self.image_size)

    def _cut(self, image: tf.Tensor, corner: tf.Tensor) -> tf.Tensor:
        """The view at an offset in a prepared square, decoding little else."""
        side = self.image_size
        if self.encoding == "raw":
            return _square(self.decode(image), corner, side)
        window = tf.concat([corner, [side, side]], axis=0)
        view = tf.io.decode_and_crop_jpeg(
            image, window, channels=3, dct_method="INTEGER_FAST"
        )
        return tf.ensure_shape(view, [side, side, 3])

    def centre(self, image: tf.Tensor) -> tf.Tensor:
        """The central view, uint8 `[image_size, image_size, 3]`."""
        pixels = self.decode(image)
        if self.unscaled:
            return _square(pixels, 2 * [self.border // 2], self.image_size)
        return self.scaled_square(pixels, self.image_size)

    def ten(self, image: tf.Tensor) -> tf.Tensor:
        """The ten views of the central square, uint8 `[10, side, side, 3]`."""
        pixels = self.decode(image)
        if self.unscaled:
            pixels = tf.ensure_shape(pixels, [self.size, self.size, 3])
        else:
            pixels = self.scaled_square(pixels, self.bordered)
        return ten_views(pixels, self.image_size)

    def scaled_square(self, pixels: tf.Tensor, side: int) -> tf.Tensor:
        """The central square of decoded pictures, scaled like their views.

        Args:
            pixels: `[…, height, width, 3]`.
            side: Of the square, `bordered` at most.

        Returns:
            uint8 `[…, side, side, 3]`.
        """
        target = self._target(pixels)
        # Within the central square of `bordered`, which the ten views are cut from.
        corner = (target - self.bordered) // 2 + (self.bordered - side) // 2
        return scaled_part(pixels, target, corner, side)

    def _target(self, pixels: tf.Tensor) -> tf.Tensor:
        """Height and width of the whole scaled picture."""
        if self.warp:
            return tf.constant([self.bordered, self.bordered])
        return scaled_size(pixels, self.bordered)


def ten_views(squares: tf.Tensor, side: int) -> tf.Tensor:
    """The ten views of squares: corners and centre, then the same five mirrored.

    In the order of the source of 2012 (`convdata_jpeg.py`): upper left, upper right,
    centre, lower left, lower right.

    Args:
        squares: `[…, s, s, 3]`, with known s.
        side: Of the views.

    Returns:
        `[10, …, side, side, 3]`.
    """
    last = squares.shape[-2] - side
    half = last // 2
    places = ((0, 0), (0, last), (half, half), (last, 0), (last, last))
    five = tf.stack([squares[..., y : y + side, x : x + side, :] for y, x in places])
    return tf.concat([five, five[..., ::-1, :]], axis=0)


def _square(pixels: tf.Tensor, corner: tuple[int, int] | list, side: int) -> tf.Tensor:
    top, left = corner[0], corner[1]
    view = pixels[top : top + side, left : left + side]
    return tf.ensure_shape(view, [side, side, 3])
