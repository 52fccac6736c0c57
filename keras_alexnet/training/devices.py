"""The devices of a run, on this machine or on several."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import tensorflow as tf

from keras_alexnet._version import __version__
from keras_alexnet.reasons import must_be
from keras_alexnet.training.workers.environment import Workers, find_workers
from keras_alexnet.training.workers.rendezvous import rendezvous
from keras_alexnet.training.workers.strategy import communication, open_workers

STRATEGIES = ("auto", "none", "mirrored", "multi_worker")
_WAIT = 600.0  # seconds; machines seldom start at the same time


def open_strategy(
    kind: str,
    devices: Sequence[str] | str,
    batch_size: int,
    *,
    collectives: str = "auto",
    must_match: Mapping[str, str] | None = None,
    wait: float = _WAIT,
) -> tf.distribute.Strategy:
    """The strategy for the variables and the steps of a run.

    With several workers this must come before anything else that uses TensorFlow's
    runtime; it waits until all of them are connected.

    Args:
        kind: `"none"`: one device. `"mirrored"`: each batch is divided among the
            devices of this machine. `"multi_worker"`: among those of all workers,
            which `TF_CONFIG` or Slurm names. `"auto"`: `"multi_worker"` where several
            workers are named, `"mirrored"` where there are several devices, else
            `"none"`.
        devices: `"GPU:0,GPU:1"` or `("GPU:0", "GPU:1")`, of each machine; if empty,
            all GPUs, or without a GPU the CPU. `CPU:1` and so on are logical devices,
            which use the same cores.
        batch_size: Pictures in a batch, over all devices of all machines.
        collectives: What sums over the workers of several machines: `"nccl"`,
            `"ring"`, or `"auto"`: NCCL where they have GPUs.
        must_match: Settings that must be the same for all workers, by name.
        wait: Seconds that workers wait for one another.

    Raises:
        ValueError: If a device does not exist, the batch cannot be divided evenly
            among the devices, or the workers are not named or do not connect.

    Example:

    >>> open_strategy("none", "", batch_size=128).num_replicas_in_sync
    1
    """
    if kind not in STRATEGIES:
        raise must_be("strategy", f"one of {STRATEGIES}", kind)
    chosen = choose(devices)
    workers = find_workers() if kind in ("auto", "multi_worker") else None
    several = workers is not None and len(workers.addresses) > 1
    if workers is not None and (several or kind == "multi_worker"):
        return _of_workers(
            workers, chosen, batch_size, collectives, must_match or {}, wait
        )
    if kind == "multi_worker":
        raise ValueError(
            "strategy=multi_worker must know its workers; set TF_CONFIG, or start "
            "with Slurm's srun. Received: neither"
        )
    _check_alone(collectives)
    return _of_this_machine(kind, chosen, batch_size)


def _of_workers(
    workers: Workers,
    chosen: Chosen,
    batch_size: int,
    collectives: str,
    must_match: Mapping[str, str],
    wait: float,
) -> tf.distribute.Strategy:
    count = len(chosen.indices)
    if chosen.kind == "CPU" and chosen.indices != (0,):
        raise ValueError(
            "devices of a worker must be GPUs, or CPU:0 alone. Received: devices="
            f"{','.join(chosen.names)}"
        )
    _check_divides(batch_size, count * len(workers.addresses), "devices of all workers")
    gpus = count if chosen.kind == "GPU" else 0
    communication(collectives, gpus)  # refused before anyone waits for it
    show_only(chosen.names)
    alike = {
        "tensorflow": tf.__version__,
        "keras_alexnet": __version__,
        "devices": f"{count} {chosen.kind}(s)",
    }
    rendezvous(workers, {**must_match, **alike}, wait)
    return open_workers(workers, gpus, collectives)


def _of_this_machine(
    kind: str, chosen: Chosen, batch_size: int
) -> tf.distribute.Strategy:
    _check_divides(batch_size, len(chosen.indices), "devices")
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
        return tf.distribute.get_strategy()  # TensorFlow's own choice of device
    return tf.distribute.OneDeviceStrategy(f"/{names[0]}")


@functools.cache
def _mirrored(names: tuple[str, ...]) -> tf.distribute.Strategy:
    # Each new strategy numbers its collective operations from the beginning again: a
    # process that trained two networks of different shapes with two would fail.
    return tf.distribute.MirroredStrategy([f"/{name}" for name in names])


def _check_divides(batch_size: int, count: int, what: str) -> None:
    if batch_size % count:
        raise must_be("batch_size", f"a multiple of the {count} {what}", batch_size)


_NAME = re.compile(r"(CPU|GPU):(\d+)")


class Chosen(NamedTuple):
    """Devices of this machine, all of one kind."""

    kind: str
    indices: tuple[int, ...]

    @property
    def names(self) -> list[str]:
        return [f"{self.kind}:{index}" for index in self.indices]


def choose(devices: Sequence[str] | str) -> Chosen:
    """The devices that are named; if none, all GPUs, or without a GPU the CPU.

    Raises:
        ValueError: If they are not different devices of one kind, or a GPU does not
            exist.
    """
    given = devices.split(",") if isinstance(devices, str) else list(devices)
    found = [_NAME.fullmatch(name.strip().upper()) for name in given if name]
    there = len(tf.config.list_physical_devices("GPU"))
    if not found:
        kind, count = ("GPU", there) if there else ("CPU", _logical_cpus())
        return Chosen(kind, tuple(range(count)))
    pairs = [(each[1], int(each[2])) for each in found if each]
    kinds = {kind for kind, _ in pairs}
    if len(pairs) < len(found) or len(kinds) > 1 or len(set(pairs)) < len(pairs):
        raise ValueError(
            "devices must differ and be of one kind, as GPU:0,GPU:1 or CPU:0. "
            f"Received: devices={','.join(given)}"
        )
    chosen = Chosen(kinds.pop(), tuple(index for _, index in pairs))
    if chosen.kind == "GPU" and max(chosen.indices) >= there:
        raise ValueError(
            f"devices must exist. Received: devices={','.join(given)}, where "
            f"TensorFlow sees {there} GPU(s)"
        )
    return chosen


def make_usable(chosen: Chosen) -> list[str]:
    """Prepares the devices; returns their names, which may be numbered from 0 again."""
    if chosen.kind == "CPU":
        make_cpus(max(chosen.indices) + 1)
    with contextlib.suppress(RuntimeError):  # It has started, and uses all GPUs.
        show_only(chosen.names)
    return [name_now(name) for name in chosen.names]


def show_only(names: Collection[str]) -> None:
    """Hides all other GPUs from TensorFlow, which would take their memory.

    Args:
        names: The devices, as in `"GPU:2"`; CPUs are not hidden.

    Raises:
        RuntimeError: If TensorFlow's runtime has started with others.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        own = [gpu for index, gpu in enumerate(gpus) if f"GPU:{index}" in names]
        tf.config.set_visible_devices(own, "GPU")


