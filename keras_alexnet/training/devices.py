"""Which devices a run uses, on one machine or on several."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import tensorflow as tf

from keras_alexnet._version import __version__
from keras_alexnet.training.cluster_environment import Workers, find_workers
from keras_alexnet.training.local_devices import (
    Chosen,
    choose,
    make_usable,
    show_only,
)
from keras_alexnet.training.meeting import meet
from keras_alexnet.training.multi_worker import open_workers

STRATEGIES = ("auto", "none", "mirrored", "multi_worker")
_WAIT = 600.0  # seconds; machines seldom start at the same time


def open_strategy(
    kind: str,
    devices: Sequence[str] | str,
    batch_size: int,
    *,
    told: Mapping[str, str] | None = None,
    wait: float = _WAIT,
) -> tf.distribute.Strategy:
    """The strategy under which a run makes its variables and takes its steps.

    With several workers this must come before anything else that uses TensorFlow's
    runtime; it waits until all of them are there.

    Args:
        kind: `"none"`: one device. `"mirrored"`: devices of this machine share each
            batch. `"multi_worker"`: those of all workers do, which `TF_CONFIG` or
            Slurm names. `"auto"`: the last where several workers are named, mirrored
            where there are several devices, else none.
        devices: `"GPU:0,GPU:1"` or `("GPU:0", "GPU:1")`, of each machine; if empty,
            all GPUs, or where there is none the CPU. `CPU:1` and so on are logical
            devices, which share the cores.
        batch_size: Pictures in a batch, over all devices of all machines.
        told: Settings that must be the same for all workers, by name.
        wait: Seconds that workers wait for one another.

    Raises:
        ValueError: If a device is not there, the devices cannot share the batch
            evenly, or the workers are not named or not there.

    Example:

    >>> open_strategy("none", "", batch_size=128).num_replicas_in_sync
    1
    """
    if kind not in STRATEGIES:
        raise ValueError(f"strategy must be one of {STRATEGIES}. Received: {kind!r}")
    chosen = choose(devices)
    workers = find_workers() if kind in ("auto", "multi_worker") else None
    several = workers is not None and len(workers.addresses) > 1
    if workers is not None and (several or kind == "multi_worker"):
        return _of_workers(workers, chosen, batch_size, told or {}, wait)
    if kind == "multi_worker":
        raise ValueError(
            "strategy=multi_worker must be told its workers; set TF_CONFIG, or start "
            "with Slurm's srun. Received: neither"
        )
    return _of_this_machine(kind, chosen, batch_size)


def _of_workers(
    workers: Workers,
    chosen: Chosen,
    batch_size: int,
    told: Mapping[str, str],
    wait: float,
) -> tf.distribute.Strategy:
    count = len(chosen.indices)
    if chosen.kind == "CPU" and chosen.indices != (0,):
        raise ValueError(
            "devices of a worker must be GPUs, or CPU:0 alone. Received: devices="
            f"{','.join(chosen.names)}"
        )
    _check_shares(batch_size, count * len(workers.addresses), "devices of all workers")
    if tf.config.list_physical_devices("GPU"):
        show_only(chosen)
    alike = {
        "tensorflow": tf.__version__,
        "keras_alexnet": __version__,
        "devices": f"{count} {chosen.kind}(s)",
    }
    meet(workers, {**told, **alike}, wait)
    return open_workers(workers, count if chosen.kind == "GPU" else 0)


def _of_this_machine(
    kind: str, chosen: Chosen, batch_size: int
) -> tf.distribute.Strategy:
    _check_shares(batch_size, len(chosen.indices), "devices")
    names = make_usable(chosen)
    if kind == "mirrored" or (kind == "auto" and len(names) > 1):
        return _mirrored(tuple(names))
    if len(names) > 1:
        raise ValueError(
            "devices must be one for strategy=none; use mirrored. Received: devices="
            f"{','.join(chosen.names)}"
        )
    gpus = tf.config.list_logical_devices("GPU")
    if names == ["GPU:0" if gpus else "CPU:0"]:
        return tf.distribute.get_strategy()  # where TensorFlow goes by itself
    return tf.distribute.OneDeviceStrategy(f"/{names[0]}")


@functools.cache
def _mirrored(names: tuple[str, ...]) -> tf.distribute.Strategy:
    # Each new one numbers its collective operations from the beginning again, and a
    # process in which two networks of other shapes were trained so would fail.
    return tf.distribute.MirroredStrategy([f"/{name}" for name in names])


def _check_shares(batch_size: int, count: int, what: str) -> None:
    if batch_size % count:
        raise ValueError(
            f"batch_size must be a multiple of the {count} {what} that share it. "
            f"Received: batch_size={batch_size}"
        )
