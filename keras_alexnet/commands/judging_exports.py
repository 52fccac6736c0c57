"""Judges an export by what it answers: bytes in, names out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import tensorflow as tf

from keras_alexnet.commands.opening import open_export
from keras_alexnet.data import Source
from keras_alexnet.data.sources import VALIDATION
from keras_alexnet.data.unreadable import explained

Classify = Callable[[tf.Tensor], dict[str, tf.Tensor]]


def judge_export(export: Path, source: Source, batch_size: int) -> str:
    """The scores of a SavedModel on the validation pictures, as a line.

    Raises:
        ValueError: If it does not take the pictures, or tells other classes.
    """
    if source.encoding == "raw":
        raise ValueError(
            "an export must be given encoded pictures; prepare them with "
            f"--format=jpeg. Received: data={source.spec!r}, records of bare pixels"
        )
    hits = tf.concat(list(_hits(open_export(export), source, batch_size)), axis=0)
    if hits.shape[1] < min(5, len(source.class_names)):
        raise ValueError(
            "an export must answer with five classes to be judged by them. "
            f"Received: {str(export)!r}, which answers with {hits.shape[1]}"
        )
    top1, top5 = (
        float(tf.reduce_mean(tf.cast(tf.reduce_any(hits[:, :k], axis=1), tf.float32)))
        for k in (1, 5)
    )
    return (
        f"top-1 {top1:.4f}  top-5 {top5:.4f}  top-1 error {1 - top1:.4f}  "
        f"top-5 error {1 - top5:.4f}  ({hits.shape[0]} pictures, {export})"
    )


def _hits(classify: Classify, source: Source, batch_size: int) -> Iterator[tf.Tensor]:
    """Which of each picture's answers is the right class: bool [batch, k]."""
    names = tf.constant(source.class_names)
    for batch in _batches(source, batch_size):
        tried = tf.data.Dataset.from_tensor_slices(batch)
        try:
            answer = classify(batch["image"])
        except tf.errors.OpError as error:
            raise explained(error, tried, source) from error
        if not tf.reduce_all(answer.get("valid", True)):
            raise explained(ValueError("pictures must be readable"), tried, source)
        answers = answer["classes"]
        _check_names({name.decode() for name in answers.numpy().ravel()}, source)
        yield answers == tf.gather(names, batch["label"])[:, None]


def _batches(source: Source, size: int) -> Iterator[dict[str, tf.Tensor]]:
    examples = source.ordered(VALIDATION)
    try:
        yield from examples.batch(size)
    except tf.errors.OpError as error:
        raise explained(error, examples, source) from error


def _check_names(names: Iterable[str], source: Source) -> None:
    unknown = sorted(set(names) - set(source.class_names))
    if unknown:
        raise ValueError(
            "the model must tell the classes of the data. Received: "
            f"data={source.spec!r}, which has no class {unknown[0]!r}"
        )
