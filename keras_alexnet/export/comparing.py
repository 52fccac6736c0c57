"""Compares an exported file with its model, both run on the same pictures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_alexnet.data import Source, drawing
from keras_alexnet.data.sources import VALIDATION
from keras_alexnet.export.runtimes import Runtime
from keras_alexnet.recipe import Recipe

BATCHES = (1, 8)
MOST = 1000  # pictures
# Of probabilities. In float32 they differ by the order of sums, otherwise by the
# precision of kernels and layers. docs/serving.md measures which classes that changes.
_TOLERANCES = {"float32": 1e-4, "float16": 0.01, "bfloat16": 0.1, "int8": 0.1}


def check_difference(found: float, precision: str, model: keras.Model) -> None:
    """Raises ValueError if an export's probabilities are too far from the model's.

    Args:
        found: The largest difference.
        precision: The type in which the export stores kernels.
        model: The model.
    """
    allowed = max(_TOLERANCES[precision], _rounding(model))
    if not found <= allowed:
        raise ValueError(
            f"the export's probabilities must equal the model's within {allowed}. "
            f"Received: a difference of {found:.3g}"
        )


def _rounding(model: keras.Model) -> float:
    """The allowed rounding of a model that computes in fewer bits."""
    narrow = {layer.compute_dtype for layer in model.layers} - {"float32", "float64"}
    return 0.05 if narrow else 0.0


def difference(runtime: Runtime, model: keras.Model, recipe: Recipe) -> float:
    """The largest difference between a file's probabilities and the model's.

    It is taken over drawn pictures, in batches of `BATCHES`.

    Args:
        runtime: The file.
        model: The model that it was made of.
        recipe: The recipe of the model's pictures.
    """
    found = 0.0
    for batch in BATCHES:
        pictures = recipe.centre().batch(drawn(batch)).numpy()
        prepared = recipe.preprocessing(pictures)
        exact = np.asarray(model(prepared, training=False), np.float32)
        images = np.moveaxis(prepared, -1, 1) if runtime.prepared else pictures
        answer = runtime.run(np.ascontiguousarray(images))
        found = max(found, float(np.abs(answer - exact).max()))
    return found


class Kept(NamedTuple):
    """What is left of a network's accuracy in a file.

    Args:
        pictures: Number of validation pictures.
        top1: Fraction of them whose first class is right, by the file.
        top1_of_model: The same by the model.
        agreement: Fraction of them with the same first class by both.
    """

    pictures: int
    top1: float
    top1_of_model: float
    agreement: float

    def __str__(self) -> str:
        return (
            f"top-1 {self.top1:.4f}, the model's {self.top1_of_model:.4f}; the same "
            f"first class for {self.agreement:.4f} of {self.pictures:,} pictures"
        )


def accuracy_kept(
    runtime: Runtime,
    model: keras.Model,
    recipe: Recipe,
    source: Source,
    outputs: Sequence[str],
    watch: Callable[[int, int], object] | None = None,
) -> Kept:
    """Compares a file that takes RGB pictures with its model, on validation pictures.

    Args:
        runtime: The file.
        model: The model that it was made of.
        recipe: The recipe of the model's pictures.
        source: The data. Of more than `MOST` pictures every second, third, … is taken.
        outputs: Name of each output, as the data name the classes.
        watch: Called with the number of compared pictures and of all.

    Raises:
        ValueError: If the data have no validation pictures, or a class that the
            network does not have.
    """
    source.check_validates()
    missing = sorted({*source.class_names} - {*outputs})
    if missing:
        raise ValueError(
            "the model must have the classes of the data. "
            f"Received: data={source.spec!r}, which has {missing[0]!r}"
        )
    places = np.array([outputs.index(name) for name in source.class_names])
    every = math.ceil(source.sizes[VALIDATION] / MOST)
    count = math.ceil(source.sizes[VALIDATION] / every)
    view = recipe.views_of(source).centre
    examples = source.ordered(VALIDATION).shard(every, 0)
    viewed = examples.map(lambda each: (view(each["image"]), each["label"]))
    found: list[int] = []
    exact: list[int] = []
    right: list[int] = []
    for pictures, labels in viewed.batch(BATCHES[-1]).as_numpy_iterator():
        prepared = recipe.preprocessing(pictures)
        exact += np.argmax(model(prepared, training=False), axis=1).tolist()
        found += np.argmax(runtime.run(pictures), axis=1).tolist()
        right += places[labels].tolist()
        if watch is not None:
            watch(len(right), count)
    return Kept(
        len(right), _equal(found, right), _equal(exact, right), _equal(found, exact)
    )


def _equal(these: list[int], those: list[int]) -> float:
    return float(np.mean(np.equal(these, those)))


def drawn(count: int) -> list[Any]:
    """Drawn pictures, images of Pillow."""
    classes = len(drawing.CLASS_NAMES)
    return [
        drawing.draw(index % classes, np.random.default_rng(index))
        for index in range(count)
    ]
