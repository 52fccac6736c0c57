"""The answers of a network for pictures: those of a Keras model and of an export."""

from __future__ import annotations

import abc
import functools
import os
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.data.formats import unread
from keras_alexnet.fine_tuning import features, layer_names
from keras_alexnet.pixels import NoPicture
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


class Describing(abc.ABC):
    """Gives the outputs of layers for pictures.

    Args:
        shapes: Shape of each layer's output for a picture, by its name.
    """

    def __init__(self, shapes: dict[str, tuple[int, ...]]) -> None:
        self.shapes = shapes

    @abc.abstractmethod
    def __call__(
        self, pictures: Sequence[Any], size: int = 0
    ) -> tuple[list[str], Outputs]:
        """Why pictures cannot be read, and the outputs for those that can.

        Args:
            pictures: A batch of them.
            size: If it is larger than the batch, the batch is filled up to it with
                copies that are dropped again. In batches of one size a picture has the
                same outputs to the bit; in others sums are added in another order.
        """

    def none(self) -> Outputs:
        """The outputs for no picture."""
        return {name: np.zeros([0, *shape]) for name, shape in self.shapes.items()}


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
        faults, parts = _squares(self._recipe, pictures)
        if not parts:
            return faults, []
        scores = self._scores(tf.stack(parts)).numpy()
        return faults, [self._ranked(row) for row in scores]

    def _ranked(self, scores: np.ndarray) -> list[Prediction]:
        order = np.argsort(-scores, kind="stable").tolist()
        return [
            Prediction(self._ids[i], self._names[i], _short(scores[i])) for i in order
        ]

    @property
    def layers(self) -> list[str]:
        """The layers whose outputs it gives."""
        return layer_names(self._model)

    def describing(self, layers: list[str]) -> Describing:
        """What gives the outputs of layers."""
        return LayersOfModel(self._model, self._recipe, layers)


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

    @property
    def layers(self) -> list[str]:
        """The layers whose outputs it gives."""
        signature = self._signatures.get("features")
        known = set() if signature is None else set(signature.structured_outputs)
        return sorted(known - {"valid"})

    def describing(self, layers: list[str]) -> Describing:
        """What gives the outputs of layers."""
        known = self.layers
        unknown = [layer for layer in layers if layer not in known]
        if unknown:
            raise ValueError(
                f"layers of an export must be among {known}. Received: "
                f"{unknown[0]!r} of {self._origin!r}"
            )
        outputs = self._signatures["features"].structured_outputs
        shapes = {name: tuple(outputs[name].shape[1:]) for name in layers}
        return _LayersOfExport(functools.partial(self._ask, "features"), shapes)

    def _ask(
        self, signature: str, pictures: Sequence[Any], size: int = 0
    ) -> tuple[list[str], Outputs]:
        """Why pictures cannot be read, and the outputs for those that can."""
        read = [_encoded(picture) for picture in pictures]
        encoded = [each for each in read if isinstance(each, bytes)]
        if not encoded:
            return [str(each) for each in read], {}
        asked = encoded + (size - len(encoded)) * encoded[-1:]
        found = self._signatures[signature](image_bytes=tf.constant(asked, tf.string))
        outputs = {name: value.numpy()[: len(encoded)] for name, value in found.items()}
        valid = outputs.pop("valid", np.ones(len(encoded), bool))
        answered = iter(
            "" if good else unread(each)
            for each, good in zip(encoded, valid, strict=True)
        )
        faults = [each if isinstance(each, str) else next(answered) for each in read]
        return faults, {name: values[valid] for name, values in outputs.items()}


class LayersOfModel(Describing):
    """Gives the outputs of layers of a Keras model.

    Args:
        model: A model from prepared pictures to scores.
        recipe: How pictures become its input.
        layers: Names of layers, as for `features`.
    """

    def __init__(self, model: Any, recipe: Recipe, layers: list[str]) -> None:
        part = features(model, layers)
        super().__init__({each: tuple(part.output[each].shape[1:]) for each in layers})
        self.recipe, self._run = recipe, _compiled(part, recipe)

    def __call__(
        self, pictures: Sequence[Any], size: int = 0
    ) -> tuple[list[str], Outputs]:
        faults, parts = _squares(self.recipe, pictures)
        return faults, self.of_squares(tf.stack(parts), size) if parts else self.none()

    def of_squares(self, squares: tf.Tensor, size: int = 0) -> Outputs:
        """The outputs for resized squares, as `Recipe.batch` gives them."""
        count = len(squares)
        if count < size:
            more = tf.repeat(squares[-1:], size - count, axis=0)
            squares = tf.concat([squares, more], axis=0)
        found = self._run(squares)
        return {layer: found[layer].numpy()[:count] for layer in self.shapes}


class _LayersOfExport(Describing):
    def __init__(
        self,
        ask: Callable[[Sequence[Any], int], tuple[list[str], Outputs]],
        shapes: dict[str, tuple[int, ...]],
    ) -> None:
        super().__init__(shapes)
        self._ask = ask

    def __call__(
        self, pictures: Sequence[Any], size: int = 0
    ) -> tuple[list[str], Outputs]:
        faults, outputs = self._ask(pictures, size)
        if not outputs:
            return faults, self.none()
        return faults, {layer: outputs[layer] for layer in self.shapes}


def spread(values: np.ndarray, faults: list[str]) -> np.ndarray:
    """Rows for all pictures, NaN where there is a fault."""
    rows: np.ndarray = np.full([len(faults), *values.shape[1:]], np.nan, np.float32)
    rows[[not fault for fault in faults]] = values
    return rows


def _squares(
    recipe: Recipe, pictures: Sequence[Any]
) -> tuple[list[str], list[tf.Tensor]]:
    """Why pictures cannot be read, and the resized squares of those that can."""
    parts, faults = [], []
    for picture in pictures:
        fault = ""
        try:
            parts.append(recipe.batch([picture])[0])
        except (OSError, ValueError) as error:
            fault = _fault(error)
        faults.append(fault)
    return faults, parts


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
    if isinstance(error, NoPicture):
        return error.fault
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
