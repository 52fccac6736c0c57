"""Prepared squares in memory, like those of `records:DIR`."""

from __future__ import annotations

import io

import numpy as np
import tensorflow as tf
from PIL import Image

from keras_alexnet.data import Source
from keras_alexnet.data.sources import Keep


def located(size: int) -> np.ndarray:
    """Pixels that show their position: red is the column, green the row."""
    rows, columns = np.indices((size, size), np.uint8)
    return np.stack([columns, rows, np.full_like(rows, 7)], axis=-1)


def encoded(pixels: np.ndarray, form: str = "PNG", **options: object) -> bytes:
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, form, **options)
        return file.getvalue()


class Squares(Source):
    """Pictures `[n, size, size, 3]` in their order, for training and validation."""

    def __init__(
        self, pictures: np.ndarray, labels: list[int], names: tuple[str, ...], form: str
    ) -> None:
        self.size, self.encoding = pictures.shape[1], form
        store = np.ndarray.tobytes if form == "raw" else jpeg
        self._examples = tf.data.Dataset.from_tensor_slices(
            {
                "name": [f"picture {n}" for n in range(len(pictures))],
                "label": np.array(labels, np.int64),
                "image": [store(each) for each in pictures],
            }
        )
        counts = dict.fromkeys(("train", "validation"), len(pictures))
        super().__init__("squares", names, counts)

    def ordered(self, split: str) -> tf.data.Dataset:
        return self._examples

    def shuffled(
        self, split: str, seed: int, start: int, keep: Keep | None = None
    ) -> tf.data.Dataset:
        stream = self._examples.repeat().enumerate().skip(start)
        if keep is not None:
            stream = stream.filter(lambda position, each: keep(position))
        return stream.map(lambda position, each: {**each, "position": position})


def jpeg(pixels: np.ndarray) -> bytes:
    return encoded(pixels, "JPEG", quality=95)
