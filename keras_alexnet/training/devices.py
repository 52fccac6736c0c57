"""Which devices a run uses."""

from __future__ import annotations

import tensorflow as tf


def strategy(batch_size: int) -> tf.distribute.Strategy:
    """Returns the strategy for all devices that there are, which share a batch.

    All GPUs, or without any all logical CPU devices: under `MirroredStrategy`
    where there are several, under TensorFlow's default strategy where there is one.

    Args:
        batch_size: Pictures in a batch, over all devices together.

    Raises:
        ValueError: If the devices cannot share the batch evenly.
    """
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    devices = [device.name for device in tf.config.list_logical_devices(kind)]
    if batch_size % len(devices):
        raise ValueError(
            f"batch_size must be a multiple of the {len(devices)} {kind}s that share "
            f"it. Received: batch_size={batch_size}"
        )
    if len(devices) > 1:
        return tf.distribute.MirroredStrategy(devices)
    return tf.distribute.get_strategy()
