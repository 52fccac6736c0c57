"""Messages about a batch whose loss or gradient was not finite, and its pictures."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.data import Source
from keras_alexnet.data.sources import TRAIN

CHOICES = ("stop", "skip")  # the values of --on_nonfinite
_SHOWN = 3
FILE = "nonfinite_batch.txt"


def batch_names(source: Source, seed: int, batch_size: int, step: int) -> list[str]:
    """Names, or positions where there are none, of the pictures of a step."""
    start = (step - 1) * batch_size
    stream = source.shuffled(TRAIN, seed, start).take(batch_size)
    return [
        f"{example['name'].decode(errors='replace')} (position {start + place})"
        for place, example in enumerate(stream.as_numpy_iterator())
    ]


def stop_message(
    names: list[str], run: Path, step: int, reached: int, rate: float
) -> str:
    """The line that ends a run; all names of the batch go into a file beside it.

    Args:
        names: What `batch_names` gave.
        run: The run's directory.
        step: The step whose loss or gradient was not finite.
        reached: How far the run had come when it was seen.
        rate: Learning rate of that step.
    """
    files.write_text(run / FILE, "\n".join(names) + "\n")
    shown = ", ".join(names[:_SHOWN])
    return (
        "loss and gradient must stay finite; lower --learning_rate, raise "
        "--warmup_steps, or skip such batches with --on_nonfinite=skip. "
        f"Received: a batch that is not at step {step} (seen at step {reached}), "
        f"learning rate {rate:.3g}, with {shown} … (all in {run / FILE})"
    )


def skip_message(skipped: tf.Tensor, limit: int) -> str:
    """The line that says how many batches were skipped."""
    count, _, last = (int(each) for each in skipped)
    return (
        f"the batch of step {last} was skipped: its loss or gradient is not finite "
        f"({count} of {limit} that may be)"
    )
