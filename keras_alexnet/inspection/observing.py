"""What the layers of a network give for pictures, in one pass and bounded memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.fine_tuning import features
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.whole_numbers import whole_number

PATCHES = 9  # as Zeiler and Fergus show
_SCORES = "scores"
_EMPTY = -1  # instead of the number of a picture


@dataclasses.dataclass(frozen=True)
class Strongest:
    """The pictures that excite each unit of a layer most, one place in each.

    Args:
        values: float32 `[units, n]`, the largest output in each picture, the largest
            of all first; 0 where there is none above 0.
        pictures: int64 `[units, n]`, which pictures; -1 where there is none.
        places: int64 `[units, n]`, where in the map: row · width + column.
        grey: float32 `[units, n]`, the outputs there for the same pictures in grey;
            None if that was not asked.
    """

    values: np.ndarray
    pictures: np.ndarray
    places: np.ndarray
    grey: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class Observed:
    """What a layer gave for pictures, rectified.

    Args:
        strongest: The pictures that excite each unit most.
        highest: float32 `[units]`, the largest output.
        active: float64 `[units]`, the fraction of pictures and places above 0.
        means: float32 `[pictures, units]`, the mean over the places of each map.
    """

    strongest: Strongest
    highest: np.ndarray
    active: np.ndarray
    means: np.ndarray


def observe(
    model: keras.Model,
    preprocessing: Preprocessing,
    pixels: np.ndarray,
    layers: Sequence[str],
    grey: Sequence[str] = (),
    batch_size: int = 32,
    advance: Callable[[int], object] | None = None,
) -> tuple[dict[str, Observed], np.ndarray]:
    """Passes pictures through a network and keeps what its units answer to.

    Of each map only the largest output, its place, the mean and the number of outputs
    above 0 leave a batch: the memory does not grow with the maps.

    Args:
        model: A packed model of `AlexNet`.
        preprocessing: How pixels become its input.
        pixels: uint8 `[pictures, side, side, 3]`, R, G, B.
        layers: Names of layers.
        grey: Those among them whose outputs for pictures in grey, `(R + G + B) / 3`,
            are wanted. A unit reads no more than its receptive field, so that the whole
            picture may be grey.
        batch_size: Pictures at a time.
        advance: Called with how many pictures were passed since its last call.

    Returns:
        What each layer gave, by its name, and the probabilities of the classes, float32
        `[pictures, classes]`. They are the softmax of what a model gives that returns
        logits.

    Raises:
        ValueError: If the model has no such layer.

    Example:

    >>> model = AlexNet(input_shape=(64, 64, 3), classes=10)
    >>> pixels = np.zeros([2, 64, 64, 3], "uint8")
    >>> seen, probabilities = observe(model, Preprocessing(), pixels, ["conv1", "fc7"])
    >>> seen["conv1"].strongest.values.shape, probabilities.shape
    ((96, 9), (2, 10))
    """
    batch_size = whole_number("batch_size", batch_size)
    run = _compiled(model, preprocessing, list(layers), list(grey))
    kept = {name: _Kept() for name in layers}
    scores: list[np.ndarray] = []
    for start in range(0, len(pixels), batch_size):
        batch = pixels[start : start + batch_size]
        found = tf.nest.map_structure(
            lambda each: each.numpy(), run(tf.constant(batch))
        )
        scores.append(found.pop(_SCORES))
        for name, row in found.items():
            kept[name].add(row, start)
        if advance is not None:
            advance(len(batch))
    observed = {name: each.observed() for name, each in kept.items()}
    return observed, np.concatenate(scores)


class _Kept:
    """What is kept of a layer from batch to batch."""

    def __init__(self) -> None:
        self._best: dict[str, np.ndarray] = {}
        self._means: list[np.ndarray] = []
        self._active: Any = 0.0

    def add(self, row: dict[str, np.ndarray], start: int) -> None:
        """Adds the batch of the pictures from `start` on."""
        self._means.append(row["mean"])
        self._active = self._active + row["active"].sum(axis=0, dtype=np.float64)
        pictures = np.arange(start, start + len(row["highest"]))
        new = {"values": row["highest"].T, "places": row["place"].T.astype(np.int64)}
        new["pictures"] = np.broadcast_to(pictures, new["values"].shape)
        if "grey" in row:
            new["grey"] = row["grey"].T
        if self._best:
            new = {
                name: np.concatenate([old, new[name]], axis=1)
                for name, old in self._best.items()
            }
        order = np.argsort(-new["values"], axis=1, kind="stable")[:, :PATCHES]
        self._best = {
            name: np.take_along_axis(each, order, axis=1) for name, each in new.items()
        }

    def observed(self) -> Observed:
        means = np.concatenate(self._means)
        best = self._best
        # An output of 0 excites nothing; what is not finite compares with nothing.
        excited = best["values"] > 0
        grey = best.get("grey")
        strongest = Strongest(
            _padded(np.where(excited, best["values"], 0), 0),
            _padded(np.where(excited, best["pictures"], _EMPTY), _EMPTY),
            _padded(np.where(excited, best["places"], 0), 0),
            None if grey is None else _padded(np.where(excited, grey, 0), 0),
        )
        highest = best["values"][:, 0]
        return Observed(strongest, highest, self._active / len(means), means)


def _padded(values: np.ndarray, filling: int) -> np.ndarray:
    """As many columns as patches, if there are fewer pictures."""
    missing = PATCHES - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing)), constant_values=filling)


def _compiled(
    model: keras.Model, preprocessing: Preprocessing, layers: list[str], grey: list[str]
) -> Callable[[tf.Tensor], Any]:
    outputs = {**features(model, layers).output, _SCORES: model.output}
    colour = keras.Model(model.input, outputs)
    colourless = features(model, grey) if grey else None
    logits = isinstance(model.layers[-1], keras.layers.Dense)

    # One signature for all batches, the last one too.
    _, *sides = model.input_shape

    @tf.function(input_signature=[tf.TensorSpec([None, *sides], tf.uint8)])
    def run(pixels: tf.Tensor) -> Any:
        found = colour(preprocessing(pixels), training=False)
        scores = tf.cast(found.pop(_SCORES), tf.float32)
        rows = {name: _reduced(found[name]) for name in layers}
        if colourless is not None:
            mean = tf.reduce_mean(tf.cast(pixels, tf.float32), axis=-1, keepdims=True)
            given = colourless(
                preprocessing(tf.repeat(mean, 3, axis=-1)), training=False
            )
            for name in grey:
                rows[name]["grey"] = _at(given[name], rows[name]["place"])
        return {**rows, _SCORES: tf.nn.softmax(scores) if logits else scores}

    return run


def _reduced(values: tf.Tensor) -> dict[str, tf.Tensor]:
    """What is kept of a layer's output for each picture and unit, `[batch, units]`."""
    flat = _flat(values)
    return {
        "highest": tf.reduce_max(flat, axis=1),
        "place": tf.argmax(flat, axis=1, output_type=tf.int32),
        "active": tf.reduce_mean(tf.cast(flat > 0, tf.float32), axis=1),
        "mean": tf.reduce_mean(flat, axis=1),
    }


def _at(values: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """The output of each unit at a place of its own, `[batch, units]`."""
    by_unit = tf.transpose(_flat(values), [0, 2, 1])
    return tf.gather(by_unit, places, axis=2, batch_dims=2)


def _flat(values: tf.Tensor) -> tf.Tensor:
    """A layer's output, rectified: float32 `[batch, places, units]`.

    Rectified here too, since in some networks the ReLU comes after normalisation and
    pooling, neither of which changes which values are above 0.
    """
    places = 1 if values.shape.rank == 2 else values.shape[1] * values.shape[2]
    rectified = tf.nn.relu(tf.cast(values, tf.float32))
    return tf.reshape(rectified, [-1, places, values.shape[-1]])
