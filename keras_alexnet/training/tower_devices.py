"""A device for each tower of the network, on one machine."""

from __future__ import annotations

import tensorflow as tf

from keras_alexnet.training.cluster_environment import find_workers
from keras_alexnet.training.local_devices import choose, make_cpus


def open_towers(kind: str, devices: str, tower_devices: str) -> tf.distribute.Strategy:
    """Readies a device for each tower, which share every picture, not the batch.

    Args:
        kind: As in `open_strategy`: `"auto"` or `"none"`.
        devices: As there; empty.
        tower_devices: `"GPU:0,GPU:1"`; one may stand there twice.

    Raises:
        ValueError: If a batch is to be shared too, or a device is not there.

    Example:

    >>> open_towers("none", "", "CPU:0,CPU:0").num_replicas_in_sync
    1
    """
    workers = find_workers() if kind == "auto" else None
    count = len(workers.addresses) if workers else 1
    if kind not in ("auto", "none") or devices or count > 1:
        raise ValueError(
            "tower_devices must stand without --devices, and with --strategy=none: "
            "towers and batches cannot both be shared so far. Received: "
            f"tower_devices={tower_devices}, strategy={kind}, devices={devices}"
            + (f", with {count} workers named" if count > 1 else "")
        )
    names = dict.fromkeys(tower_names(tower_devices) or ())
    for name in names:  # Each by itself: one tower may be on a GPU, one on a CPU.
        chosen = choose(name)
        if chosen.kind == "CPU":
            make_cpus(max(chosen.indices) + 1)
    return tf.distribute.get_strategy()


def tower_names(tower_devices: str) -> list[str] | None:
    """The devices of `--tower_devices`, one a tower; None for none."""
    return (
        [name.strip() for name in tower_devices.split(",")] if tower_devices else None
    )
