"""How much memory a run has taken, and how much a step will take."""

from __future__ import annotations

import resource
import sys

import keras
import tensorflow as tf

_GIB = 2.0**30


def peak_memory() -> float:
    """The most memory that was taken so far, in GiB.

    Of the GPUs together where there are any, as TensorFlow counts it; else the
    largest resident size of this process.
    """
    gpus = tf.config.list_logical_devices("GPU")
    if gpus:
        infos = [tf.config.experimental.get_memory_info(gpu.name) for gpu in gpus]
        return sum(info["peak"] for info in infos) / _GIB
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes on macOS
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _GIB


def expected_memory(model: keras.Model, batch_size: int, slots: int) -> float:
    """About what a training step needs beyond the program, in GiB.

    Weights, gradients and `slots` values beside each weight, in float32, and the
    outputs of all layers for a batch, which the gradients read.

    Args:
        model: The model.
        batch_size: Pictures in a step, over all devices together.
        slots: Values that the update rule keeps for each weight.
    """
    weights = model.count_params() * 4 * (2 + slots)
    half = model.compute_dtype != "float32"
    outputs = tf.nest.flatten([layer.output for layer in model.layers])
    values = sum(tf.TensorShape(each.shape[1:]).num_elements() for each in outputs)
    return (weights + batch_size * values * (2 if half else 4)) / _GIB
