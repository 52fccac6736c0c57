"""`check_saved_model`: checks that a server can run an export."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.export import warmup
from keras_alexnet.export.card import Card
from keras_alexnet.export.comparing import check_difference
from keras_alexnet.export.graphs import check_graph, read_graph
from keras_alexnet.export.heads import INDEPENDENT
from keras_alexnet.inputs import classifier_sizes
from keras_alexnet.tensorflow_paths import for_tensorflow

_BYTES = {"image_bytes": tf.string}
_NAMED = {"classes": tf.string, "scores": tf.float32, "valid": tf.bool}
_EACH = {"probabilities": tf.float32, "classes": tf.string}
_SIGNATURES = {
    "serving_default": (_BYTES, _NAMED),
    "classify_bytes": (_BYTES, _NAMED),
    "predict_images": ({"images": tf.uint8}, _EACH),
    "predict_float_images": ({"images": tf.float32}, _EACH),
    "features": (
        _BYTES,
        {"fc6": tf.float32, "fc7": tf.float32, "valid": tf.bool},
    ),
}
_OPTIONAL = {"features"}
_LATER = {("predict_images", "classes"), ("predict_float_images", "classes")}
_Signatures = Mapping[str, Callable[..., dict[str, tf.Tensor]]]


@dataclasses.dataclass(frozen=True)
class Report:
    """What `check_saved_model` found.

    Args:
        path: The export.
        card: The export's description of itself.
        signatures: Names of the signatures.
        ops: Names of the ops.
        warmup: Number of warm-up requests that were run; None if there are none, or
            if they could not be read without `tensorflow-serving-api`.
        difference: Largest difference between a probability and the model's; None
            if no model was given.
    """

    path: Path
    card: Card
    signatures: tuple[str, ...]
    ops: frozenset[str]
    warmup: int | None
    difference: float | None

    def __str__(self) -> str:
        recipe = self.card.recipe
        found = [
            f"{len(self.ops)} kinds of ops, all stock",
            f"signatures {', '.join(self.signatures)}",
            f"{recipe.image_size}x{recipe.image_size}, {recipe.views} view(s), "
            f"kernels in {self.card.precision}",
            "a bad picture fails alone",
        ]
        if self.card.scores == INDEPENDENT:
            found.insert(3, "an independent score for each class")
        found.append(f"{self.warmup or 'no'} warm-up requests run")
        if self.difference is not None:
            found.append(f"within {self.difference:.1g} of the model")
        return "; ".join(found)


def check_saved_model(
    path: str | os.PathLike, model: keras.Model | None = None
) -> Report:
    """Verifies an export of `export_saved_model`, and runs it.

    It checks that all ops, also within functions, are TensorFlow's own, that none
    needs Python or XLA, and that no convolution is grouped; that it has the signatures
    with their types; that the warm-up requests can be read, and that every signature
    runs on them or, without them, on drawn pictures; and that a bad picture in a batch
    does not affect the others.

    Args:
        path: The directory of the version, with `saved_model.pb`.
        model: The exported model; it must give the same probabilities.

    Returns:
        A `Report`; `print` shows it in a line.

    Raises:
        ValueError: If a check fails; the message says which.

    Example:

    >>> check_saved_model("servable/1", model).difference  # doctest: +SKIP
    2.98e-08
    """
    path = files.given_path("path", path)
    ops = check_graph(read_graph(path))
    card = Card.read(path)
    if model is not None:
        _check_sizes(card, model)
    signatures = tf.saved_model.load(for_tensorflow(path)).signatures
    _check_signatures(signatures)
    count = _run_warmup(path, signatures)
    _check_neighbours(signatures["classify_bytes"])
    difference = None if model is None else _difference(card, signatures, model)
    return Report(path, card, tuple(signatures), frozenset(ops), count, difference)


def _check_signatures(signatures: Mapping[str, Any]) -> None:
    for name, (inputs, outputs) in _SIGNATURES.items():
        if name not in signatures:
            if name in _OPTIONAL:
                continue
            raise ValueError(
                f"an export must have the signature {name!r}. "
                f"Received: {sorted(signatures)}"
            )
        taken = _types(signatures[name].structured_input_signature[1])
        given = _types(signatures[name].structured_outputs)
        # Exports of earlier versions lack some outputs.
        earlier = {key for key in outputs if (name, key) in _LATER} - {*given}
        wanted = {key: kind for key, kind in outputs.items() if key not in earlier}
        if (taken, given) != (inputs, wanted):
            raise ValueError(
                f"the signature {name!r} must be from {_words(inputs)} to "
                f"{_words(outputs)}. Received: from {_words(taken)} to {_words(given)}"
            )


def _types(specs: Mapping[str, tf.TensorSpec]) -> dict[str, tf.DType]:
    return {name: spec.dtype for name, spec in specs.items()}


def _words(types: Mapping[str, tf.DType]) -> str:
    return ", ".join(f"{name} ({kind.name})" for name, kind in sorted(types.items()))


def _run_warmup(path: Path, signatures: Mapping[str, Any]) -> int | None:
    readable = warmup.has_requests(path) and warmup.has_protos()
    specs = {
        name: each.structured_input_signature[1] for name, each in signatures.items()
    }
    count = 0
    for name, inputs in warmup.read(path) if readable else warmup.requests(specs):
        _check_answer(name, signatures[name], inputs)
        count += 1
    if readable and not count:
        raise ValueError(
            "the file of warm-up requests must hold one or more; remove an empty one. "
            f"Received: none in {str(path)!r}"
        )
    return count if readable else None


def _check_answer(name: str, signature: Any, inputs: Mapping[str, Any]) -> None:
    size = len(next(iter(inputs.values())))
    answer = signature(**{key: tf.constant(value) for key, value in inputs.items()})
    for key, value in answer.items():
        finite = value.dtype != tf.float32 or np.isfinite(value.numpy()).all()
        if value.shape[0] != size or not finite:
            raise ValueError(
                f"the signature {name!r} must give finite rows, one for each picture. "
                f"Received: {key} of shape {tuple(value.shape)} for {size} pictures"
            )


def _check_neighbours(classify: Callable[..., dict[str, tf.Tensor]]) -> None:
    good = _drawn({"image_bytes": tf.TensorSpec([], tf.string)})["image_bytes"]
    batch = classify(image_bytes=tf.concat([good, [b"no picture"], good], axis=0))
    scores, valid = batch["scores"].numpy(), batch["valid"].numpy()
    if valid.tolist() != [True, False, True] or scores[1].any():
        raise ValueError(
            "a bad picture must fail alone, with valid=false. "
            f"Received: valid={valid.tolist()} for a picture, a text and a picture"
        )


def _check_sizes(card: Card, model: keras.Model) -> None:
    of_model = classifier_sizes(model)
    of_export = card.recipe.image_size, card.classes
    if of_model != of_export:
        raise ValueError(
            "the export must have the input size and the classes of the model. "
            f"Received: {of_export} of the export, {of_model} of the model"
        )


def _difference(card: Card, signatures: _Signatures, model: keras.Model) -> float:
    images = _drawn({"images": tf.TensorSpec([], tf.uint8)})["images"]
    views = card.recipe.cut(card.recipe.part(images))
    exact = tf.reduce_mean(tf.cast(model(views, training=False), tf.float32), axis=0)
    served = signatures["predict_images"](images=images)["probabilities"][0]
    difference = float(tf.reduce_max(tf.abs(served - exact)))
    check_difference(difference, card.precision, model)
    return difference


def _drawn(specs: Mapping[str, tf.TensorSpec]) -> dict[str, tf.Tensor]:
    """A request with one drawn picture."""
    _, inputs = next(iter(warmup.requests({"": specs})))
    return {name: tf.constant(value) for name, value in inputs.items()}
