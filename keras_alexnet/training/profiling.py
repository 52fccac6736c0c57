"""Time and memory of steps."""

from __future__ import annotations

import contextlib
import math
import resource
import sys
from collections.abc import Iterator

import keras
import tensorflow as tf

from keras_alexnet.reasons import must_be


def profile_window(steps: str) -> tuple[int, int] | None:
    """First and last step of `"20,30"`; None for `""`.

    Raises:
        ValueError: If it is not two whole numbers from 1 on, in order.
    """
    if not steps:
        return None
    parts = steps.split(",")
    if len(parts) == 2 and all(part.strip().isdecimal() for part in parts):
        first, last = map(int, parts)
        if 1 <= first <= last:
            return first, last
    expected = "the first and the last step, counted from 1, as in 20,30"
    raise must_be("profile_steps", expected, steps)


class Profiler:
    """Writes a profile of a window of steps, for TensorBoard.

    Args:
        steps: `"first,last"`, or `""` for none.
        logdir: Where TensorBoard looks.
    """

    def __init__(self, steps: str, logdir: str) -> None:
        self._window = profile_window(steps)
        self._logdir = logdir

    @contextlib.contextmanager
    def step(self, number: int) -> Iterator[None]:
        """Profiles the body, if the step of this number, from 1, is in the window."""
        first, last = self._window or (None, None)
        if number == first:
            tf.profiler.experimental.start(self._logdir)
        with tf.profiler.experimental.Trace("train", step_num=number, _r=1):
            yield
        if number == last:
            self.close()

    def close(self) -> None:
        """Ends a profile that has started; needed if the run ends in its window."""
        with contextlib.suppress(tf.errors.UnavailableError):  # none had started
            tf.profiler.experimental.stop()


_GIB = 2.0**30


def peak_memory() -> float:
    """The most memory that was used so far, in GiB.

    With GPUs it is the sum over them, as TensorFlow counts it; else the largest
    resident size of this process.
    """
    gpus = tf.config.list_logical_devices("GPU")
    if gpus:
        infos = [tf.config.experimental.get_memory_info(gpu.name) for gpu in gpus]
        return sum(info["peak"] for info in infos) / _GIB
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _GIB


def expected_memory(model: keras.Model, batch_size: int, slots: int) -> float:
    """Estimates the memory of a training step, without the program itself, in GiB.

    It counts weights, the gradients of those that are trained and `slots` more values
    for each of these, in float32, and the outputs of all layers for a batch, which the
    gradients need.

    Args:
        model: The model.
        batch_size: Pictures that are computed at a time, over all devices together.
        slots: Values that the update rule keeps for each weight.
    """
    weights = 4 * (model.count_params() + (1 + slots) * trained_values(model))
    half = model.compute_dtype != "float32"
    outputs = tf.nest.flatten([layer.output for layer in model.layers])
    values = sum(tf.TensorShape(each.shape[1:]).num_elements() for each in outputs)
    return (weights + batch_size * values * (2 if half else 4)) / _GIB


def trained_values(model: keras.Model) -> int:
    """How many numbers training changes by gradients: those of layers not frozen."""
    shapes = [tuple(each.shape) for each in model.trainable_weights]
    return sum(math.prod(shape) for shape in shapes)
