"""Evaluates an export as its users see it: encoded pictures in, class names out."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf

from keras_alexnet.classifier import Classifier
from keras_alexnet.data import Source
from keras_alexnet.data.sources import VALIDATION
from keras_alexnet.data.unreadable import READING, explained
from keras_alexnet.evaluation.judging import CENTRE, Judged, Watch
from keras_alexnet.evaluation.scores import Scores


def judge_export(
    classifier: Classifier,
    source: Source,
    batch_size: int = 64,
    watch: Watch | None = None,
) -> Judged:
    """Evaluates an export on the validation pictures.

    Args:
        classifier: A classifier of an export.
        source: The data: encoded pictures.
        batch_size: Pictures at a time.
        watch: Called with the number of evaluated pictures and of all.

    Returns:
        The scores; their loss is NaN, since an export returns a few classes only.

    Raises:
        ValueError: If it cannot read the pictures, or has other classes than the data.

    Example:

    >>> judge_export(Classifier("servable/1"), source)  # doctest: +SKIP
    """
    if source.encoding == "raw":
        raise ValueError(
            "an export must be given encoded pictures; prepare them with "
            f"--format=jpeg. Received: data={source.spec!r}, records of bare pixels"
        )
    source.check_validates()
    parts: list[np.ndarray] = []
    for part in _hits(classifier, source, batch_size):
        parts.append(part)
        if watch is not None:
            watch(sum(map(len, parts)), source.sizes[VALIDATION])
    hits = np.concatenate(parts)
    if hits.shape[1] < min(5, len(source.class_names)):
        raise ValueError(
            "an export must return five classes for the top-5 error; export the model "
            f"again with --top_k=5. Received: {classifier.origin!r}, which returns "
            f"{hits.shape[1]}"
        )
    top1, top5 = (float(hits[:, :k].any(axis=1).mean()) for k in (1, 5))
    scores = Scores(math.nan, top1, top5, len(hits))
    return Judged(classifier.origin, CENTRE, scores, len(source.class_names))


def _hits(
    classifier: Classifier, source: Source, batch_size: int
) -> Iterator[np.ndarray]:
    """Whether each of a picture's k classes is the right one: bool `[batch, k]`."""
    for batch in _batches(source, batch_size):
        answers = classifier.answers(batch["image"].numpy().tolist())
        for name, answer in zip(batch["name"].numpy(), answers, strict=True):
            if answer.fault:
                raise ValueError(
                    "pictures must be readable by the export; repair, convert or "
                    f"remove it. Received: {os.fsdecode(name)!r} ({answer.fault})"
                )
        names = np.array([[each.name for each in answer.classes] for answer in answers])
        _check_names(names.ravel().tolist(), source)
        right = [source.class_names[label] for label in batch["label"].numpy()]
        yield names == np.array(right)[:, None]


def _batches(source: Source, size: int) -> Iterator[dict[str, tf.Tensor]]:
    examples = source.ordered(VALIDATION)
    try:
        yield from examples.batch(size)
    except READING as error:
        raise explained(error, examples, source) from error


def _check_names(names: Iterable[str], source: Source) -> None:
    unknown = sorted(set(names) - set(source.class_names))
    if unknown:
        raise ValueError(
            "the model must have the classes of the data. Received: "
            f"data={source.spec!r}, which has no class {unknown[0]!r}"
        )
