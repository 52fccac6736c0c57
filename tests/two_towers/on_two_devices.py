"""Run in a process of its own, whose CPU is two devices: prints what happened."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import tensorflow as tf
from tower_nets import BATCH, arguments, small_net, training_step
from transfers import partitioned

from keras_alexnet import convert_towers
from keras_alexnet.two_towers import crossings
from keras_alexnet.two_towers.packed_form import packed_values
from keras_alexnet.weights.names import named_weights

STEPS = 5
CPU = tf.config.list_physical_devices("CPU")[0]
HALVES = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(CPU, HALVES)


def trained(variant: str, towers: int | None, kernels: str) -> dict[str, Any]:
    """How far a net on two devices is from the packed one, after some steps of both."""
    packed = small_net(variant, towers, kernels=kernels)
    spread = convert_towers(packed, ["CPU:0", "CPU:1"])
    runs = [(model, *training_step(model)) for model in (packed, spread)]
    sent, parts = partitioned(runs[1][1], *arguments(0))
    runs[0][1](*arguments(0))
    losses = [
        [float(step(*arguments(number))) for number in range(1, STEPS)]
        for _, step, _ in runs
    ]
    outputs = [np.asarray(model(arguments(0)[0])) for model, _, _ in runs]
    weights = [packed_values(model, named_weights(model)) for model, _, _ in runs]
    slots = [packed_values(model, kept) for model, _, kept in runs]
    return {
        "losses": losses,
        "outputs": far(*outputs),
        "weights": max(map(far, arrays(weights[0]), arrays(weights[1]))),
        "slots": max(map(far, arrays(slots[0]), arrays(slots[1]))),
        "sent": [each._asdict() for each in sent],
        "computed": [
            [each.layer, each.source, each.destination, each.bytes(BATCH)]
            for each in crossings(spread)
        ],
        "done": {part.device: part.operations for part in parts},
        "variables": {
            f"update_{layer}_{name}": variable.device.rpartition("device:")[2]
            for layer, named in named_weights(spread).items()
            for name, variable in named.items()
        },
    }


def arrays(values: dict[str, dict[str, np.ndarray]]) -> list[np.ndarray]:
    return [value for layer in values.values() for value in layer.values()]


def far(one: np.ndarray, other: np.ndarray) -> float:
    """Largest difference, as a share of the largest value."""
    return float(np.abs(one - other).max() / np.abs(one).max())


if __name__ == "__main__":
    variant, towers, kernels = sys.argv[1:]
    print(json.dumps(trained(variant, int(towers) or None, kernels)))
