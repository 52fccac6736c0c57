"""A tower's part of a packed layer, and the packed layer of a part."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import keras

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

# The arguments of a packed layer that are divided among the towers. All weights are
# split along their last axis, that of the layer's outputs.
_SPLIT: dict[type, tuple[str, ...]] = {
    GroupedConv2D: ("filters", "groups"),
    keras.layers.Conv2D: ("filters",),
    keras.layers.Dense: ("units",),
    Dense: ("units",),
    CrossConnection: ("towers",),
    LocalResponseNormalization: ("towers",),
    StatelessDropout: (),
    WithinChannelNormalization: (),
    AdaptiveAveragePooling2D: (),
    keras.layers.ZeroPadding2D: (),
    keras.layers.BatchNormalization: (),
    SynchronizedBatchNormalization: (),
    keras.layers.ReLU: (),
    keras.layers.LeakyReLU: (),
    keras.layers.ELU: (),
    keras.layers.MaxPooling2D: (),
    keras.layers.GlobalAveragePooling2D: (),
    keras.layers.GlobalMaxPooling2D: (),
    keras.layers.Flatten: (),
    keras.layers.Activation: (),
}
READS_ALL = (keras.layers.Conv2D, keras.layers.Dense)


def count_towers(layers: list[keras.layers.Layer]) -> int:
    """The number of towers of a packed network, from its groups and normalisations.

    Raises:
        ValueError: If it has layers that no AlexNet has, or only one tower.
    """
    for layer in layers:
        if type(layer) not in _SPLIT:
            raise ValueError(
                "the model must be an AlexNet with towers and no other layers. "
                f"Received: a model with the layer {layer.name!r}, a "
                f"{type(layer).__name__}"
            )
    counts = {_towers(layer) for layer in layers} - {0}
    if len(counts) != 1 or counts == {1}:
        raise ValueError(
            "the model must have two towers or more, as 'paper', 'original' and "
            "'six_conv' have. Received: a model whose layers have "
            f"{sorted(counts) or 'no'} towers"
        )
    return counts.pop()


def _towers(layer: keras.layers.Layer) -> int:
    """The number of towers that a layer separates; 0 for layers that ignore towers."""
    if isinstance(layer, GroupedConv2D):
        return layer.groups
    if isinstance(layer, (CrossConnection, LocalResponseNormalization)):
        return layer.towers or 0
    return 0


def part(layer: keras.layers.Layer, tower: int, towers: int) -> keras.layers.Layer:
    """A new layer: one tower's part of a packed layer."""
    config = _scaled(layer, Fraction(1, towers))
    if isinstance(layer, StatelessDropout):
        config["share"] = (tower, towers)
    return type(layer).from_config(config)


def packed(layer: keras.layers.Layer, towers: int) -> keras.layers.Layer:
    """A new layer: the packed layer of which this one is a tower's part."""
    config = _scaled(layer, Fraction(towers))
    if isinstance(layer, StatelessDropout):
        config["share"] = None
    return type(layer).from_config(config)


def copied(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A new layer with the same configuration."""
    return type(layer).from_config(layer.get_config())


def _scaled(layer: keras.layers.Layer, factor: Fraction) -> dict[str, Any]:
    config = layer.get_config()
    for name in _SPLIT[type(layer)]:
        scaled = config[name] * factor
        if scaled.denominator > 1:
            raise ValueError(
                f"the towers must divide the {name} of each layer. Received: "
                f"{factor.denominator} towers, {layer.name!r} of {config[name]}"
            )
        config[name] = int(scaled)
    return config
