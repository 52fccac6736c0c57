"""Decodes a batch of encoded pictures, some of which may be malformed."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# A picture of 50 megapixels takes 150 MB decoded, and a progressive JPEG twice that
# during decoding; about one picture for each core is decoded at a time.
MOST_PIXELS = 50_000_000
# The limit of a JPEG's header. A PNG's header can hold more: a strip of a million
# pixels by one would take gigabytes to resize.
LONGEST_SIDE = 65_535

_PNG = b"\x89PNG\r\n\x1a\n"
_Decoder = Callable[[tf.Tensor], tf.Tensor]


def decode_batch(
    image_bytes: tf.Tensor, decoded: _Decoder, side: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes the pictures that can be decoded, in parallel on all cores.

    TensorFlow's decoders fail the whole run because of one bad picture. A data set
    that ignores errors skips it instead; skipped pictures become black here.

    Args:
        image_bytes: string `[batch]`.
        decoded: A function from a JPEG's or PNG's bytes to uint8 `[side, side, 3]`.
        side: Side of the pictures that `decoded` returns.

    Returns:
        uint8 `[batch, side, side, 3]`, and bool `[batch]`: which are pictures.
    """
    size = tf.size(image_bytes, out_type=tf.int64)
    blank = tf.zeros([side, side, 3], tf.uint8)
    pictures = tf.data.Dataset.from_tensor_slices((tf.range(size), image_bytes)).map(
        lambda index, image: (index, decoded(_checked(image))),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    # With the blank one at the end there is always a batch, even of no picture.
    last = tf.data.Dataset.from_tensors((size, blank))
    whole = pictures.ignore_errors().concatenate(last).batch(size + 1)
    indices, parts = whole.with_options(_options()).get_single_element()
    spread = tf.cond(
        tf.equal(tf.size(indices, out_type=tf.int64), size + 1),
        lambda: parts,
        lambda: tf.scatter_nd(
            indices[:, None], parts, tf.stack([size + 1, side, side, 3])
        ),
    )
    valid = tf.scatter_nd(indices[:, None], tf.ones_like(indices), [size + 1]) > 0
    return tf.ensure_shape(spread[:-1], [None, side, side, 3]), valid[:-1]


def _options() -> tf.data.Options:
    """Turns off the pipeline's optimisation, which takes longer than one batch."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    options.experimental_warm_start = False
    return options


def _checked(image: tf.Tensor) -> tf.Tensor:
    """Fails for what is neither JPEG nor PNG, or too large according to its header.

    GIFs are refused: TensorFlow reads all frames, and no header holds their sizes.
    """
    size = tf.cond(tf.io.is_jpeg(image), lambda: _jpeg(image), lambda: _png(image))
    pixels = tf.reduce_prod(tf.cast(size, tf.int64))
    fits = (
        (tf.reduce_min(size) > 0)
        & (tf.reduce_max(size) <= LONGEST_SIDE)
        & (pixels <= MOST_PIXELS)
    )
    with tf.control_dependencies([tf.debugging.Assert(fits, [size])]):
        return tf.identity(image)


def _jpeg(image: tf.Tensor) -> tf.Tensor:
    return tf.ensure_shape(tf.io.extract_jpeg_shape(image)[:2], [2])


def _png(image: tf.Tensor) -> tf.Tensor:
    """Width and height from IHDR, the first chunk: big-endian, after 16 bytes."""
    signed = tf.equal(tf.strings.substr(image, 0, len(_PNG)), _PNG)
    with tf.control_dependencies(
        [tf.debugging.Assert(signed, ["neither JPEG nor PNG"])]
    ):
        header = tf.strings.substr(image, 16, 8)
    return tf.ensure_shape(tf.io.decode_raw(header, tf.int32, little_endian=False), [2])
