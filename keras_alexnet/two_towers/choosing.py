"""What a person may ask for: how many towers, and where."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_alexnet.architectures import Architecture
from keras_alexnet.two_towers.placement import check_devices
from keras_alexnet.whole_numbers import as_whole

_COUNTS = (2, 4)  # GPUs that the released source ran one network on


def with_towers(record: Architecture, towers: int | None) -> Architecture:
    """The architecture with its kernels dealt out to this many towers.

    Its layers keep their widths; a tower's kernels read, and its normalisation sums
    over, the maps of that tower alone, where they did so before.

    Args:
        record: One of two towers.
        towers: 2 or 4; `None` leaves the record as it is.

    Raises:
        ValueError: If it is another number, or the record is of one tower.

    Example:

    >>> from keras_alexnet import architectures
    >>> with_towers(architectures.get("paper"), 4).convolutions[1].groups
    4

    Reference:
        - `layers-120-4gpu.cfg` of the released source, a network on four GPUs.
    """
    if towers is None:
        return record
    count = as_whole(towers)
    if count not in _COUNTS:
        raise ValueError(
            f"towers must be one of {_COUNTS}, or None. Received: towers={towers!r}"
        )
    _check_towers(record, f"towers={count}")
    convolutions = (
        dataclasses.replace(each, groups=count if each.groups > 1 else 1)
        for each in record.convolutions
    )
    return dataclasses.replace(record, towers=count, convolutions=tuple(convolutions))


def check_placing(
    record: Architecture, devices: Sequence[str] | None, input_tensor: Any
) -> None:
    """Raises ValueError if a network cannot be on these devices, before it is built."""
    if devices is None:
        return
    check_devices(devices)
    check_alone(devices)
    _check_towers(record, f"devices={tuple(devices)}")
    if input_tensor is not None:
        raise ValueError(
            "devices needs a network with an input of its own; leave input_tensor out. "
            f"Received: devices={tuple(devices)}, input_tensor={input_tensor!r}"
        )


def check_alone(devices: Sequence[str]) -> None:
    """Raises ValueError where a strategy shares out the batch as well."""
    if tf.distribute.has_strategy():
        raise ValueError(
            "devices, which share the towers, cannot be combined with a strategy, "
            "which shares the batch; leave one of them out. Received: "
            f"devices={tuple(devices)} in the scope of "
            f"{type(tf.distribute.get_strategy()).__name__}"
        )


def _check_towers(record: Architecture, received: str) -> None:
    if record.towers == 1:
        raise ValueError(
            "variant must be one of two towers, as 'paper', 'original' or 'six_conv', "
            f"for towers or devices. Received: variant={record.name!r}, {received}"
        )
