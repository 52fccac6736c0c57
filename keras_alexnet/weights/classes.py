"""The 1000 classes of ILSVRC-2012, and predictions with their names."""

from __future__ import annotations

import functools
import importlib.resources
from typing import Any, NamedTuple

import numpy as np

from keras_alexnet.weights import published
from keras_alexnet.whole_numbers import whole_number

_FILE = "imagenet_classes.txt"


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
    file = importlib.resources.files(__package__).joinpath(_FILE)
    lines = file.read_text(encoding="utf-8").splitlines()
    return tuple(_read(line) for line in lines if not line.startswith("#"))


def _read(line: str) -> ImagenetClass:
    wnid, _, names = line.partition("\t")
    lemmas = tuple(names.split(", "))
    return ImagenetClass(wnid, lemmas[0].replace(" ", "_"), lemmas)


def class_names(weights: str) -> tuple[str, ...]:
    """Returns the names of the outputs of a published weight set, as in Keras.

    Args:
        weights: One of `keras_alexnet.weights.published.names()`.

    Returns:
        The class names; two of ImageNet's occur twice.

    Raises:
        ValueError: If there is no such weight set.

    Example:

    >>> class_names("imagenet")[207]
    'golden_retriever'
    """
    if weights not in published.names():
        raise ValueError(
            f"weights must be one of {published.names()}, whose classes are known; for "
            "another network, give the names of its classes in the order of its "
            f"outputs. Received: weights={weights!r}"
        )
    # Every weight set so far has ImageNet's classes.
    return tuple(each.name for each in imagenet_classes())


def decode_predictions(
    preds: Any, top: int = 5, weights: str = "imagenet"
) -> list[list[tuple[str, str, float]]]:
    """Names the likeliest classes, as `keras.applications.*.decode_predictions` does.

    Args:
        preds: `[batch, 1000]`, an array, a list or a tensor: probabilities, or
            other scores in the same order, such as logits.
        top: How many classes to return for each sample, 1 to 1000.
        weights: The weight set that the model was built with.

    Returns:
        For each sample its `top` classes as `(wnid, name, score)`, the highest
        score first; among equal scores, the class of the lower index first.

    Raises:
        ValueError: If `preds` has another shape, is no array of numbers or holds
            NaN (which cannot be ranked; Keras would put it first), if `top` is out of
            range, or if there is no such weight set.

    Example:

    >>> decode_predictions(np.eye(1000)[[282]], top=1)
    [[('n02123159', 'tiger_cat', 1.0)]]

    Reference:
        - `keras.applications.imagenet_utils.decode_predictions`.
    """
    names = class_names(weights)
    scores = _scores(preds, len(names))
    top = whole_number("top", top, most=len(names))
    best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
    return [
        [_named(index, row[index]) for index in indices]
        for row, indices in zip(scores, best, strict=True)
    ]


def _named(index: int, score: float) -> tuple[str, str, float]:
    each = imagenet_classes()[index]
    return each.wnid, each.name, float(score)


def _scores(preds: Any, count: int) -> np.ndarray:
    try:
        scores = np.asarray(preds).astype(np.float64)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise ValueError(
            f"preds must be an array or a tensor of numbers, [batch, {count}]. "
            f"Received: {type(preds).__name__}"
        ) from error
    if scores.ndim != 2 or scores.shape[1] != count:
        raise ValueError(
            f"preds must be of shape [batch, {count}], one row a picture. "
            f"Received: shape={scores.shape}"
        )
    bad = np.flatnonzero(np.isnan(scores).any(axis=1))
    if bad.size:
        raise ValueError(
            "preds must hold no NaN; check the pictures and the model. "
            f"Received: NaN in rows {bad[:5].tolist()}"
        )
    return scores
