"""`Classifier`: classes and features of pictures, by a model's name or path."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from keras_alexnet.answering import (
    Describing,
    ExportAnswers,
    ModelAnswers,
    Outputs,
    Prediction,
    spread,
)
from keras_alexnet.half_precision import HALVES, in_half_precision
from keras_alexnet.live_line import PictureCount
from keras_alexnet.opening import Opened, open_model
from keras_alexnet.reasons import must_be
from keras_alexnet.recipe import Recipe
from keras_alexnet.terminal import new_console
from keras_alexnet.weights.described import Description, Functional, described
from keras_alexnet.weights.recipes import recipe_of
from keras_alexnet.whole_numbers import entries, whole_number

_log = logging.getLogger("keras_alexnet")
_MANY = 256  # pictures from which on progress is shown
_SHOWN = 3  # names of classes in the description of a classifier


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
        what: Published weights by name; a training run `RUN` (its newest checkpoint),
            `RUN/best` (its best epoch) or one of its checkpoints; an export; or a file:
            `.keras`, `.weights.h5`, `.safetensors`, `.caffemodel`, `.npy`, `.pth` or
            `.onnx`; or `hf://OWNER/REPOSITORY/FILE`, of the Hugging Face Hub. Or a
            `keras.Model` from prepared pictures to scores, which stays as it is.
        class_names: Name of each output; those that the run, the export or the file
            records, ImageNet's for 1000 classes, else `"class 0"` and so on by default.
        variant: Variant of a file or a model that does not determine it.
        image_size: Side of the input, for weights; their own by default.
        preprocessing: How pictures become the input, as
            `keras_alexnet.weights.recipe_of` takes it; that of `what` by default.
        precision: `"float32"`, in which a model stays as it is, or the 16 bits in which
            a copy holds its weights and computes: `"bfloat16"`, for CPUs that multiply
            it (AVX-512 BF16, AMX; others run it slowly), or `"float16"`, for GPUs. A
            picture alone then takes some six tenths of the time. An export has its
            own.

    Attributes:
        origin: The given name or path; of a model its name.
        model: The `keras.Model`, from prepared pictures to scores; for an export, the
            loaded SavedModel.
        recipe: How pictures become the model's input; None for an export that does
            not record it.
        class_names: Name of each output; empty for an export, whose answers name them.
        named: Whether these names were given or are recorded; otherwise they are
            defaults.
        taken: Which weights of a run they are, as "epoch 14, the last"; else empty.

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
        what: str | os.PathLike | keras.Model,
        *,
        class_names: Sequence[str] | None = None,
        variant: str | None = None,
        image_size: int | None = None,
        preprocessing: Any = None,
        precision: str = "float32",
    ) -> None:
        opened = _in_precision(
            open_model(what, variant, image_size, class_names), precision
        )
        self.origin = what.name if isinstance(what, keras.Model) else os.fspath(what)
        self.model = opened.model
        self.recipe = _chosen_recipe(opened, preprocessing)
        self.class_names, self.named = opened.class_names, opened.named
        self.taken = opened.taken
        if isinstance(opened.model, Functional) and opened.model is not what:
            # What was given is saved with the model; guesses and defaults are not.
            guessed = opened.guessed is not None and preprocessing is None
            recipe = None if guessed else self.recipe
            names = self.class_names if self.named else opened.model.class_names
            described(opened.model, Description(recipe, names))
        if opened.signatures is not None:
            self._network: ExportAnswers | ModelAnswers = ExportAnswers(
                opened.signatures, self.origin
            )
        else:
            assert self.recipe is not None
            self._network = ModelAnswers(opened.model, self.recipe, opened.class_names)

    def __repr__(self) -> str:
        """What it is, as `<Classifier of 'imagenet': 1000 classes; 227×227 pixels>`."""
        parts = [self.taken] if self.taken else []
        if self.class_names:
            shown = ", ".join(self.class_names[:_SHOWN])
            more = ", …" if len(self.class_names) > _SHOWN else ""
            names = f" ({shown}{more})" if self.named else ""
            parts.append(f"{len(self.class_names)} classes{names}")
        if self.recipe is not None:
            side = self.recipe.image_size
            parts.append(f"{side}×{side} pixels")
        kind = "Classifier of the export" if self.is_export else "Classifier of"
        return f"<{kind} {self.origin!r}: {'; '.join(parts)}>"

    @property
    def is_export(self) -> bool:
        """Whether the model is a SavedModel, which Keras cannot take apart."""
        return isinstance(self._network, ExportAnswers)

    def predict(
        self, pictures: Any, top: int = 5, batch_size: int = 32
    ) -> list[list[Prediction]]:
        """Names the likeliest classes of pictures.

        Args:
            pictures: One or a list, as `Recipe` takes them: paths, bytes, arrays,
                tensors, images of Pillow; for an export, only paths and the bytes of
                JPEG or PNG files.
            top: Number of classes to return; an export has a maximum of its own.
            batch_size: Pictures at a time.

        Returns:
            For each picture its classes, the highest score first. For one of a list
            that cannot be read, an empty list, with a warning from the logger
            `keras_alexnet`.

        Raises:
            ValueError: If `top` or `batch_size` is out of range, or one picture was
                given, not in a list, which cannot be read.

        Example:

        >>> for row in classifier.predict(["a.jpg", "b.jpg"]):  # doctest: +SKIP
        ...     print(row[0].name)
        """
        top = whole_number("top", top)
        rows: list[list[Prediction]] = []
        for batch in _batches(pictures, batch_size):
            answers = self.answers(batch)
            _report(pictures, [(answer.picture, answer.fault) for answer in answers])
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
        if not isinstance(pictures, (list, tuple)):
            raise must_be("pictures", "a list of pictures", pictures)
        faults, found = self._network.answers(pictures)
        classes = iter(found)
        return [
            Answer(name, fault, [] if fault else next(classes))
            for name, fault in zip(names_of(pictures), faults, strict=True)
        ]

    def features(
        self,
        pictures: Any,
        layers: Sequence[str] | None = None,
        batch_size: int = 32,
    ) -> Outputs:
        """The outputs of layers for pictures, after the ReLU right behind them.

        Args:
            pictures: As for `predict`.
            layers: As for `keras_alexnet.features`, by default `conv5` and `fc7`; of an
                export, `fc6` or `fc7`, by default `fc7`.
            batch_size: Pictures at a time.

        Returns:
            For each layer an array float32 `[pictures, …]`; NaN for a picture of a
            list that cannot be read, with a warning from the logger `keras_alexnet`.

        Raises:
            ValueError: If there is no such layer, `batch_size` is out of range, or one
                picture was given, not in a list, which cannot be read.

        Example:

        >>> classifier.features("cat.jpg")["fc7"].shape  # doctest: +SKIP
        (1, 4096)
        """
        if layers is None:
            layers = ("fc7",) if self.is_export else ("conv5", "fc7")
        describe = self.describing(layers)
        layers = list(describe.shapes)
        found: dict[str, list[np.ndarray]] = {layer: [] for layer in layers}
        for batch in _batches(pictures, batch_size):
            faults, outputs = describe(batch)
            _report(pictures, list(zip(names_of(batch), faults, strict=True)))
            for layer in layers:
                found[layer].append(spread(outputs[layer], faults))
        if not all(found.values()):
            raise must_be("pictures", "one picture or more", pictures)
        return {layer: np.concatenate(values) for layer, values in found.items()}

    def describing(self, layers: str | Sequence[str]) -> Describing:
        """What gives the outputs of layers, a batch of pictures at a time.

        Args:
            layers: As for `features`.

        Returns:
            A function from a list of pictures to why some cannot be read, a text for
            each, and to the outputs for those that can; its `shapes` are those of the
            outputs for one picture, by layer.

        Raises:
            ValueError: If there is no such layer.

        Example:

        >>> classifier.describing("fc7").shapes  # doctest: +SKIP
        {'fc7': (4096,)}
        """
        named = (layers,) if isinstance(layers, str) else entries(layers)
        if not named or not all(isinstance(each, str) for each in named):
            raise must_be("layers", "names of layers", layers)
        return self._network.describing(list(dict.fromkeys(named)))

    @property
    def layers(self) -> list[str]:
        """The layers that `features` takes, the first to the last."""
        return self._network.layers


def _in_precision(opened: Opened, precision: str) -> Opened:
    if precision == "float32":
        return opened
    if precision not in HALVES:
        raise must_be("precision", f"one of {('float32', *HALVES)}", precision)
    if opened.signatures is not None:
        raise ValueError(
            "precision must not be given for an export, which has its own. "
            f"Received: precision={precision!r}"
        )
    half = in_half_precision(opened.model, precision)
    return dataclasses.replace(opened, model=half)


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
    if not _is_one(pictures):
        return list(pictures)
    known = isinstance(pictures, (str, bytes, os.PathLike, Image.Image))
    if not known and getattr(pictures, "ndim", None) is None:
        advice = ": make it a list" if isinstance(pictures, Iterable) else ""
        raise ValueError(
            "pictures must be a picture or a list of them: paths, bytes, arrays, "
            "tensors or images of Pillow. "
            f"Received: {type(pictures).__name__}{advice}"
        )
    return [pictures]


def _is_one(pictures: Any) -> bool:
    """Whether it is one picture, neither in a list nor in a batch."""
    strings = tf.is_tensor(pictures) and pictures.dtype == tf.string
    batch = getattr(pictures, "ndim", None) == (1 if strings else 4)
    return not batch and not isinstance(pictures, (list, tuple))


def names_of(pictures: Sequence[Any]) -> list[str]:
    """A name for each picture: its path, or its index."""
    return [
        os.fspath(each) if isinstance(each, (str, os.PathLike)) else f"picture {index}"
        for index, each in enumerate(pictures)
    ]


def _report(given: Any, faults: list[tuple[str, str]]) -> None:
    """Warns of pictures that cannot be read; raises ValueError for a single one."""
    for name, fault in faults:
        if fault and _is_one(given):
            raise ValueError(
                "the picture must be there, and of a kind that can be read. "
                f"Received: {name!r} ({fault})"
            )
        if fault:
            _log.warning("%s cannot be read: %s", name, fault)
