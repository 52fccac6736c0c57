"""Initial weights from other weights, layer by layer, as far as they fit."""

from __future__ import annotations

import zlib

import keras

from keras_alexnet import architectures
from keras_alexnet.architectures import Architecture
from keras_alexnet.reasons import near
from keras_alexnet.two_towers import PackedForm
from keras_alexnet.weights import Weights, open_weights
from keras_alexnet.weights.names import named_weights


def start_from(
    model: keras.Model, origin: str, architecture: Architecture, layers: str = ""
) -> str:
    """Copies layers of other weights into a model.

    Args:
        model: The model; the weights may be of another variant or for other classes.
        origin: The weights, as `AlexNet(weights=…)` takes them.
        architecture: Of the model.
        layers: The layers to copy, as `"conv1,conv2"`; if empty, all whose shapes fit.

    Returns:
        A line that names the layers that were copied, and those that were not.

    Raises:
        ValueError: If the weights cannot be read, no layer fits, or one of `layers`
            does not.

    Example:

    >>> record = architectures.get("six_conv")
    >>> start_from(model, "runs/full_imagenet", record)  # doctest: +SKIP
    'from runs/full_imagenet: conv1, …, fc7; fresh: fc8'
    """
    found = open_weights(origin)
    values = found.read(_theirs(found, architecture))
    form = PackedForm(model, named_weights(model))
    form.gather()
    ours = form.variables
    fitting = [
        layer
        for layer, variables in ours.items()
        if {name: tuple(v.shape) for name, v in variables.items()}
        == {name: value.shape for name, value in values.get(layer, {}).items()}
    ]
    if not fitting:
        raise ValueError(
            "init_from must have a layer that fits this network. "
            f"Received: init_from={origin!r}, whose layers are {sorted(values)}"
        )
    taken = _wanted(layers, fitting) if layers else fitting
    for layer in taken:
        for name, variable in ours[layer].items():
            variable.assign(values[layer][name])
    form.scatter()
    fresh = [layer for layer in ours if layer not in taken]
    rest = f"; fresh: {', '.join(fresh)}" if fresh else ""
    return f"from {origin}: {', '.join(taken)}{rest}"


def _theirs(found: Weights, ours: Architecture) -> Architecture:
    """The architecture with which to read the other weights."""
    if found.architecture is not None:
        return found.architecture
    if not found.variants or ours.name in found.variants:
        return ours
    return architectures.get(found.variants[0])


def checksum(model: keras.Model) -> int:
    """A checksum of a model's weights."""
    number = 0
    for weight in model.get_weights():
        number = zlib.crc32(weight.tobytes(), number)
    return number


def _wanted(layers: str, fitting: list[str]) -> list[str]:
    """The layers that are named, all of which must fit."""
    wanted = [layer.strip() for layer in layers.split(",")]
    unknown = [layer for layer in wanted if layer not in fitting]
    if unknown:
        raise ValueError(
            f"init_layers must name layers that fit: {', '.join(fitting)}"
            f"{near(unknown[0], fitting)}. "
            f"Received: init_layers={layers}"
        )
    return [layer for layer in fitting if layer in wanted]
