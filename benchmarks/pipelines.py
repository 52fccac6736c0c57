"""The pipelines that `benchmarks/input_pipeline.py` compares ours with."""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from PIL import Image

BORDERED, SIDE, BATCH = 256, 224, 128
Case = Callable[[], object]


def usual(paths: list[str], antialias: bool = False) -> tf.data.Dataset:
    """What a person would write with tf.data and tf.image; it repeats without end."""

    def view(path: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        size = tf.cast(tf.shape(pixels)[:2], tf.float32)
        target = tf.cast(tf.math.ceil(size * BORDERED / tf.reduce_min(size)), tf.int32)
        pixels = tf.image.resize(pixels, target, antialias=antialias)
        crop = tf.image.random_crop(pixels, [SIDE, SIDE, 3])
        return tf.cast(tf.image.random_flip_left_right(crop), tf.uint8)

    stream = tf.data.Dataset.from_tensor_slices(paths).repeat().shuffle(len(paths))
    stream = stream.map(view, num_parallel_calls=tf.data.AUTOTUNE)
    # Not AUTOTUNE, which would prefetch so many batches that a turn took no time.
    return stream.batch(BATCH).prefetch(2)


def bare(stored: list[bytes], threads: int) -> Case:
    """Only decode_and_crop_jpeg on bytes in memory, in a loop in each thread."""
    parts = [tf.constant(stored[number::threads]) for number in range(threads)]

    @tf.function(reduce_retracing=True)
    def decode(images: tf.Tensor) -> tf.Tensor:
        total = tf.constant(0, tf.int64)
        for index in tf.range(tf.shape(images)[0]):
            window = tf.stack([index % 33, index * 7 % 33, SIDE, SIDE])
            crop = tf.io.decode_and_crop_jpeg(
                images[index], window, channels=3, dct_method="INTEGER_FAST"
            )
            total += tf.cast(crop[0, 0, 0], tf.int64)
        return total

    def run() -> None:
        workers = [threading.Thread(target=decode, args=(part,)) for part in parts]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    return run


def pillow(paths: list[str]) -> Case:
    """torchvision's usual transforms of a photo, in Pillow, on one core."""

    def view(path: str) -> np.ndarray:
        with Image.open(path) as photo:
            picture = photo.convert("RGB")
        scale = BORDERED / min(picture.size)
        size = tuple(max(round(length * scale), BORDERED) for length in picture.size)
        return _cut(picture.resize(size, Image.Resampling.BILINEAR))

    return lambda: [view(path) for path in paths]


def pillow_cut(stored: list[bytes]) -> Case:
    """The crops of prepared pictures, in Pillow, on one core."""
    return lambda: [_cut(Image.open(io.BytesIO(image))) for image in stored]


def _cut(picture: Image.Image) -> np.ndarray:
    left, top = (random.randint(0, length - SIDE) for length in picture.size)
    view = picture.crop((left, top, left + SIDE, top + SIDE))
    if random.random() < 0.5:
        view = view.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(view)
