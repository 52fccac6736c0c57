"""The classes of ImageNet and of Places365, and predictions with their names."""

from __future__ import annotations

import functools
import importlib.resources
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from keras_alexnet.reasons import warn_caller
from keras_alexnet.weights import published
from keras_alexnet.weights.recipes import recorded
from keras_alexnet.whole_numbers import whole_number

_FILE = "{}_classes.txt"
# Of fewer classes a trained network may be as uncertain as a new one.
_MANY = 100
_NEAR_CHANCE = 3  # times 1 / classes: the largest probability of new weights


class ImagenetClass(NamedTuple):
    """A class: its WordNet id, its name in Keras, and all lemmas of the synset."""

    wnid: str
    name: str
    lemmas: tuple[str, ...]


@functools.cache
def imagenet_classes() -> tuple[ImagenetClass, ...]:
    """Returns the classes in the order of the networks' outputs.

    Returns:
        1000 `ImagenetClass`. Names are not unique: "crane" is the bird (134) and
        the machine (517), "maillot" is 638 and 639; the ids are.

    Example:

    >>> imagenet_classes()[0]
    ImagenetClass(wnid='n01440764', name='tench', lemmas=('tench', 'Tinca tinca'))
    """
    return tuple(_read(line) for line in _lines("imagenet"))


@functools.cache
def places365_classes() -> tuple[str, ...]:
    """Returns the names of the classes of Places365, in the order of the outputs.

    Example:

    >>> places365_classes()[:2]
    ('airfield', 'airplane_cabin')
    """
    return tuple(_lines("places365"))


# The names of the classes by the name of a list, as a weight set gives it.
_LISTS: dict[str, Callable[[], tuple[str, ...]]] = {
    "imagenet": lambda: tuple(each.name for each in imagenet_classes()),
    "places365": places365_classes,
}


def _lines(name: str) -> list[str]:
    file = importlib.resources.files(__package__).joinpath(_FILE.format(name))
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def _read(line: str) -> ImagenetClass:
    wnid, _, names = line.partition("\t")
    lemmas = tuple(names.split(", "))
    return ImagenetClass(wnid, lemmas[0].replace(" ", "_"), lemmas)


def class_names(weights: Any) -> tuple[str, ...]:
    """The names of a network's outputs, of whatever records them.

    Args:
        weights: Published weights by name (ImageNet's names are Keras'); a training
            run, one of its checkpoints, an export, or a `.keras` or `.weights.h5` file
            by its path; or a model or a `Classifier` that has them.

    Returns:
        The class names, in the order of the outputs; two of ImageNet's occur twice.

    Raises:
        ValueError: If it is none of these, or does not record them.

    Example:

    >>> class_names("imagenet")[207]
    'golden_retriever'
    """
    if isinstance(weights, str) and weights in published.names():
        return _LISTS[published.get(weights).classes]()
    found = getattr(weights, "class_names", ())  # of a model, or of a Classifier
    what = weights if isinstance(weights, (str, os.PathLike)) else type(weights)
    if isinstance(weights, (str, os.PathLike)) and os.fspath(weights):
        found = recorded(weights).class_names
    if not found:
        raise ValueError(
            f"weights must be one of {published.names()}, or a training run, one of "
            "its checkpoints, an export, a .keras or .weights.h5 file or a model that "
            "records the names of its classes; for another network, name them in the "
            "order of its outputs, as reset_classifier(model, names) does. Received: "
            f"weights={str(what)!r}"
        )
    return tuple(found)


def decode_predictions(
    preds: Any, top: int = 5, weights: Any = "imagenet"
) -> list[list[tuple[str, str, float]]]:
    """Names the likeliest classes, as `keras.applications.*.decode_predictions` does.

    Args:
        preds: `[batch, classes]`, an array, a list or a tensor: probabilities, or
            other scores in the same order, such as logits.
        top: How many classes to return for each sample; all if there are fewer.
        weights: What the model was built with or is in, as `class_names` takes it: a
            published name, a run, an export, a file, or the model itself.

    Returns:
        For each sample its `top` classes as `(wnid, name, score)`, the highest
        score first; among equal scores, the class of the lower index first. Classes
        that are not ImageNet's have their name in place of the id.

    Raises:
        ValueError: If `preds` has another shape, is no array of numbers or holds
            NaN (which cannot be ranked; Keras would put it first), if `top` is out of
            range, or if no names are recorded for `weights`.

    Warns:
        UserWarning: If all scores are nearly the same, as of a network with new
            weights.

    Example:

    >>> decode_predictions(np.eye(1000)[[282]], top=1)
    [[('n02123159', 'tiger_cat', 1.0)]]

    Reference:
        - `keras.applications.imagenet_utils.decode_predictions`.
    """
    names = class_names(weights)
    scores = _scores(preds, len(names))
    # The default is for fewer classes, too.
    top = whole_number("top", top, most=max(len(names), 5))
    _warn_of_new_weights(scores)
    imagenet = names == class_names("imagenet")
    ids = [each.wnid for each in imagenet_classes()] if imagenet else names
    best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return [
        [(ids[i], names[i], float(row[i])) for i in indices]
        for row, indices in zip(scores, best, strict=True)
    ]


def _scores(preds: Any, count: int) -> np.ndarray:
    try:
        scores = np.asarray(preds).astype(np.float64)
    except (TypeError, ValueError, NotImplementedError):
        raise ValueError(
            f"preds must be an array or a tensor of numbers, [batch, {count}]. "
            f"Received: {type(preds).__name__}"
        ) from None
    if scores.ndim != 2 or scores.shape[1] != count:
        raise ValueError(
            f"preds must be of shape [batch, {count}], one row a picture; with "
            "weights=model the names are those of the model that gave them. "
            f"Received: shape={scores.shape}"
        )
    bad = np.flatnonzero(np.isnan(scores).any(axis=1))
    if bad.size:
        raise ValueError(
            "preds must hold no NaN; check the pictures and the model. "
            f"Received: NaN in rows {bad[:5].tolist()}"
        )
    return scores


def _warn_of_new_weights(scores: np.ndarray) -> None:
    """Warns of probabilities that are those of chance, for every picture."""
    count = scores.shape[1]
    if count < _MANY or not len(scores) or np.abs(scores.sum(axis=1) - 1).max() > 0.02:
        return
    if scores.max() < _NEAR_CHANCE / count:
        warn_caller(
            "preds are nearly the same for all classes, as of a network with new "
            "weights; build it with weights, AlexNet(weights=…)"
        )
