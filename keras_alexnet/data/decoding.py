"""From the bytes of a picture to its pixels, and to a part of them scaled."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

# Pillow's Image.MAX_IMAGE_PIXELS, a quarter of a GiB in RGB: what announces more is
# not decoded. (TensorFlow's own decoders go to twice that, and to 1 GiB for BMP.)
MOST_PIXELS = 89_478_485
_RATIOS = (1, 2, 4, 8)
_HEADER = 26  # bytes
_POWERS = np.array([256**3, 256**2, 256, 1])


def decode(image: tf.Tensor, shorter_side: int | None = None) -> tf.Tensor:
    """Decodes a picture, known by its content; a JPEG no larger than needed.

    Alpha is dropped, palettes and grey become RGB, 16 bits keep their upper 8. The
    orientation that EXIF data may ask for is ignored, as ImageNet's users do.

    Args:
        image: Scalar string: a JPEG, PNG, GIF (its first frame) or BMP.
        shorter_side: What the picture will be scaled to: a JPEG is shrunk to a
            half, a quarter or an eighth within its decoder, if that leaves as much.

    Returns:
        `[height, width, 3]`, uint8, RGB.

    Raises:
        tf.errors.InvalidArgumentError: If it is none of these, cut short, or its
            header announces more than `MOST_PIXELS`.
    """
    pixels = tf.cond(
        tf.io.is_jpeg(image),
        lambda: _decode_jpeg(image, shorter_side),
        lambda: _decode_other(image),
    )
    return tf.ensure_shape(pixels, [None, None, 3])


def _decode_jpeg(image: tf.Tensor, shorter_side: int | None) -> tf.Tensor:
    size = tf.io.extract_jpeg_shape(image)[:2]
    with tf.control_dependencies([_check(tf.cast(size, tf.int64))]):
        image = tf.identity(image)
    if shorter_side is None:
        return tf.io.decode_jpeg(image, channels=3)
    smaller = tf.reduce_min(size)
    fits = [smaller // ratio >= shorter_side for ratio in _RATIOS[1:]]
    branches = [
        functools.partial(tf.io.decode_jpeg, image, channels=3, ratio=ratio)
        for ratio in _RATIOS
    ]
    return tf.switch_case(tf.reduce_sum(tf.cast(fits, tf.int32)), branches)


def _decode_other(image: tf.Tensor) -> tf.Tensor:
    with tf.control_dependencies([_check(_announced_size(image))]):
        image = tf.identity(image)
    return tf.io.decode_image(image, channels=3, expand_animations=False)


def _announced_size(image: tf.Tensor) -> tf.Tensor:
    """Width and height in the header of a PNG or a GIF, int64 `[2]`; else zeros.

    A BMP that announces more than it holds is refused by TensorFlow's decoder.
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


def _check(size: tf.Tensor) -> tf.Operation | None:
    """Refuses a picture before memory is taken for it."""
    # Not of integers, whose product may pass what 64 bits hold.
    fits = tf.reduce_prod(tf.cast(size, tf.float64)) <= MOST_PIXELS
    expected = f"a picture must have at most {MOST_PIXELS} pixels; its header says"
    if not tf.executing_eagerly():
        return tf.debugging.Assert(fits, [expected, size])
    if not fits:  # An assertion has other words here, of TensorFlow's inner life.
        words = f"{expected} {size.numpy().tolist()}"
        raise tf.errors.InvalidArgumentError(None, None, words)
    return None


def scaled_size(pixels: tf.Tensor, shorter_side: int) -> tf.Tensor:
    """Height and width of `[…, height, width, 3]` scaled to a shorter side, int32."""
    size = tf.cast(tf.shape(pixels)[-3:-1], tf.float32)
    target = tf.round(size * (shorter_side / tf.reduce_min(size)))
    return tf.maximum(tf.cast(target, tf.int32), shorter_side)


def scaled_part(
    pixels: tf.Tensor, target: tf.Tensor, offset: tf.Tensor, side: int
) -> tf.Tensor:
    """A square of a picture that is scaled bilinearly, with antialiasing.

    Only the square is computed, not the rest of the scaled picture: a strip of
    10,000 pixels by 1 would take gigabytes.

    Args:
        pixels: uint8 `[batch, height, width, 3]`, or without the batch.
        target: Height and width of the whole scaled picture.
        offset: Of the square's upper left corner in the scaled picture.
        side: Of the square.

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
