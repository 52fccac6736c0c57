"""Some units of a layer, and the patches of pictures that excite them most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from keras_alexnet.inspection.findings import Patch, Unit
from keras_alexnet.inspection.layer_facts import LayerFacts
from keras_alexnet.inspection.observing import Strongest
from keras_alexnet.inspection.pictures import Pictures
from keras_alexnet.reasons import must_be, near
from keras_alexnet.whole_numbers import as_whole

_SHOWN = 8  # units of a layer, if none are named


def named_units(
    units: Sequence[str | tuple[str, int]], layers: Mapping[str, LayerFacts]
) -> dict[str, tuple[int, ...]]:
    """Units by their layers, from their names.

    Args:
        units: As `"conv5:12"` or `("conv5", 12)`; units are counted from 0.
        layers: Those of the model, as `layer_facts` returns them.

    Raises:
        ValueError: If there is no such layer or unit.

    Example:

    >>> from keras_alexnet.inspection import layer_facts
    >>> facts = layer_facts(AlexNet(input_shape=(64, 64, 3), classes=10))
    >>> named_units(["conv5:12", ("fc7", 3), "conv5:0"], facts)
    {'conv5': (12, 0), 'fc7': (3,)}
    """
    if isinstance(units, str) or not isinstance(units, Sequence):
        raise must_be("units", "a list of units, as ['conv5:12']", units)
    found: dict[str, tuple[int, ...]] = {}
    for each in units:
        layer, unit = _parted(each)
        if layer not in layers:
            raise ValueError(
                f"units must be of a layer among {tuple(layers)}{near(layer, layers)}. "
                f"Received: {each!r}"
            )
        count = layers[layer].shape[-1]
        if not unit < count:
            raise ValueError(
                f"units of {layer} must be among its {count}, from 0 on. "
                f"Received: {each!r}"
            )
        known = found.get(layer, ())
        found[layer] = known if unit in known else (*known, unit)
    return found


def _parted(unit: str | tuple[str, int]) -> tuple[str, int]:
    parts = unit.split(":") if isinstance(unit, str) else unit
    if isinstance(parts, (list, tuple)) and len(parts) == 2:
        layer, index = parts
        text = isinstance(index, str) and index.isascii() and index.isdecimal()
        number = int(index) if text else as_whole(index)
        if isinstance(layer, str) and number is not None and number >= 0:
            return layer, number
    raise must_be("units", "named by layer and number, as conv5:12", unit)


def some_units(layer: LayerFacts, dead: np.ndarray) -> tuple[int, ...]:
    """A few units of a layer: as many of each tower, evenly spread among the live ones.

    Args:
        layer: The layer.
        dead: bool `[units]`, those that are left out.

    Example:

    >>> from keras_alexnet.inspection import layer_facts
    >>> facts = layer_facts(AlexNet(input_shape=(64, 64, 3), classes=10))
    >>> some_units(facts["conv1"], np.zeros(96, bool))
    (0, 16, 31, 47, 48, 64, 79, 95)
    """
    towers = np.array([layer.tower(unit) for unit in range(len(dead))])
    each = max(1, _SHOWN // layer.towers)
    chosen: list[int] = []
    for tower in range(layer.towers):
        live = np.flatnonzero((towers == tower) & ~dead)
        if len(live):
            places = np.linspace(0, len(live) - 1, min(each, len(live)))
            chosen += live[np.round(places).astype(int)].tolist()
    return tuple(chosen)


def unit_with_patches(
    layer: LayerFacts, unit: int, strongest: Strongest, pictures: Pictures
) -> Unit:
    """A unit with the patches of pictures that excite it most.

    Args:
        layer: Its layer.
        unit: Its number.
        strongest: Of the layer, as `observe` returns it for these pictures.
        pictures: The pictures.

    Returns:
        A `Unit`; it has no patches if no picture excites it.
    """
    width = layer.shape[1] if len(layer.shape) == 3 else 1
    patches = tuple(
        Patch(
            pictures.shown(picture),
            layer.field.box(*divmod(place, width)),
            float(value),
        )
        for picture, place, value in zip(
            strongest.pictures[unit].tolist(),
            strongest.places[unit].tolist(),
            strongest.values[unit],
            strict=True,
        )
        if picture >= 0
    )
    return Unit(layer.name, unit, layer.tower(unit), patches)
