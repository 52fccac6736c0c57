"""Decodes pictures, whole or in part, and scales a part of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_alexnet.data.formats import CONVERTED, HEAD, READ, format_of, unread
from keras_alexnet.data.preparation.pixel_worker import pictures
from keras_alexnet.ops.swapping import being_saved

# Pillow's Image.MAX_IMAGE_PIXELS, a quarter of a GiB in RGB. A picture whose header
# announces more is not decoded. (TensorFlow's own decoders go to twice that, and to
# 1 GiB for BMP.)
MOST_PIXELS = 89_478_485
_EXPECTED = f"a picture must have at most {MOST_PIXELS} pixels; its header says"
_RATIOS = (1, 2, 4, 8)
_HEADER = 26  # bytes
_POWERS = np.array([256**3, 256**2, 256, 1])


def decode(image: tf.Tensor, shorter_side: int | None = None) -> tf.Tensor:
    """Decodes a picture, known by its content; a JPEG no larger than needed.

    Alpha is dropped, palettes and grey become RGB, 16 bits keep their upper 8. An
    orientation in EXIF data is ignored, as is usual with ImageNet.

    Args:
        image: Scalar string: a JPEG, PNG, GIF (its first frame), BMP or WebP (its
            first frame; not in a graph that is being saved).
        shorter_side: What the picture will be scaled to: the decoder shrinks a JPEG
            to a half, a quarter or an eighth if it is still no smaller than this.

    Returns:
        `[height, width, 3]`, uint8, RGB.

    Raises:
        tf.errors.InvalidArgumentError: If it is none of these, it is truncated, or
            its header announces more than `MOST_PIXELS`.
    """
    pixels = tf.cond(
        tf.io.is_jpeg(image),
        lambda: _decode_jpeg(image, shorter_side),
        lambda: _decode_other(image),
    )
    return tf.ensure_shape(pixels, [None, None, 3])


def decode_window(
    image: tf.Tensor, window: Callable[[tf.Tensor], tf.Tensor], side: int
) -> tf.Tensor:
    """Decodes a window of a picture: of a JPEG little else, and no larger than needed.

    Args:
        image: As for `decode`.
        window: From the height and width of the picture, int32 `[2]`, to top, left,
            height and width of its window, int32 `[4]`.
        side: What both sides of the window will be scaled to: the decoder shrinks a
            JPEG as in `decode`, and the window is rounded to whole pixels of that.

    Returns:
        `[height, width, 3]`, uint8, RGB.

    Raises:
        tf.errors.InvalidArgumentError: As `decode`; but a JPEG may be truncated below
            its window.
    """
    pixels = tf.cond(
        tf.io.is_jpeg(image),
        lambda: _decode_jpeg_window(image, window, side),
        lambda: cut(_decode_other(image), window),
    )
    return tf.ensure_shape(pixels, [None, None, 3])


def cut(pixels: tf.Tensor, window: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """A window, as for `decode_window`, of a decoded picture `[height, width, 3]`."""
    top, left, height, width = tf.unstack(window(tf.shape(pixels)[:2]))
    return pixels[top : top + height, left : left + width]


def _decode_jpeg(image: tf.Tensor, shorter_side: int | None) -> tf.Tensor:
    image, size = _jpeg_size(image)
    if shorter_side is None:
        return tf.io.decode_jpeg(image, channels=3)
    decoder = functools.partial(tf.io.decode_jpeg, image, channels=3)
    return _shrunk(decoder, size, shorter_side)


def _decode_jpeg_window(
    image: tf.Tensor, window: Callable[[tf.Tensor], tf.Tensor], side: int
) -> tf.Tensor:
    image, size = _jpeg_size(image)
    box = window(size)

    def decoder(ratio: int) -> tf.Tensor:
        return tf.io.decode_and_crop_jpeg(image, box // ratio, channels=3, ratio=ratio)

    return _shrunk(decoder, box[2:], side)


def _jpeg_size(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """A JPEG, checked to be small enough to decode, with its height and width."""
    size = tf.io.extract_jpeg_shape(image)[:2]
    return _checked(image, tf.cast(size, tf.int64)), size


def _shrunk(
    decoder: Callable[..., tf.Tensor], size: tf.Tensor, shorter_side: int
) -> tf.Tensor:
    """Decodes with the largest `ratio=` that keeps `shorter_side` or more of `size`."""
    smaller = tf.reduce_min(size)
    fits = [smaller // ratio >= shorter_side for ratio in _RATIOS[1:]]
    branches = [functools.partial(decoder, ratio=ratio) for ratio in _RATIOS]
    return tf.switch_case(tf.reduce_sum(tf.cast(fits, tf.int32)), branches)


def _decode_other(image: tf.Tensor) -> tf.Tensor:
    if tf.executing_eagerly():
        _check_format(image.numpy())
    image = _checked(image, _announced_size(image))

    def decoded() -> tf.Tensor:
        return tf.io.decode_image(image, channels=3, expand_animations=False)

    if being_saved():  # Where that graph will run, there is no Python of ours.
        return decoded()
    padded = tf.strings.join([image, "\0" * _HEADER])
    riff, kind = (tf.strings.substr(padded, place, 4) for place in (0, 8))
    is_webp = (riff == b"RIFF") & (kind == b"WEBP")
    return tf.cond(is_webp, lambda: _decode_webp(image), decoded)


def _check_format(image: bytes) -> None:
    """Refuses what is no picture, and formats that only `prepare` reads."""
    found = format_of(image[:HEAD])
    if found is None and image:
        raise tf.errors.InvalidArgumentError(None, None, unread(image))
    if found in CONVERTED:
        message = f"{found}, not {READ}: convert it, as `prepare` does with data sets"
        raise tf.errors.InvalidArgumentError(None, None, message)


def _decode_webp(image: tf.Tensor) -> tf.Tensor:
    """Decodes a WebP by Pillow.

    TensorFlow 2.15 has no decoder of WebP, and that of 2.21 refuses alpha when three
    channels are requested ("Number of channels requested does not match input").
    """
    if not tf.executing_eagerly():
        pixels = tf.numpy_function(_by_pillow, [image], tf.uint8, stateful=False)
        return tf.ensure_shape(pixels, [None, None, 3])
    try:
        return tf.constant(_by_pillow(image.numpy()))
    except ValueError as error:
        raise tf.errors.InvalidArgumentError(None, None, str(error)) from error


@tf.autograph.experimental.do_not_convert
def _by_pillow(image: Any) -> np.ndarray:
    try:
        return np.asarray(pictures.decode(np.asarray(image, object).item()))
    except pictures.Unreadable as error:
        # In a graph TensorFlow makes an InvalidArgumentError of it.
        raise ValueError(str(error)) from error


def _announced_size(image: tf.Tensor) -> tf.Tensor:
    """Width and height in the header of a PNG or a GIF, int64 `[2]`; else zeros.

    TensorFlow's decoder itself refuses a BMP that announces more than it has.
    """
    padded = tf.strings.join([tf.strings.substr(image, 0, _HEADER), "\0" * _HEADER])
    header = tf.io.decode_raw(tf.strings.substr(padded, 0, _HEADER), tf.uint8)
    header = tf.cast(tf.ensure_shape(header, [_HEADER]), tf.int64)
    # PNG: two numbers of 4 bytes, big-endian, in IHDR, its first chunk. GIF: two of
    # 2 bytes, little-endian, after the signature.
    of_png = tf.reduce_sum(tf.reshape(header[16:24], [2, 4]) * _POWERS, axis=1)
    of_gif = tf.reduce_sum(tf.reshape(header[6:10], [2, 2]) * _POWERS[:1:-1], axis=1)
    start = tf.strings.substr(padded, 0, 4)
    none = tf.zeros([2], tf.int64)
    return tf.where(
        start == b"\x89PNG", of_png, tf.where(start == b"GIF8", of_gif, none)
    )


def _checked(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """A picture, refused if it is too large before memory is allocated for it.

    Args:
        image: Scalar string.
        size: Height and width by its header, int64 `[2]`.
    """
    # In floating point: the product of the integers may overflow 64 bits.
    fits = tf.reduce_prod(tf.cast(size, tf.float64)) <= MOST_PIXELS
    if tf.executing_eagerly():
        if not fits:
            raise tf.errors.InvalidArgumentError(None, None, _too_large(size.numpy()))
        return image
    if being_saved():  # Where that graph will run, there is no Python of ours.
        with tf.control_dependencies([tf.debugging.Assert(fits, [_EXPECTED, size])]):
            return tf.identity(image)
    # Not by an Assert, which has state: op determinism would make the pictures of a
    # pipeline wait for each other.
    return tf.cond(fits, lambda: image, lambda: _refused(size))


def _refused(size: tf.Tensor) -> tf.Tensor:
    @tf.autograph.experimental.do_not_convert
    def refuse(size: np.ndarray) -> bytes:
        raise ValueError(_too_large(size))

    refused = tf.numpy_function(refuse, [size], tf.string, stateful=False)
    return tf.ensure_shape(refused, [])


def _too_large(size: np.ndarray) -> str:
    return f"{_EXPECTED} {size.tolist()}"


def scaled_size(pixels: tf.Tensor, shorter_side: int) -> tf.Tensor:
    """int32 height and width of `[…, height, width, 3]`, scaled to a shorter side."""
    size = tf.cast(tf.shape(pixels)[-3:-1], tf.float32)
    target = tf.round(size * (shorter_side / tf.reduce_min(size)))
    return tf.maximum(tf.cast(target, tf.int32), shorter_side)


def scaled_part(
    pixels: tf.Tensor, target: tf.Tensor, offset: tf.Tensor, side: int
) -> tf.Tensor:
    """Cuts a square out of a picture scaled bilinearly, with antialiasing.

    Only the square is computed, not the rest of the scaled picture: a strip of
    10,000 pixels by 1 would take gigabytes.

    Args:
        pixels: uint8 `[batch, height, width, 3]`, or without the batch.
        target: Height and width of the whole scaled picture.
        offset: Of the square's upper left corner in the scaled picture.
        side: Side of the square.

    Returns:
        uint8 `[batch, side, side, 3]`, or without the batch: that part of
        `tf.image.resize(pixels, target, antialias=True)`, rounded.
    """
    pixels = tf.convert_to_tensor(pixels)
    batch = pixels if pixels.shape.rank == 4 else pixels[None]
    target = tf.cast(target, tf.float32)
    scaled = tf.raw_ops.ScaleAndTranslate(
        images=batch,
        size=[side, side],
        scale=target / tf.cast(tf.shape(batch)[1:3], tf.float32),
        translation=-tf.cast(offset, tf.float32),
        kernel_type="triangle",
        antialias=True,
    )
    part = tf.cast(tf.clip_by_value(tf.round(scaled), 0, 255), tf.uint8)
    return part if pixels.shape.rank == 4 else part[0]


def scaled_whole(pixels: tf.Tensor, side: int) -> tf.Tensor:
    """A whole picture scaled to a square, which does not keep its proportions.

    Args:
        pixels: uint8 `[height, width, 3]`.
        side: Side of the square.

    Returns:
        uint8 `[side, side, 3]`, scaled as by `scaled_part`.
    """

    def enlarged() -> tf.Tensor:
        scaled = tf.raw_ops.ResizeBilinear(
            images=pixels[None], size=[side, side], half_pixel_centers=True
        )
        return tf.cast(tf.round(scaled[0]), tf.uint8)

    def shrunk() -> tf.Tensor:
        return scaled_part(pixels, tf.constant([side, side]), tf.zeros(2), side)

    # Enlarging needs no antialiasing; the op without it takes a quarter of the time.
    fits = tf.reduce_all(tf.shape(pixels)[:2] <= side)
    return tf.ensure_shape(tf.cond(fits, enlarged, shrunk), [side, side, 3])
