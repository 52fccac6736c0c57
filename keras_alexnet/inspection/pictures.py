"""The pictures of a data set that a network is looked at with."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from keras_alexnet.data import Source
from keras_alexnet.data.sources import TRAIN
from keras_alexnet.data.unreadable import READING, explained
from keras_alexnet.inspection.findings import Shown
from keras_alexnet.reasons import must_be
from keras_alexnet.recipe import Recipe
from keras_alexnet.whole_numbers import whole_number

Example = dict[str, tf.Tensor]
_EVERY = 32  # pictures between calls of `advance`


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Pictures as a network sees them, before its colours are prepared.

    Args:
        names: Name of each in its data.
        labels: int64 `[n]`, the class of each in its data.
        pixels: uint8 `[n, side, side, 3]`, R, G, B: the central views.
    """

    names: tuple[str, ...]
    labels: np.ndarray
    pixels: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    def shown(self, index: int) -> Shown:
        """One of them, for a report."""
        return Shown(self.names[index], int(self.labels[index]), self.pixels[index])

    def part(self, rows: slice) -> Pictures:
        """Some of them."""
        return Pictures(self.names[rows], self.labels[rows], self.pixels[rows])


def draw(
    source: Source,
    split: str,
    recipe: Recipe,
    limit: int = 1000,
    seed: int = 0,
    advance: Callable[[int], object] | None = None,
) -> Pictures:
    """Reads the central views of some pictures of a data set, the same each time.

    Args:
        source: The data set.
        split: `"train"` or `"validation"`.
        recipe: How pictures become the network's input.
        limit: At most as many are drawn, at random; training pictures that are stored
            in a random order are the first. They take `limit · 3 · image_size²` bytes.
        seed: Of the draw.
        advance: Called with how many pictures were read since its last call.

    Returns:
        `Pictures`, in the order of the data.

    Raises:
        ValueError: If there is no such split, `limit` is not above 0, or a picture
            cannot be read.

    Example:

    >>> draw(source, "validation", recipe, limit=200)  # doctest: +SKIP
    """
    if split not in source.sizes:
        raise must_be("split", f"one of {tuple(source.sizes)}", split)
    limit = whole_number("limit", limit)
    view = recipe.views_of(source).centre
    count = min(limit, source.sizes[split])
    side = recipe.image_size
    names: list[str] = []
    labels: np.ndarray = np.zeros(count, np.int64)
    pixels: np.ndarray = np.empty([count, side, side, 3], np.uint8)
    examples = _drawn(source, split, limit, seed).map(
        lambda each: (each["name"], each["label"], view(each["image"])),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    try:
        for index, (name, label, image) in enumerate(examples.as_numpy_iterator()):
            names.append(name.decode(errors="replace"))
            labels[index], pixels[index] = label, image
            if advance is not None and (index + 1) % _EVERY == 0:
                advance(_EVERY)
    except READING as error:
        raise explained(error, source.ordered(split), source) from error
    if advance is not None:
        advance(count % _EVERY)
    return Pictures(tuple(names), labels[: len(names)], pixels[: len(names)])


def _drawn(source: Source, split: str, limit: int, seed: int) -> tf.data.Dataset:
    size = source.sizes[split]
    count = min(size, limit)
    drawn = np.sort(np.random.default_rng(seed).choice(size, count, replace=False))
    if source.random_access:
        return _at(source, split, drawn)
    if count == size:
        return source.ordered(split)
    if split == TRAIN:  # in a random order, see Source.random_access
        return source.ordered(split).take(limit)
    # Validation pictures can be in the order of their classes.
    wanted: np.ndarray = np.zeros(size, bool)
    wanted[drawn] = True
    kept = tf.constant(wanted)
    examples = source.ordered(split).enumerate()
    return examples.filter(lambda index, each: kept[index]).map(lambda _, each: each)


def _at(source: Source, split: str, indices: np.ndarray) -> tf.data.Dataset:
    """The examples at some places, without reading the others."""
    stored = list(source.examples_at(split, indices))
    in_files = isinstance(stored[0].image, str)

    def example(name: tf.Tensor, label: tf.Tensor, image: tf.Tensor) -> Example:
        encoded = tf.io.read_file(image) if in_files else image
        return {"name": name, "label": label, "image": encoded}

    columns = (
        tf.constant([each.name.encode(errors="replace") for each in stored]),
        tf.constant([each.label for each in stored], tf.int64),
        tf.constant([_bytes(each.image) for each in stored]),
    )
    return tf.data.Dataset.from_tensor_slices(columns).map(example)


def _bytes(image: bytes | str) -> bytes:
    return image if isinstance(image, bytes) else os.fsencode(image)
