"""Which devices a run uses."""

from __future__ import annotations

import tensorflow as tf

STRATEGIES = ("auto", "none", "mirrored", "multi_worker")


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


def open_strategy(kind: str, devices: str, batch_size: int) -> tf.distribute.Strategy:
    if devices:
        names = devices.split(",")
        cpu = tf.config.list_physical_devices("CPU")[0]
        each = [tf.config.LogicalDeviceConfiguration()] * len(names)
        tf.config.set_logical_device_configuration(cpu, each)
    return strategy(batch_size)
