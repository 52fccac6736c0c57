"""Writes the outputs of layers for many pictures to an HDF5 file, and resumes that."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet._version import __version__
from keras_alexnet.answering import Outputs, spread
from keras_alexnet.classifier import Classifier
from keras_alexnet.extraction.identity import recipe_record, weights_hash
from keras_alexnet.extraction.pictures import Pictures, PicturesOfFiles
from keras_alexnet.extraction.resumable import PARTIAL, ResumableFile, continued, opened
from keras_alexnet.reasons import must_be
from keras_alexnet.whole_numbers import whole_number

DTYPES = ("float32", "float16")
_log = logging.getLogger("keras_alexnet")
Watch = Callable[[int, int], object]


class Written(NamedTuple):
    """A file of features.

    Args:
        path: The file.
        shapes: Shape of each layer's dataset.
        resumed: How many pictures an earlier call had done.
        unreadable: Names of the pictures that cannot be read; their rows are NaN.
    """

    path: Path
    shapes: dict[str, tuple[int, ...]]
    resumed: int
    unreadable: tuple[str, ...]


def write_features(
    classifier: Classifier,
    pictures: Pictures | Sequence[str | os.PathLike],
    out: str | os.PathLike,
    layers: str | Sequence[str] = ("fc7",),
    *,
    dtype: str = "float32",
    batch_size: int = 32,
    watch: Watch | None = None,
) -> Written:
    """Writes the outputs of layers for many pictures to an HDF5 file.

    The file has a dataset `[pictures, …]` for each layer, after the ReLU right behind
    it, and beside them `names`, `valid` (whether a picture could be read; else its rows
    are NaN) and, for a data set, `labels` and `class_names`. Its attributes say which
    model it is, by a hash of its weights, and which recipe, data and versions.

    It grows as `out.partial`. Its size and layout are set before the first row, and
    each batch is on the disk before it is counted: the call can be killed at any time,
    and the same call continues where it was. Memory does not grow with the pictures.

    Args:
        classifier: The network.
        pictures: `PicturesOfData(source, split)`, or a list of paths.
        out: The file. One that is complete and of the same request stays as it is.
        layers: As for `Classifier.features`.
        dtype: `"float32"` or `"float16"`.
        batch_size: Pictures at a time.
        watch: Called with the number of pictures that are done, and of all.

    Returns:
        A `Written`.

    Raises:
        ValueError: If there is no such layer, `out` exists and is of another request,
            or a value is beyond float16.

    Example:

    >>> write_features(classifier, ["a.jpg"], "features.h5")  # doctest: +SKIP
    """
    if dtype not in DTYPES:
        raise must_be("dtype", f"one of {DTYPES}", dtype)
    size = whole_number("batch_size", batch_size)
    if not isinstance(pictures, Pictures):
        pictures = PicturesOfFiles(pictures)
    path = files.given_path("out", out)
    if path.is_symlink():  # it stays
        path = path.resolve()
    if path.is_dir() or not path.parent.is_dir():
        raise must_be("out", "a file in a folder that exists", str(path))
    describing = classifier.describing(layers)
    count = len(pictures)
    shapes = {name: (count, *shape) for name, shape in describing.shapes.items()}
    request = {
        "layers": list(shapes),
        "dtype": dtype,
        "batch_size": size,
        "model": weights_hash(classifier),
        "recipe": recipe_record(classifier),
        "pictures": pictures.fingerprint(),
    }
    words = {
        "model": _model(classifier),
        "pictures": f"{count} of {_utf8(pictures.title)}",
    }
    if path.exists():
        with opened(path, request, words) as found:
            return Written(path, shapes, count, _unreadable(found, pictures))
    partial = path.with_name(path.name + PARTIAL)

    def create() -> None:
        _create(partial, request, shapes, classifier, pictures)

    with continued(partial, request, words, create) as found:
        done = found.rows
        for faults, outputs in pictures.outputs(describing, size, done):
            found.append(_rows(outputs, faults, dtype))
            _warn(pictures.names[found.rows - len(faults) :], faults)
            if watch is not None:
                watch(found.rows, count)
        unreadable = _unreadable(found, pictures)
        os.replace(partial, path)
    return Written(path, shapes, done, unreadable)


def _create(
    partial: Path,
    request: dict[str, Any],
    shapes: dict[str, tuple[int, ...]],
    classifier: Classifier,
    pictures: Pictures,
) -> None:
    beside: dict[str, Any] = {"names": pictures.names}
    if pictures.labels is not None:
        beside |= {"labels": pictures.labels, "class_names": pictures.class_names}
    about = {
        "model": _model(classifier),
        "model_sha256": request["model"],
        "recipe": json.dumps(request["recipe"]),
        "data": _utf8(pictures.title),
        "keras_alexnet": __version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }
    tables = {name: (shape, request["dtype"]) for name, shape in shapes.items()}
    ResumableFile.create(partial, request, tables, beside, about)


def _model(classifier: Classifier) -> str:
    return _utf8(f"{classifier.origin} {classifier.taken}".rstrip())


def _utf8(path: str) -> str:
    """A path of any bytes as text that HDF5 can hold."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _rows(outputs: Outputs, faults: list[str], dtype: str) -> Outputs:
    rows = {"valid": np.array([not fault for fault in faults])}
    for layer, values in outputs.items():
        limit = float(np.finfo(np.float16).max)
        largest = float(np.abs(values).max(initial=0))
        if dtype == "float16" and largest > limit:
            raise ValueError(
                f"dtype must be float32 for values beyond {limit:g}. Received: "
                f"dtype={dtype!r}, {layer} with {largest:g}"
            )
        rows[layer] = spread(values, faults).astype(dtype)
    return rows


def _warn(names: list[str], faults: list[str]) -> None:
    for name, fault in zip(names, faults, strict=False):
        if fault:
            _log.warning("%s cannot be read: %s", name, fault)


def _unreadable(found: ResumableFile, pictures: Pictures) -> tuple[str, ...]:
    valid: np.ndarray = found.read("valid").astype(bool)
    return tuple(pictures.names[index] for index in np.flatnonzero(~valid))
