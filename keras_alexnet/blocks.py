"""The pieces that `AlexNet` is made of, each from its part of the record."""

from __future__ import annotations

from typing import Any

import keras

from keras_alexnet.architectures import Architecture, Convolution
from keras_alexnet.initializations import Initialization
from keras_alexnet.layers import CrossConnection, GroupedConv2D


def convolution(x: Any, index: int, record: Convolution, starts: Initialization) -> Any:
    """The convolution `conv{index}`, with its padding."""
    name = f"conv{index}"
    before, after = record.padding
    # Padding that keeps the size is the convolution's own, which costs no copy.
    same = record.strides == 1 and before == after == record.kernel_size // 2
    if not same:
        pads = tuple((before, _read_after(side, record)) for side in x.shape[1:3])
        if any(map(any, pads)):
            x = keras.layers.ZeroPadding2D(pads, name=f"pad{index}")(x)
    layer = GroupedConv2D if record.groups > 1 else keras.layers.Conv2D
    return layer(
        record.filters,
        record.kernel_size,
        strides=record.strides,
        padding="same" if same else "valid",
        groups=record.groups,
        name=name,
        **_initializers(starts, name),
    )(x)


def _read_after(side: int | None, record: Convolution) -> int:
    """How many of the zeros after a side the windows read; all, if it is not known."""
    before, after = record.padding
    if side is None:
        return after
    spare = (before + side + after - record.kernel_size) % record.strides
    return max(0, after - spare)


def seam(x: Any, index: int, record: Convolution, towers: int, kernels: str) -> Any:
    """What stands between two convolutions (paper, section 3.5)."""
    if record.norm is None and record.pool is None:
        return keras.layers.ReLU(name=f"relu{index}")(x)
    pool = record.pool
    return CrossConnection(
        towers,
        norm=record.norm,
        pool_size=None if pool is None else pool.size,
        pool_strides=None if pool is None else pool.strides,
        kernels=kernels,
        name=f"seam{index}",
    )(x)


def classifier(
    x: Any, record: Architecture, classes: int, activation: Any, starts: Initialization
) -> Any:
    """`fc6`, `fc7`, `fc8` and the activation on it."""
    x = keras.layers.Flatten(name="flatten")(x)
    for index, units in enumerate(record.dense, start=6):
        x = _dense(x, units, f"fc{index}", starts)
        x = keras.layers.ReLU(name=f"relu{index}")(x)
        x = keras.layers.Dropout(record.dropout, name=f"dropout{index}")(x)
    x = _dense(x, classes, "fc8", starts)
    if activation is None:
        return x
    # In float32 whatever the policy: a softmax over 1000 classes needs the digits.
    return keras.layers.Activation(activation, dtype="float32", name="probabilities")(x)


def _dense(x: Any, units: int, name: str, starts: Initialization) -> Any:
    return keras.layers.Dense(units, name=name, **_initializers(starts, name))(x)


def _initializers(starts: Initialization, name: str) -> dict[str, Any]:
    stddev, bias = starts.of(name)
    return {
        "kernel_initializer": keras.initializers.RandomNormal(stddev=stddev),
        "bias_initializer": keras.initializers.Constant(bias),
    }
