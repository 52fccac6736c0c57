"""From an encoded picture to the pixels that the network sees."""

from __future__ import annotations

import functools

import tensorflow as tf

# The paper cuts 224 out of 256 (section 4.1); other sizes keep the proportion.
_BORDERED = 256 / 224
_RATIOS = (1, 2, 4, 8)


def bordered_size(image_size: int) -> int:
    """Shorter side of the picture that crops of `image_size` are cut from."""
    return round(image_size * _BORDERED)


def decode(image: tf.Tensor, shorter_side: int) -> tf.Tensor:
    """Decodes a picture and scales its shorter side to `shorter_side`.

    Args:
        image: Scalar string: a JPEG, PNG, GIF (its first frame) or BMP.
        shorter_side: In pixels.

    Returns:
        `[height, width, 3]`, uint8, RGB.
    """
    pixels = tf.cond(
        tf.io.is_jpeg(image),
        lambda: _decode_jpeg(image, shorter_side),
        lambda: tf.io.decode_image(image, channels=3, expand_animations=False),
    )
    return scale(tf.ensure_shape(pixels, [None, None, 3]), shorter_side)


def scale(pixels: tf.Tensor, shorter_side: int) -> tf.Tensor:
    """Scales pictures `[…, height, width, 3]` so that their shorter side is this."""
    size = tf.cast(tf.shape(pixels)[-3:-1], tf.float32)
    target = tf.round(size * (shorter_side / tf.reduce_min(size)))
    target = tf.maximum(tf.cast(target, tf.int32), shorter_side)
    scaled = tf.image.resize(pixels, target, antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(scaled), 0, 255), tf.uint8)


def _decode_jpeg(image: tf.Tensor, shorter_side: int) -> tf.Tensor:
    """Lets the JPEG decoder itself shrink to the next size above the one wanted."""
    smaller = tf.reduce_min(tf.io.extract_jpeg_shape(image)[:2])
    fits = [smaller // ratio >= shorter_side for ratio in _RATIOS[1:]]
    branches = [
        functools.partial(tf.io.decode_jpeg, image, channels=3, ratio=ratio)
        for ratio in _RATIOS
    ]
    return tf.switch_case(tf.reduce_sum(tf.cast(fits, tf.int32)), branches)


def centre_view(image: tf.Tensor, image_size: int) -> tf.Tensor:
    """The central square of an encoded picture, uint8 `[side, side, 3]`."""
    return _centre(decode(image, bordered_size(image_size)), image_size)


def centre_views(pictures: tf.Tensor, image_size: int) -> tf.Tensor:
    """The central squares of decoded pictures `[batch, height, width, 3]`, uint8."""
    return _centre(scale(pictures, bordered_size(image_size)), image_size)


def _centre(pixels: tf.Tensor, image_size: int) -> tf.Tensor:
    return _crop(pixels, (tf.shape(pixels)[-3:-1] - image_size) // 2, image_size)


def training_view(image: tf.Tensor, image_size: int, seed: tf.Tensor) -> tf.Tensor:
    """A square at a random place, mirrored half of the time (paper, section 4.1).

    Args:
        image: Scalar string, the encoded picture.
        image_size: Side of the square.
        seed: `[2]`, integer: the draws are a function of it.

    Returns:
        uint8 `[image_size, image_size, 3]`.
    """
    pixels = decode(image, bordered_size(image_size))
    spare = tf.shape(pixels)[:2] - image_size
    draws = tf.random.stateless_uniform([3], seed)
    # From 0 to the whole spare border, both included: 33 places for 224 of 256.
    offset = tf.cast(draws[:2] * tf.cast(spare + 1, tf.float32), tf.int32)
    crop = _crop(pixels, tf.minimum(offset, spare), image_size)
    return tf.cond(draws[2] < 0.5, lambda: crop[:, ::-1], lambda: crop)


def _crop(pixels: tf.Tensor, offset: tf.Tensor, image_size: int) -> tf.Tensor:
    bottom, right = offset[0] + image_size, offset[1] + image_size
    crop = pixels[..., offset[0] : bottom, offset[1] : right, :]
    return tf.ensure_shape(crop, [*pixels.shape[:-3], image_size, image_size, 3])
