"""The pieces that `AlexNet` is made of, each from its part of the record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from keras_alexnet.architectures.records import (
    Architecture,
    BatchNorm,
    Convolution,
    Pool,
    ReLU,
    Stage,
)
from keras_alexnet.initializations import Initialization
from keras_alexnet.layers import (
    AdaptiveAveragePooling2D,
    CrossConnection,
    GroupedConv2D,
    LocalResponseNormalization,
    StatelessDropout,
    WithinChannelNormalization,
)
from keras_alexnet.ops import LRN

_SEAM = (ReLU, LRN, Pool)  # what CrossConnection does in one pass, in this order


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
        # Batch normalisation brings an offset of its own.
        use_bias=not any(isinstance(stage, BatchNorm) for stage in record.stages),
        name=name,
        **starts.of(name),
    )(x)


def _read_after(side: int | None, record: Convolution) -> int:
    """How many of the zeros after a side the windows read; all, if it is not known."""
    before, after = record.padding
    if side is None:
        return after
    spare = (before + side + after - record.kernel_size) % record.strides
    return max(0, after - spare)


def stages(x: Any, index: int, record: Convolution, towers: int, kernels: str) -> Any:
    """What stands between two convolutions, in the record's order."""
    for run in _runs(record.stages):
        if len(run) > 1:
            layer = _seam(f"seam{index}", run, towers, kernels)
        else:
            layer = _single(index, run[0], towers, kernels)
        x = layer(x)
    return x


def _runs(stages: tuple[Stage, ...]) -> Iterator[tuple[Stage, ...]]:
    """Cuts the stages into runs that one layer does."""
    while stages:
        count, place = 0, -1
        for stage in stages:
            if type(stage) not in _SEAM or _SEAM.index(type(stage)) <= place:
                break
            count, place = count + 1, _SEAM.index(type(stage))
        count = max(count, 1)
        yield stages[:count]
        stages = stages[count:]


def _seam(name: str, run: tuple[Stage, ...], towers: int, kernels: str) -> Any:
    arguments: dict[str, Any] = {"activation": None, "norm": None}
    for stage in run:
        if isinstance(stage, ReLU):
            arguments["activation"] = "relu"
        elif isinstance(stage, LRN):
            arguments["norm"] = stage
        elif isinstance(stage, Pool):
            arguments |= {"pool_size": stage.size, "pool_strides": stage.strides}
    return CrossConnection(towers, **arguments, kernels=kernels, name=name)


def _single(index: int, stage: Stage, towers: int, kernels: str) -> Any:
    if isinstance(stage, ReLU):
        # relu6 is that of fc6.
        return keras.layers.ReLU(name=f"relu{index}" if index < 6 else "conv6_relu")
    if isinstance(stage, Pool):
        return keras.layers.MaxPooling2D(stage.size, stage.strides, name=f"pool{index}")
    if isinstance(stage, BatchNorm):
        # Over the whole batch, whatever the number of devices that share it; on one
        # device the plain sums are quicker and lose less to rounding.
        shared = tf.distribute.get_strategy().num_replicas_in_sync > 1
        return keras.layers.BatchNormalization(
            momentum=stage.momentum,
            epsilon=stage.epsilon,
            synchronized=shared,
            name=f"bn{index}",
        )
    if isinstance(stage, LRN):
        return LocalResponseNormalization(
            **vars(stage), towers=towers, kernels=kernels, name=f"norm{index}"
        )
    return WithinChannelNormalization(**vars(stage), name=f"cnorm{index}")


def classifier(
    x: Any, record: Architecture, classes: int, activation: Any, starts: Initialization
) -> Any:
    """`fc6`, `fc7`, `fc8` and the activation on it."""
    size = record.averaged_size
    if size is not None and tuple(x.shape[1:3]) != (size, size):
        x = AdaptiveAveragePooling2D(size, name="average")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for index, units in enumerate(record.dense, start=6):
        if record.dropout_before:
            x = StatelessDropout(record.dropout, name=f"dropout{index - 1}")(x)
        x = keras.layers.Dense(units, name=f"fc{index}", **starts.of(f"fc{index}"))(x)
        x = keras.layers.ReLU(name=f"relu{index}")(x)
        if not record.dropout_before:
            x = StatelessDropout(record.dropout, name=f"dropout{index}")(x)
    return last(x, classes, activation, starts)


def last(x: Any, classes: int, activation: Any, starts: Initialization) -> Any:
    """`fc8` and its activation."""
    x = keras.layers.Dense(classes, name="fc8", **starts.of("fc8"))(x)
    if activation is None:
        return x
    # Not fc8's own activation, as Keras Applications have it: `fc8` gives the logits
    # whatever the head is, under the one name by which files and runs know it. And in
    # float32 whatever the policy: a softmax over 1000 classes needs the digits.
    return keras.layers.Activation(activation, dtype="float32", name="probabilities")(x)
