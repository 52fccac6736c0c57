"""The devices of this machine: told by name, and made ready."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

_NAME = re.compile(r"(CPU|GPU):(\d+)")


class Chosen(NamedTuple):
    """Devices of this machine, all of one kind."""

    kind: str
    indices: tuple[int, ...]

    @property
    def names(self) -> list[str]:
        return [f"{self.kind}:{index}" for index in self.indices]


def choose(devices: Sequence[str] | str) -> Chosen:
    """The devices that a person named; if none, all GPUs, or without any the CPU.

    Raises:
        ValueError: If they are not different ones of one kind, or a GPU is not there.
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
            "devices must be different ones of one kind, as GPU:0,GPU:1 or CPU:0. "
            f"Received: devices={','.join(given)}"
        )
    chosen = Chosen(kinds.pop(), tuple(index for _, index in pairs))
    if chosen.kind == "GPU" and max(chosen.indices) >= there:
        raise ValueError(
            f"devices must be there. Received: devices={','.join(given)}, where "
            f"TensorFlow sees {there} GPU(s)"
        )
    return chosen


def make_usable(chosen: Chosen) -> list[str]:
    """Readies the devices; returns their names, which may count anew from 0."""
    if chosen.kind == "CPU":
        make_cpus(max(chosen.indices) + 1)
    if not tf.config.list_physical_devices("GPU"):
        return chosen.names
    try:
        show_only(chosen)
    except RuntimeError:  # The runtime has started, and all GPUs are in use.
        return chosen.names
    if chosen.kind == "CPU":
        return chosen.names
    return Chosen("GPU", tuple(range(len(chosen.indices)))).names


def show_only(chosen: Chosen) -> None:
    """Keeps TensorFlow off all other GPUs, whose memory it would take."""
    gpus = tf.config.list_physical_devices("GPU")
    own = [gpus[index] for index in chosen.indices] if chosen.kind == "GPU" else []
    tf.config.set_visible_devices(own, "GPU")


def make_cpus(count: int) -> None:
    """Makes so many logical CPUs, unless there are as many.

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
