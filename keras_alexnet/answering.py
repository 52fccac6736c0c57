"""The answers of a network for pictures: those of a Keras model and of an export."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.data.formats import unread
from keras_alexnet.fine_tuning import features
from keras_alexnet.reasons import reason
from keras_alexnet.recipe import Recipe
from keras_alexnet.weights.classes import class_names as published_names
from keras_alexnet.weights.classes import imagenet_classes

Outputs = dict[str, np.ndarray]


class Prediction(NamedTuple):
    """One class of a picture.

    Args:
        id: The WordNet id of an ImageNet class, as `"n02123159"`; else the name.
        name: Name of the class.
        score: The network's score, a probability if its last layer is a softmax.

    Example:

    >>> Prediction("n02123159", "tiger_cat", 0.5).name
    'tiger_cat'
    """

    id: str
    name: str
    score: float


class ModelAnswers:
    """Answers for pictures from a Keras model.

    Args:
        model: A model from prepared pictures to scores.
        recipe: How pictures become its input.
        class_names: Name of each output.
    """

    def __init__(
        self, model: Any, recipe: Recipe, class_names: tuple[str, ...]
    ) -> None:
        self._model, self._recipe = model, recipe
        self._names = class_names
        imagenet = class_names == published_names("imagenet")
        wnids = tuple(each.wnid for each in imagenet_classes())
        self._ids = wnids if imagenet else class_names
        self._scores = _compiled(model, recipe)

    def answers(
        self, pictures: Sequence[Any]
    ) -> tuple[list[str], list[list[Prediction]]]:
        """Why pictures cannot be read, and the classes of those that can."""
        faults, parts = self._read(pictures)
        if not parts:
            return faults, []
        scores = self._scores(tf.stack(parts)).numpy()
        return faults, [self._ranked(row) for row in scores]

    def _ranked(self, scores: np.ndarray) -> list[Prediction]:
        order = np.argsort(-scores, kind="stable").tolist()
        return [
            Prediction(self._ids[i], self._names[i], _short(scores[i])) for i in order
        ]

    def describing(
        self, layers: list[str]
    ) -> Callable[[Sequence[Any]], tuple[list[str], Outputs]]:
        """A function from pictures to the outputs of layers for those it can read."""
        model = features(self._model, layers)
        run = _compiled(model, self._recipe)

        def describe(pictures: Sequence[Any]) -> tuple[list[str], Outputs]:
            faults, parts = self._read(pictures)
            if parts:
                found = run(tf.stack(parts))
                return faults, {layer: found[layer].numpy() for layer in layers}
            shapes = {layer: model.output[layer].shape[1:] for layer in layers}
            return faults, {layer: np.zeros([0, *s]) for layer, s in shapes.items()}

        return describe

    def _read(self, pictures: Sequence[Any]) -> tuple[list[str], list[tf.Tensor]]:
        parts, faults = [], []
        for picture in pictures:
            fault = ""
            try:
                parts.append(self._recipe.batch([picture])[0])
            except (OSError, ValueError) as error:
                fault = _fault(error)
            faults.append(fault)
        return faults, parts


class ExportAnswers:
    """Answers for pictures from an export.

    Args:
        signatures: Its functions by name.
        origin: Its name or path, for messages.
    """

    def __init__(self, signatures: Any, origin: str) -> None:
        self._signatures, self._origin = signatures, origin

    def answers(
        self, pictures: Sequence[Any]
    ) -> tuple[list[str], list[list[Prediction]]]:
        """Why pictures cannot be read, and the classes of those that can."""
        faults, outputs = self._ask("classify_bytes", pictures)
        if not outputs:
            return faults, []
        rows = zip(outputs["classes"], outputs["scores"], strict=True)
        return faults, [_predictions(names, scores) for names, scores in rows]

    def describing(
        self, layers: list[str]
    ) -> Callable[[Sequence[Any]], tuple[list[str], Outputs]]:
        """A function from pictures to the outputs of layers for those it can read."""
        signature = self._signatures.get("features")
        known = set() if signature is None else set(signature.structured_outputs)
        known -= {"valid"}
        unknown = [layer for layer in layers if layer not in known]
        if unknown:
            raise ValueError(
                f"layers of an export must be among {sorted(known)}. Received: "
                f"{unknown[0]!r} of {self._origin!r}"
            )
        sides = {name: signature.structured_outputs[name].shape[1:] for name in layers}

        def describe(pictures: Sequence[Any]) -> tuple[list[str], Outputs]:
            faults, outputs = self._ask("features", pictures)
            empty = {layer: np.zeros([0, *side]) for layer, side in sides.items()}
            return faults, outputs or empty

        return describe

    def _ask(
        self, signature: str, pictures: Sequence[Any]
    ) -> tuple[list[str], Outputs]:
        """Why pictures cannot be read, and the outputs for those that can."""
        read = [_encoded(picture) for picture in pictures]
        encoded = [each for each in read if isinstance(each, bytes)]
        if not encoded:
            return [str(each) for each in read], {}
        found = self._signatures[signature](image_bytes=tf.constant(encoded, tf.string))
        outputs = {name: value.numpy() for name, value in found.items()}
        valid = outputs.pop("valid", np.ones(len(encoded), bool))
        answered = iter(
            "" if good else unread(each)
            for each, good in zip(encoded, valid, strict=True)
        )
        faults = [each if isinstance(each, str) else next(answered) for each in read]
        return faults, {name: values[valid] for name, values in outputs.items()}


def _compiled(model: Any, recipe: Recipe) -> Callable[[tf.Tensor], Any]:
    """A model for resized pictures, as one compiled function; the mean over views."""

    @tf.function(reduce_retracing=True)
    def run(parts: tf.Tensor) -> Any:
        def mean(values: tf.Tensor) -> tf.Tensor:
            values = tf.cast(values, tf.float32)
            shape = tf.concat([[recipe.views, -1], tf.shape(values)[1:]], axis=0)
            return tf.reduce_mean(tf.reshape(values, shape), axis=0)

        return tf.nest.map_structure(mean, model(recipe.cut(parts), training=False))

    return run


def _encoded(picture: Any) -> bytes | str:
    """The bytes of a file, or why it cannot be read."""
    try:
        if isinstance(picture, (str, os.PathLike)):
            return files.read_picture(picture)
    except (OSError, ValueError) as error:
        return _fault(error)
    if tf.is_tensor(picture) and picture.dtype == tf.string:
        picture = picture.numpy()
    if isinstance(picture, bytes):
        return picture
    return f"a {type(picture).__name__}: an export reads files only"


def _fault(error: Exception) -> str:
    """Why a picture cannot be read, without the part common to all pictures."""
    cause = error.__context__
    return reason(cause if isinstance(cause, tf.errors.OpError) else error)


def _predictions(names: np.ndarray, scores: np.ndarray) -> list[Prediction]:
    texts = [name.decode("utf-8", "replace") for name in names.tolist()]
    return [
        Prediction(text, text, _short(score))
        for text, score in zip(texts, scores, strict=True)
    ]


def _short(score: Any) -> float:
    """The shortest digits that mean the same float32, not those of its float64."""
    return float(str(np.float32(score)))
