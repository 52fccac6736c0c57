"""`Classifier`: classes and features of pictures, by a model's name or path."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.fine_tuning import features
from keras_alexnet.live_line import PictureCount
from keras_alexnet.opening import Opened, open_model
from keras_alexnet.reasons import reason
from keras_alexnet.recipe import Recipe
from keras_alexnet.terminal import new_console
from keras_alexnet.weights.classes import class_names as published_names
from keras_alexnet.weights.classes import imagenet_classes
from keras_alexnet.weights.recipes import recipe_of
from keras_alexnet.whole_numbers import whole_number

_log = logging.getLogger("keras_alexnet")
_MANY = 256  # pictures from which on progress is shown
_NO_FILE = "neither JPEG nor PNG, or cut short"
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


class Answer(NamedTuple):
    """The answer for one picture.

    Args:
        picture: Its path, or its index among the given pictures.
        fault: Why it cannot be read; empty if it can.
        classes: Its classes, the highest score first; empty if it cannot be read.
    """

    picture: str
    fault: str
    classes: list[Prediction]


class Classifier:
    """A network with the recipe of its pictures and the names of its classes.

    Args:
        what: Published weights by name; a training run (its newest checkpoint) or one
            of its checkpoints; an export; or a file: `.keras`, `.weights.h5`,
            `.caffemodel`, `.npy` or `.pth`.
        class_names: Name of each output; the run's or the export's own, ImageNet's for
            1000 classes, else `"class 0"` and so on by default.
        variant: Variant of a file that does not determine it.
        image_size: Side of the input, for weights; their own by default.
        preprocessing: How pictures become the input, as
            `keras_alexnet.weights.recipe_of` takes it; that of `what` by default.

    Attributes:
        origin: The given name or path.
        model: The `keras.Model`, from prepared pictures to scores; for an export, the
            loaded SavedModel.
        recipe: How pictures become the model's input; None for an export that does
            not record it.
        class_names: Name of each output; empty for an export, whose answers name them.
        named: Whether these names were given; otherwise they are defaults.

    Raises:
        ValueError: If there is no such model, it is damaged, or an argument
            contradicts it.

    Example:

    >>> classifier = Classifier("imagenet")  # doctest: +SKIP
    >>> classifier.predict("cat.jpg")[0][0]  # doctest: +SKIP
    Prediction(id='n02123045', name='tabby', score=0.31)
    """

    def __init__(
        self,
        what: str | os.PathLike,
        *,
        class_names: Sequence[str] | None = None,
        variant: str | None = None,
        image_size: int | None = None,
        preprocessing: Any = None,
    ) -> None:
        opened = open_model(what, variant, image_size, class_names)
        self.origin = os.fspath(what)
        self.model = opened.model
        self.recipe = _chosen_recipe(opened, preprocessing)
        self.class_names, self.named = opened.class_names, opened.named
        if opened.signatures is not None:
            self._network: _Export | _Model = _Export(opened.signatures, self.origin)
        else:
            assert self.recipe is not None
            self._network = _Model(opened.model, self.recipe, opened.class_names)

    @property
    def is_export(self) -> bool:
        """Whether the model is a SavedModel, which Keras cannot take apart."""
        return isinstance(self._network, _Export)

    def predict(
        self, pictures: Any, top: int = 5, batch_size: int = 32
    ) -> list[list[Prediction]]:
        """Names the likeliest classes of pictures.

        Args:
            pictures: One or a list, as `Recipe` takes them; for an export, only paths
                and the bytes of JPEG or PNG files.
            top: Number of classes to return; an export has a maximum of its own.
            batch_size: Pictures at a time.

        Returns:
            For each picture its classes, the highest score first; an empty list for a
            picture that cannot be read, with a warning from the logger
            `keras_alexnet`.

        Raises:
            ValueError: If `top` or `batch_size` is out of range.

        Example:

        >>> for row in classifier.predict(["a.jpg", "b.jpg"]):  # doctest: +SKIP
        ...     print(row[0].name)
        """
        top = whole_number("top", top)
        rows: list[list[Prediction]] = []
        for batch in _batches(pictures, batch_size):
            answers = self.answers(batch)
            _warn([(answer.picture, answer.fault) for answer in answers])
            rows += [answer.classes[:top] for answer in answers]
        return rows

    def answers(self, pictures: Sequence[Any]) -> list[Answer]:
        """All classes of a few pictures, and why some of them cannot be read.

        Args:
            pictures: A list, as for `predict`; they are one batch.

        Returns:
            An `Answer` for each.

        Example:

        >>> classifier.answers(["cat.jpg"])[0].fault  # doctest: +SKIP
        ''
        """
        faults, found = self._network.answers(pictures)
        classes = iter(found)
        return [
            Answer(name, fault, [] if fault else next(classes))
            for name, fault in zip(_names(pictures), faults, strict=True)
        ]

    def features(
        self,
        pictures: Any,
        layers: Sequence[str] = ("conv5", "fc7"),
        batch_size: int = 32,
    ) -> Outputs:
        """The outputs of layers for pictures, after the ReLU right behind them.

        Args:
            pictures: As for `predict`.
            layers: As for `keras_alexnet.features`; for an export, `fc6` and `fc7`.
            batch_size: Pictures at a time.

        Returns:
            For each layer an array float32 `[pictures, …]`; NaN for a picture that
            cannot be read, with a warning from the logger `keras_alexnet`.

        Raises:
            ValueError: If there is no such layer, or `batch_size` is out of range.

        Example:

        >>> classifier.features("cat.jpg")["fc7"].shape  # doctest: +SKIP
        (1, 4096)
        """
        layers = [layers] if isinstance(layers, str) else list(layers)
        describe = self._network.describing(layers)
        found: dict[str, list[np.ndarray]] = {layer: [] for layer in layers}
        for batch in _batches(pictures, batch_size):
            faults, outputs = describe(batch)
            _warn(list(zip(_names(batch), faults, strict=True)))
            for layer in layers:
                found[layer].append(_spread(outputs[layer], faults))
        return {layer: np.concatenate(values) for layer, values in found.items()}


class _Model:
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


class _Export:
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
        next_valid = iter(valid.tolist())
        faults = [
            each if isinstance(each, str) else "" if next(next_valid) else _NO_FILE
            for each in read
        ]
        return faults, {name: values[valid] for name, values in outputs.items()}


def _chosen_recipe(opened: Opened, preprocessing: Any) -> Recipe | None:
    if preprocessing is None:
        if opened.guessed is not None:
            _log.warning("%s", opened.guessed)
        return opened.recipe
    if opened.signatures is not None:
        raise ValueError(
            "preprocessing must not be given for an export, which prepares its "
            f"pictures itself. Received: preprocessing={preprocessing!r}"
        )
    assert opened.recipe is not None
    return recipe_of(preprocessing, opened.recipe.image_size)


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


def _batches(pictures: Any, batch_size: int) -> Iterator[Sequence[Any]]:
    """The pictures in batches, with a line of progress if they are many."""
    size = whole_number("batch_size", batch_size)
    given = _listed(pictures)
    batches = (given[start : start + size] for start in range(0, len(given), size))
    if len(given) < _MANY:
        yield from batches
        return
    # On standard error, so that what a program prints stays its own.
    with PictureCount(new_console(stderr=True)) as shown:
        for number, batch in enumerate(batches):
            shown.update(number * size, len(given))
            yield batch


def _listed(pictures: Any) -> Sequence[Any]:
    """A list of pictures, from one picture, a batch or a list."""
    if isinstance(pictures, (list, tuple)):
        return pictures
    strings = tf.is_tensor(pictures) and pictures.dtype == tf.string
    if getattr(pictures, "ndim", None) == (1 if strings else 4):
        return list(pictures)
    return [pictures]


def _names(pictures: Sequence[Any]) -> list[str]:
    """A name for each picture: its path, or its index."""
    return [
        os.fspath(each) if isinstance(each, (str, os.PathLike)) else f"picture {index}"
        for index, each in enumerate(pictures)
    ]


def _encoded(picture: Any) -> bytes | str:
    """The bytes of a file, or why it cannot be read."""
    try:
        if isinstance(picture, (str, os.PathLike)):
            return Path(files.expanded(picture)).read_bytes()
    except (OSError, ValueError) as error:
        return _fault(error)
    if tf.is_tensor(picture) and picture.dtype == tf.string:
        picture = picture.numpy()
    if isinstance(picture, bytes):
        return picture
    return f"a {type(picture).__name__}: an export reads files only"


def _fault(error: Exception) -> str:
    """Why a picture cannot be read, without the part common to all pictures."""
    cause = error.__cause__
    return reason(cause if isinstance(cause, tf.errors.OpError) else error)


def _warn(faults: list[tuple[str, str]]) -> None:
    for name, fault in faults:
        if fault:
            _log.warning("%s cannot be read: %s", name, fault)


def _spread(values: np.ndarray, faults: list[str]) -> np.ndarray:
    """Rows for all pictures, NaN where there is a fault."""
    rows: np.ndarray = np.full([len(faults), *values.shape[1:]], np.nan, np.float32)
    rows[[not fault for fault in faults]] = values
    return rows


def _predictions(names: np.ndarray, scores: np.ndarray) -> list[Prediction]:
    texts = [name.decode("utf-8", "replace") for name in names.tolist()]
    return [
        Prediction(text, text, _short(score))
        for text, score in zip(texts, scores, strict=True)
    ]


def _short(score: Any) -> float:
    """The shortest digits that mean the same float32, not those of its float64."""
    return float(str(np.float32(score)))
