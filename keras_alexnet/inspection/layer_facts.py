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


class Window(NamedTuple):
    """What a value reads of the maps before it, along one side.

    Args:
        size: Places that it reads.
        step: From one window to the next.
        before: Zeros before the first place.
        side: Of those maps; a window that reaches beyond it reads zeros, or is cut.
    """

    size: int
    step: int
    before: int
    side: int


class Field(NamedTuple):
    """Where the units of a layer look.

    Args:
        windows: Of each layer from the picture on.
        units: How many there are along a side.
    """

    windows: tuple[Window, ...]
    units: int

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """Top, left, bottom and right of what a unit reads of the picture.

        It is cut at the border, and leaves out pixels that no window of a layer before
        reads, as there can be at the ends of a side.

        Example:

        >>> Field((Window(5, 1, 2, 8),), units=8).box(0, 6)
        (0, 4, 3, 8)
        """
        (top, bottom), (left, right) = map(self._seen, (row, column))
        return top, left, bottom, right

    def _seen(self, place: int) -> tuple[int, int]:
        first = last = place
        for size, step, before, side in reversed(self.windows):
            first = max(0, first * step - before)
            last = min(side - 1, last * step - before + size - 1)
        return first, last + 1

    @property
    def size(self) -> int:
        """Side of what the unit in the middle reads of the picture, in pixels."""
        first, end = self._seen(self.units // 2)
        return end - first

    def through(self, size: int, step: int, before: int, units: int) -> Field:
        """That of a layer with such windows, of so many units along a side."""
        window = Window(size, step, before, self.units)
        return Field((*self.windows, window), units)


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
    field = Field((), side)
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
    if isinstance(layer, (AdaptiveAveragePooling2D, keras.layers.Flatten)):
        return field.through(field.units, 1, 0, 1)  # together they read all
    if isinstance(layer, keras.layers.ZeroPadding2D):
        return field.through(1, 1, layer.padding[0][0], layer.output.shape[1])
    if isinstance(layer, keras.layers.Conv2D):
        size, step, padding = layer.kernel_size[0], layer.strides[0], layer.padding
    elif isinstance(layer, keras.layers.MaxPooling2D):
        size, step, padding = layer.pool_size[0], layer.strides[0], layer.padding
    elif isinstance(layer, CrossConnection) and layer.pools:
        config = layer.get_config()
        size, step = config["pool_size"][0], config["pool_strides"][0]
        padding = "valid"
    else:
        return field
    before = _before(field.units, size, step) if padding == "same" else 0
    return field.through(size, step, before, layer.output.shape[1])


def _before(side: int, window: int, step: int) -> int:
    """The zeros before a side that "same" adds, the smaller half of all."""
    return max(0, (-(-side // step) - 1) * step + window - side) // 2
