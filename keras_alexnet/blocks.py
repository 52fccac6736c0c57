"""The blocks of `AlexNet`, each built from its part of the architecture's record."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_alexnet.architectures.records import (
    ACTIVATIONS,
    ELU,
    Activation,
    Architecture,
    BatchNorm,
    Convolution,
    LeakyReLU,
    Pool,
    ReLU,
    Stage,
    dense_activation_name,
    stage_name,
)
from keras_alexnet.initializations import Fans, Initialization
from keras_alexnet.layers import (
    AdaptiveAveragePooling2D,
    CrossConnection,
    Dense,
    GroupedConv2D,
    LocalResponseNormalization,
    StatelessDropout,
    SynchronizedBatchNormalization,
    WithinChannelNormalization,
)
from keras_alexnet.normalizations import LRN
from keras_alexnet.reasons import must_be

_PROBABILITIES = "probabilities"  # the layer of fc8's activation


def convolution(
    x: Any, index: int, record: Convolution, initializers: Initialization
) -> Any:
    """The convolution `conv{index}`, with its padding."""
    name = f"conv{index}"
    before, after = record.padding
    # Padding that keeps the size is the convolution's own, which costs no copy.
    same = record.strides == 1 and before == after == record.kernel_size // 2
    if not same:
        pads = tuple((before, _read_after(side, record)) for side in x.shape[1:3])
        if any(map(any, pads)):
            x = keras.layers.ZeroPadding2D(pads, name=f"pad{index}")(x)
    fans = Fans(
        record.weights_of_kernel(x.shape[-1]),
        record.kernel_size**2 * (record.filters // record.groups),
    )
    layer = GroupedConv2D if record.groups > 1 else keras.layers.Conv2D
    return layer(
        record.filters,
        record.kernel_size,
        strides=record.strides,
        padding="same" if same else "valid",
        groups=record.groups,
        use_bias=record.has_biases,
        name=name,
        **initializers.of(name, fans),
    )(x)


def _read_after(side: int | None, record: Convolution) -> int:
    """How many of the zeros after a side the windows read; all, if it is not known."""
    before, after = record.padding
    if side is None:
        return after
    spare = (before + side + after - record.kernel_size) % record.strides
    return max(0, after - spare)


def stages(x: Any, index: int, record: Convolution, towers: int, kernels: str) -> Any:
    """The layers between two convolutions, in the record's order."""
    for merged in record.layers():
        if len(merged) > 1:
            layer = _seam(f"seam{index}", merged, towers, kernels)
        else:
            layer = _single(index, merged[0], towers, kernels)
        x = layer(x)
    return x


def _seam(name: str, merged: tuple[Stage, ...], towers: int, kernels: str) -> Any:
    arguments: dict[str, Any] = {"activation": None, "norm": None}
    for stage in merged:
        if isinstance(stage, ReLU):
            arguments["activation"] = "relu"
        elif isinstance(stage, LRN):
            arguments["norm"] = stage
        elif isinstance(stage, Pool):
            arguments |= {"pool_size": stage.size, "pool_strides": stage.strides}
    return CrossConnection(towers, **arguments, kernels=kernels, name=name)


def _single(index: int, stage: Stage, towers: int, kernels: str) -> Any:
    name = stage_name(stage, index)
    if isinstance(stage, ACTIVATIONS):
        return _activation(stage, name)
    if isinstance(stage, Pool):
        return keras.layers.MaxPooling2D(stage.size, stage.strides, name=name)
    if isinstance(stage, BatchNorm):
        # The statistics are those of the whole batch on any number of devices. On one
        # device the plain sums are faster and more exact.
        replicated = tf.distribute.get_strategy().num_replicas_in_sync > 1
        normalization = (
            SynchronizedBatchNormalization
            if replicated
            else keras.layers.BatchNormalization
        )
        return normalization(momentum=stage.momentum, epsilon=stage.epsilon, name=name)
    if isinstance(stage, LRN):
        return LocalResponseNormalization(
            **vars(stage), towers=towers, kernels=kernels, name=name
        )
    return WithinChannelNormalization(**vars(stage), name=name)


def _activation(activation: Activation, name: str) -> keras.layers.Layer:
    if isinstance(activation, ReLU):
        return keras.layers.ReLU(name=name)
    if isinstance(activation, LeakyReLU):
        # Keras 2 calls its argument alpha, Keras 3 negative_slope.
        return keras.layers.LeakyReLU(activation.slope, name=name)
    if isinstance(activation, ELU):
        return keras.layers.ELU(activation.alpha, name=name)
    return keras.layers.Activation("tanh", name=name)


def is_activation(layer: keras.layers.Layer) -> bool:
    """Whether a layer is an activation of a record; that of `fc8` is none."""
    if isinstance(layer, keras.layers.Activation):
        return layer.name != _PROBABILITIES
    return isinstance(
        layer, (keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU)
    )


def classifier(
    x: Any,
    record: Architecture,
    classes: int,
    activation: Any,
    initializers: Initialization,
    kernels: str,
) -> Any:
    """`fc6`, `fc7`, `fc8` and its activation."""
    size = record.averaged_size
    if size is not None and tuple(x.shape[1:3]) != (size, size):
        x = AdaptiveAveragePooling2D(size, name="average")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for index, units in enumerate(record.dense, start=6):
        if record.dropout_before:
            x = StatelessDropout(record.dropout, name=f"dropout{index - 1}")(x)
        x = _units(x, f"fc{index}", units, initializers, kernels)
        after = dense_activation_name(record.dense_activation, index)
        x = _activation(record.dense_activation, after)(x)
        if not record.dropout_before:
            x = StatelessDropout(record.dropout, name=f"dropout{index}")(x)
    return last(x, classes, activation, initializers, kernels)


def _units(
    x: Any, name: str, units: int, initializers: Initialization, kernels: str
) -> Any:
    fans = Fans(x.shape[-1], units)
    return Dense(units, kernels, name=name, **initializers.of(name, fans))(x)


def last(
    x: Any,
    classes: int,
    activation: Any,
    initializers: Initialization,
    kernels: str,
) -> Any:
    """`fc8` and its activation."""
    try:
        keras.activations.get(activation)
    except (TypeError, ValueError):
        expected = "None, a function, or the name of one of Keras' activations"
        raise must_be("classifier_activation", expected, activation) from None
    x = _units(x, "fc8", classes, initializers, kernels)
    if activation is None:
        return x
    # A layer of its own, not fc8's activation as in Keras Applications: `fc8` returns
    # the logits with every head, and keeps the name that files and runs use. It
    # computes in float32 under every policy: a softmax over 1000 classes needs it.
    return keras.layers.Activation(activation, dtype="float32", name=_PROBABILITIES)(x)