def name_now(name: str) -> str:
    """A device's name in TensorFlow, which numbers only the GPUs that it may see."""
    kind, _, index = name.partition(":")
    if kind != "GPU":
        return name
    gpu = tf.config.list_physical_devices("GPU")[int(index)]
    return f"GPU:{tf.config.get_visible_devices('GPU').index(gpu)}"


def make_cpus(count: int) -> None:
    """Makes this number of logical CPUs, unless there are as many already.

    Raises:
        ValueError: If TensorFlow's runtime has started with fewer.
    """
    there = _logical_cpus()
    if there >= count:
        return
    (cpu,) = tf.config.list_physical_devices("CPU")
    parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
    try:
        tf.config.set_logical_device_configuration(cpu, parts)
    except RuntimeError as error:
        raise ValueError(
            "logical CPUs must be made before anything else has used TensorFlow. "
            f"Received: devices=CPU:{count - 1}, with {there} logical CPU(s)"
        ) from error


def _logical_cpus() -> int:
    (cpu,) = tf.config.list_physical_devices("CPU")
    return len(tf.config.get_logical_device_configuration(cpu) or [None])


def _check_alone(collectives: str) -> None:
    if collectives != "auto":
        raise must_be(
            "collectives", "auto on one machine: it is for several", collectives
        )


def open_towers(
    kind: str, devices: str, tower_devices: str, collectives: str = "auto"
) -> tf.distribute.Strategy:
    """Prepares a device for each tower; each device sees the whole batch.

    All other GPUs are hidden, unless TensorFlow's runtime has started with them.

    Args:
        kind: As in `open_strategy`: `"auto"` or `"none"`.
        devices: As there; empty.
        tower_devices: `"GPU:0,GPU:1"`; a device may be named twice.
        collectives: As there; `"auto"`.

    Raises:
        ValueError: If the batch would have to be divided too, a device does not
            exist, or `collectives` names what sums over several machines.

    Example:

    >>> open_towers("none", "", "CPU:0,CPU:0").num_replicas_in_sync
    1
    """
    workers = find_workers() if kind == "auto" else None
    count = len(workers.addresses) if workers else 1
    if kind not in ("auto", "none") or devices or count > 1:
        raise ValueError(
            "tower_devices must come without --devices, and with --strategy=none: "
            "towers and batches cannot both be divided so far. Received: "
            f"tower_devices={tower_devices}, strategy={kind}, devices={devices}"
            + (f", with {count} workers named" if count > 1 else "")
        )
    _check_alone(collectives)
    names = _of_towers(tower_devices)
    cpus = [int(name.partition(":")[2]) for name in names if name.startswith("CPU")]
    if cpus:
        make_cpus(max(cpus) + 1)
    with contextlib.suppress(RuntimeError):  # It has started, and uses all GPUs.
        show_only(names)
    return tf.distribute.get_strategy()


def tower_names(tower_devices: str) -> list[str] | None:
    """TensorFlow's names of the devices of `--tower_devices`, after `open_towers`.

    Returns:
        One for each tower; None if none are given.
    """
    names = _of_towers(tower_devices)
    return [name_now(name) for name in names] or None


def _of_towers(tower_devices: str) -> list[str]:
    # One by one: one tower may be on a GPU, another on a CPU.
    given = tower_devices.split(",") if tower_devices else []
    return [name for each in given for name in choose(each).names]
