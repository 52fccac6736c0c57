"""`evaluate`: loss and shares of right answers on validation pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import tensorflow as tf

from keras_alexnet.commands.flags import option
from keras_alexnet.commands.opening import (
    ModelOptions,
    newest_version,
    open_export,
    open_model,
)
from keras_alexnet.commands.running import no_arguments
from keras_alexnet.data import Source, open_source
from keras_alexnet.data.batches import explained
from keras_alexnet.data.sources import VALIDATION
from keras_alexnet.evaluation import Evaluator

Classify = Callable[[tf.Tensor], dict[str, tf.Tensor]]


@dataclasses.dataclass(frozen=True)
class Config(ModelOptions):
    """The flags of `evaluate`."""

    data: str = option("shapes", "shapes, tfds:NAME[/CONFIG] or folder:DIR.")
    data_dir: str | None = option(None, "Where tensorflow-datasets keeps its data.")
    batch_size: int = option(64, "Pictures at a time.")

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(
                f"batch_size must be at least 1. Received: batch_size={self.batch_size}"
            )


def main(config: Config, rest: list[str]) -> None:
    """Prints the scores."""
    no_arguments(rest)
    export = newest_version(config.path())
    source = open_source(config.data, config.data_dir)
    if export is not None:
        _evaluate_export(export, source, config.batch_size)
        return
    opened = open_model(config, source.class_names)
    _check_names(opened.class_names, source)
    evaluator = Evaluator(opened.model, opened.preprocessing)
    scores = evaluator.evaluate(source, config.batch_size)
    print(
        f"top-1 {scores.top1:.4f}  top-5 {scores.top5:.4f}  loss {scores.loss:.4f}  "
        f"({scores.pictures} pictures)"
    )


def _check_names(names: Iterable[str], source: Source) -> None:
    unknown = sorted(set(names) - set(source.class_names))
    if unknown:
        raise ValueError(
            "the model must tell the classes of the data. Received: "
            f"data={source.spec!r}, which has no class {unknown[0]!r}"
        )


def _evaluate_export(export: Path, source: Source, batch_size: int) -> None:
    """Judges an export by what it answers: bytes in, names out."""
    hits = tf.concat(list(_hits(open_export(export), source, batch_size)), axis=0)
    if hits.shape[1] < min(5, len(source.class_names)):
        raise ValueError(
            "an export must answer with five classes to be judged by them. "
            f"Received: {str(export)!r}, which answers with {hits.shape[1]}"
        )
    top1, top5 = (
        tf.reduce_mean(tf.cast(tf.reduce_any(hits[:, :k], axis=1), tf.float32))
        for k in (1, 5)
    )
    print(f"top-1 {top1:.4f}  top-5 {top5:.4f}  ({hits.shape[0]} pictures)")


def _hits(classify: Classify, source: Source, batch_size: int) -> Iterator[tf.Tensor]:
    """Which of each picture's answers is the right class: bool [batch, k]."""
    names = tf.constant(source.class_names)
    for batch in source.ordered(VALIDATION).batch(batch_size):
        try:
            answers = classify(batch["image"])["classes"]
        except tf.errors.OpError as error:
            tried = tf.data.Dataset.from_tensor_slices(batch)
            raise explained(error, tried) from error
        _check_names({name.decode() for name in answers.numpy().ravel()}, source)
        yield answers == tf.gather(names, batch["label"])[:, None]
