"""Messages about a batch whose loss or gradient was not finite, and its pictures."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.data import Source
from keras_alexnet.data.sources import TRAIN
from keras_alexnet.weights import runs

CHOICES = ("stop", "skip")  # the values of --on_nonfinite
_SHOWN = 3


def batch_names(source: Source, seed: int, batch_size: int, step: int) -> list[str]:
    """Name and position in the run of each picture of a step.

    Args:
        source: The data.
        seed: Of the order of the pictures.
        batch_size: Pictures in a step.
        step: Number of the step, from 1.
    """
    start = (step - 1) * batch_size
    stream = source.stream(TRAIN, seed, start, batch_size).take(batch_size)
    return [
        f"{example['name'].decode(errors='replace')} (position {start + place})"
        for place, example in enumerate(stream.as_numpy_iterator())
    ]


def stop_message(
    names: list[str], run: Path, step: int, reached: int, rate: float
) -> str:
    """The line that ends a run; all names of the batch go to a file of the run.

    Args:
        names: The result of `batch_names`.
        run: The run's directory.
        step: The step whose loss or gradient was not finite, counted from 1.
        reached: The last step that was done when this was noticed.
        rate: Learning rate of that step.
    """
    path = run / runs.NONFINITE
    files.write_text(path, "\n".join(names) + "\n")
    shown = ", ".join(names[:_SHOWN])
    return (
        "loss and gradient must stay finite; lower --learning_rate, raise "
        "--warmup_steps, or skip such batches with --on_nonfinite=skip. "
        f"Received: a batch that is not at step {step} (seen at step {reached}), "
        f"learning rate {rate:.3g}, with {shown} … (all in {path})"
    )


def skip_message(skipped: tf.Tensor, limit: int) -> str:
    """The line that says how many batches were skipped."""
    count, _, last = (int(each) for each in skipped)
    return (
        f"the batch of step {last} was skipped: its loss or gradient is not finite "
        f"({count} of {limit} that may be)"
    )
