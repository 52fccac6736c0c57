"""Checks and applies the choice of towers and of their devices."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_alexnet.architectures import Architecture
from keras_alexnet.reasons import shown
from keras_alexnet.two_towers.placement import check_devices
from keras_alexnet.whole_numbers import as_whole

_COUNTS = (2, 4)  # GPUs on which the released source ran one network


def with_towers(record: Architecture, towers: int | None) -> Architecture:
    """The architecture with its kernels divided into this many towers.

    Its layers keep their widths. Kernels that read only the maps of their tower, and
    normalisation that sums over these, then do so for the new, smaller towers.

    Args:
        record: An architecture of two towers.
        towers: 2 or 4; `None` returns the record unchanged.

    Raises:
        ValueError: If it is another number, or the record has one tower.

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
            f"towers must be one of {_COUNTS}, or None. "
            f"Received: towers={shown(towers)}"
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
    """Raises ValueError, before a network is built, if these devices cannot hold it."""
    if devices is None:
        return
    check_devices(devices)
    check_alone(devices)
    _check_towers(record, f"devices={tuple(devices)}")
    if input_tensor is not None:
        raise ValueError(
            "devices needs a network with an input of its own; omit input_tensor. "
            f"Received: devices={tuple(devices)}, input_tensor={input_tensor!r}"
        )


def check_alone(devices: Sequence[str]) -> None:
    """Raises ValueError where a strategy divides the batch as well."""
    if tf.distribute.has_strategy():
        raise ValueError(
            "devices, which divide the towers, cannot be combined with a strategy, "
            "which divides the batch; use one of them. Received: "
            f"devices={tuple(devices)} in the scope of "
            f"{type(tf.distribute.get_strategy()).__name__}"
        )


def _check_towers(record: Architecture, received: str) -> None:
    if record.towers == 1:
        raise ValueError(
            "variant must be one of two towers, as 'paper', 'original' or 'six_conv', "
            f"for towers or devices. Received: variant={record.name!r}, {received}"
        )
