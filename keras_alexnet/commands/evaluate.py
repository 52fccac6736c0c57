"""`evaluate`: loss and shares of right answers on validation pictures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import tensorflow as tf

from keras_alexnet.commands.flags import option
from keras_alexnet.commands.opening import (
    ModelOptions,
    newest_version,
    open_model,
)
from keras_alexnet.commands.running import no_arguments
from keras_alexnet.data import Source, open_source
from keras_alexnet.data.sources import VALIDATION
from keras_alexnet.evaluation import Evaluator


@dataclasses.dataclass(frozen=True)
class Config(ModelOptions):
    """The flags of `evaluate`."""

    data: str = option("shapes", "shapes, tfds:NAME[/CONFIG] or folder:DIR.")
    data_dir: str | None = option(None, "Where tensorflow-datasets keeps its data.")
    batch_size: int = option(64, "Pictures at a time.")


def main(config: Config, rest: list[str]) -> None:
    """Prints the scores."""
    no_arguments(rest)
    export = newest_version(config.path())
    source = open_source(config.data, config.data_dir)
    if export is not None:
        _evaluate_export(export, source, config.batch_size)
        return
    opened = open_model(config, source.class_names)
    evaluator = Evaluator(opened.model, opened.preprocessing)
    scores = evaluator.evaluate(source, config.batch_size)
    print(
        f"top-1 {scores.top1:.4f}  top-5 {scores.top5:.4f}  loss {scores.loss:.4f}  "
        f"({scores.pictures} pictures)"
    )


def _evaluate_export(export: Path, source: Source, batch_size: int) -> None:
    """Judges an export by what it answers: bytes in, names out."""
    classify = tf.saved_model.load(str(export)).signatures["classify_bytes"]
    names = tf.constant(source.class_names)
    right = tf.zeros([2])
    for batch in source.ordered(VALIDATION).batch(batch_size):
        answers = classify(image_bytes=batch["image"])["classes"]  # [batch, k]
        hits = answers == tf.gather(names, batch["label"])[:, None]
        first, any_of_five = hits[:, :1], hits[:, :5]
        shares = [tf.reduce_any(each, axis=1) for each in (first, any_of_five)]
        right += tf.stack([tf.reduce_sum(tf.cast(each, tf.float32)) for each in shares])
    top1, top5 = (right / source.sizes[VALIDATION]).numpy()
    print(f"top-1 {top1:.4f}  top-5 {top5:.4f}  ({source.sizes[VALIDATION]} pictures)")
