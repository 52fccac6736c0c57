"""What is known of a model's layers without pictures: towers and receptive fields."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import keras

from keras_alexnet.inputs import check_model
from keras_alexnet.layers import (
    AdaptiveAveragePooling2D,
    CrossConnection,
    LocalResponseNormalization,
)

_LAYER = re.compile(r"(conv|fc)\d+")
_LAST = "fc8"  # its units are the classes


class Field(NamedTuple):
    """Where the units of a layer look: their squares of the picture, along one side.

    Args:
        start: First pixel of the first unit, below 0 where it begins in the padding.
        size: Side of the square, the padding included.
        stride: From one unit to the next; 0 if all see the same.
        side: Of the picture.
    """

    start: int
    size: int
    stride: int
    side: int

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of a unit's square, cut at the border.

        Example:

        >>> Field(start=-2, size=5, stride=1, side=8).box(0, 6)
        (0, 4, 3, 8)
        """
        top, left = (self.start + place * self.stride for place in (row, column))
        bottom, right = top + self.size, left + self.size
        return (
            max(top, 0),
            max(left, 0),
            min(bottom, self.side),
            min(right, self.side),
        )

    @property
    def seen(self) -> int:
        """Side of what a unit in the middle sees of the picture, in pixels."""
        return min(self.size, self.side)


class LayerFacts(NamedTuple):
    """A layer that can be looked into.

    Args:
        name: `"conv1"` … `"fc7"`.
        shape: Of its output: `(height, width, units)`, or `(units,)`.
        towers: Into how many equal parts its units are divided.
        field: Where its units look.
    """

    name: str
    shape: tuple[int, ...]
    towers: int
    field: Field

    def tower(self, unit: int) -> int:
        """The tower of one of its units."""
        return unit * self.towers // self.shape[-1]


def layer_facts(model: keras.Model) -> dict[str, LayerFacts]:
    """The layers of an AlexNet, their towers and receptive fields, by its own layers.

    Towers are the groups of the convolutions, for Caffe's networks too, whose maps are
    normalised in one stream; for dense layers they are those of the normalisation.

    Args:
        model: A packed model of `AlexNet`, of known input size.

    Returns:
        `{"conv1": …, …, "fc7": …}`, in their order. Normalisation within a map is not
        counted in a receptive field, although it reads neighbouring places.

    Raises:
        ValueError: If the model is no AlexNet with its top.

    Example:

    >>> facts = layer_facts(AlexNet(input_shape=(224, 224, 3)))
    >>> [each.field.size for each in facts.values()]
    [11, 51, 99, 131, 163, 224, 224]
    """
    check_model(model)
    names = [layer.name for layer in model.layers]
    missing = next(
        (name for name in ("conv1", "conv2", _LAST) if name not in names), ""
    )
    side = model.input_shape[1]
    if missing or side is None:
        raise ValueError(
            "the model must be an AlexNet with its top, of layers conv1 to fc8, and of "
            f"known input size. Received: the model {model.name!r} from "
            f"{model.input_shape}" + (f", without {missing!r}" if missing else "")
        )
    groups = max(getattr(layer, "groups", 1) for layer in model.layers)
    towers = max(map(_towers, model.layers))
    found: dict[str, LayerFacts] = {}
    field = Field(0, 1, 1, side)
    for layer in model.layers:
        field = _through(layer, field)
        if _LAYER.fullmatch(layer.name) and layer.name != _LAST:
            shape = tuple(layer.output.shape[1:])
            parts = groups if len(shape) == 3 else towers
            parts = parts if shape[-1] % parts == 0 else 1
            found[layer.name] = LayerFacts(layer.name, shape, parts, field)
    return found


def _towers(layer: keras.layers.Layer) -> int:
    known = isinstance(layer, (CrossConnection, LocalResponseNormalization))
    return (layer.towers or 1) if known else 1


def _through(layer: Any, field: Field) -> Field:
    """Where a layer's units look, by where those look that they read."""
    if isinstance(layer, keras.layers.ZeroPadding2D):
        return field._replace(start=field.start - layer.padding[0][0] * field.stride)
    if isinstance(layer, (AdaptiveAveragePooling2D, keras.layers.Flatten)):
        return _all_of(field, layer.input.shape[1])
    if isinstance(layer, keras.layers.Conv2D):
        window, step, padding = layer.kernel_size[0], layer.strides[0], layer.padding
    elif isinstance(layer, keras.layers.MaxPooling2D):
        window, step, padding = layer.pool_size[0], layer.strides[0], layer.padding
    elif isinstance(layer, CrossConnection) and layer.pools:
        config = layer.get_config()
        window, step = config["pool_size"][0], config["pool_strides"][0]
        padding = "valid"
    else:
        return field
    before = _before(layer.input.shape[1], window, step) if padding == "same" else 0
    return Field(
        field.start - before * field.stride,
        field.size + (window - 1) * field.stride,
        field.stride * step,
        field.side,
    )


def _before(side: int, window: int, step: int) -> int:
    """The zeros before a side that "same" adds, the smaller half of all."""
    return max(0, (-(-side // step) - 1) * step + window - side) // 2


def _all_of(field: Field, units: int) -> Field:
    """What all units of a map together see, cut at the border."""
    first = max(0, field.start)
    last = min(field.side, field.start + (units - 1) * field.stride + field.size)
    return Field(first, last - first, 0, field.side)
