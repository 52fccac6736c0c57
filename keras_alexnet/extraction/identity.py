"""Which network gave these outputs: a hash of its weights."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from keras_alexnet import files
from keras_alexnet.classifier import Classifier
from keras_alexnet.weights.recipes import newest_version

_PIECE = 1 << 24


def weights_hash(classifier: Classifier) -> str:
    """SHA-256 of all weights of a model, or of the files of an export.

    Example:

    >>> len(weights_hash(Classifier("imagenet")))  # doctest: +SKIP
    64
    """
    digest = hashlib.sha256()
    if classifier.is_export:
        root = Path(files.expanded(classifier.origin))
        root = newest_version(root) or root
        for path in (root / "saved_model.pb", *sorted(root.glob("variables/*"))):
            digest.update(path.name.encode())
            digest.update(bytes.fromhex(file_hash(path)))
        return digest.hexdigest()
    for layer in classifier.model.layers:
        for weight in layer.weights:
            values = np.ascontiguousarray(weight.numpy())
            digest.update(f"{layer.name} {values.shape} {values.dtype}".encode())
            digest.update(values.tobytes())
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file.

    Raises:
        OSError: If it cannot be read.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def recipe_record(classifier: Classifier) -> dict[str, Any] | None:
    """The recipe of a model's pictures as JSON holds it; None if it is not known."""
    return None if classifier.recipe is None else classifier.recipe.as_dict()
