"""`convert_towers`: between one packed network and towers on separate devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_alexnet.layers import CrossConnection, GroupedConv2D
from keras_alexnet.two_towers import layer_parts
from keras_alexnet.two_towers.choosing import check_alone
from keras_alexnet.two_towers.exchange import Exchange
from keras_alexnet.two_towers.packed_form import (
    Variables,
    assign_packed,
    packed_values,
)
from keras_alexnet.two_towers.placement import OnDevice, check_devices
from keras_alexnet.weights.described import (
    Functional,
    described,
    description_of,
)
from keras_alexnet.weights.names import named_weights, tensorflow_variable


def convert_towers(
    model: keras.Model, devices: Sequence[str] | None = None
) -> keras.Model:
    """The same network with its towers on separate devices, or packed in one tensor.

    All values are copied bit by bit, those of the optimizer too if the model is
    compiled. Each device holds and updates the weights of its towers. Tensors move
    between devices only in the layers `to_conv3`, `to_fc6`, `to_fc7` and `to_fc8`.
    `fc8` is on the first tower's device.

    Args:
        model: A model of `AlexNet` or `convert_towers`, of a variant with towers.
        devices: The towers' devices, as in `("/GPU:0", "/GPU:1")`. Fewer devices than
            towers each hold the same number of towers; a device may be repeated.
            `None` packs the towers in one tensor again, on the default device.

    Returns:
        A new `keras.Model`, compiled as `model` is.

    Raises:
        ValueError: If there is no such device, the towers cannot be divided evenly
            among the devices, the model is no AlexNet with towers, or a strategy is in
            scope.

    Example:

    >>> model = AlexNet(input_shape=(64, 64, 3), classes=10)
    >>> towers = convert_towers(model, ["/CPU:0", "/CPU:0"])
    >>> towers.get_layer("conv2b").device
    '/CPU:0'
    >>> convert_towers(towers).get_layer("conv2").groups
    2

    Reference:
        - Krizhevsky et al. 2012, section 3.2 and figure 2.
    """
    layers = packed_layers(model)
    if devices is None:
        converted = pack(layers, model)
    else:
        check_alone(devices)
        converted = spread(layers, model, check_devices(devices))
    _move(model, named_weights(model), converted, named_weights(converted))
    if getattr(model, "optimizer", None) is not None:
        converted.compile_from_config(model.get_compile_config())
        _move_optimizer(model, converted)
    return converted


def as_packed(model: keras.Model) -> keras.Model:
    """The model itself, or its packed form if its towers are on separate devices."""
    spread = any(isinstance(layer, OnDevice) for layer in model.layers)
    return convert_towers(model) if spread else model


def _move(
    source: keras.Model, values: Variables, target: keras.Model, variables: Variables
) -> None:
    assign_packed(target, variables, packed_values(source, values))


def _move_optimizer(source: keras.Model, target: keras.Model) -> None:
    for model in (source, target):
        model.optimizer.build(model.trainable_variables)
    slots, wanted = _slots(source), _slots(target)
    for kind in slots:
        _move(source, slots[kind], target, wanted[kind])
    # The rest belongs to no weight: the count of steps, the learning rate.
    for value, variable in zip(
        _others(source, slots), _others(target, wanted), strict=True
    ):
        variable.assign(value)


def _slots(model: keras.Model) -> dict[str, Variables]:
    """The optimizer's variables for each trained weight, by kind and weight name."""
    trained = [tensorflow_variable(each) for each in model.trainable_variables]
    slots = {}
    for kind, kept in vars(model.optimizer).items():
        if isinstance(kept, list) and len(kept) == len(trained):
            variables = [tensorflow_variable(each) for each in kept]
            if not {id(v) for v in variables} & {id(v) for v in trained}:
                slots[kind] = _named(model, trained, variables)
    return slots


def _named(model: keras.Model, trained: list[Any], kept: list[Any]) -> Variables:
    by_weight = {id(weight): each for weight, each in zip(trained, kept, strict=True)}
    return {
        layer: {
            name: by_weight[id(weight)]
            for name, weight in weights.items()
            if id(weight) in by_weight
        }
        for layer, weights in named_weights(model).items()
    }


def _others(model: keras.Model, slots: dict[str, Variables]) -> list[Any]:
    known = {
        id(variable)
        for kind in slots.values()
        for weights in kind.values()
        for variable in weights.values()
    }
    variables = map(tensorflow_variable, model.optimizer.variables)
    return [variable for variable in variables if id(variable) not in known]


Layers = list[keras.layers.Layer]
_LAST = "fc8"  # it and what follows are on the first tower's device (layers-145.cfg)


def packed_layers(model: keras.Model) -> Layers:
    """New layers for the packed form of a model, from the first to the last.

    Raises:
        ValueError: If the model is no AlexNet with towers.
    """
    layers = [
        layer
        for layer in getattr(model, "layers", ())
        if not isinstance(layer, (keras.layers.InputLayer, Exchange))
    ]
    if not any(isinstance(layer, OnDevice) for layer in layers):
        layer_parts.count_towers(layers)
        return [layer_parts.copied(layer) for layer in layers]
    first = [layer for layer in layers if not getattr(layer, "tower", None)]
    towers = 1 + max(getattr(layer, "tower", None) or 0 for layer in layers)
    return [_packed(layer, towers) for layer in first]


def _packed(layer: keras.layers.Layer, towers: int) -> keras.layers.Layer:
    """The packed layer of the first tower's part, or a copy of an undivided layer."""
    if not isinstance(layer, OnDevice):
        return layer_parts.copied(layer)
    if layer.tower is None:
        return layer_parts.copied(layer.layer)
    return layer_parts.packed(layer.layer, towers)


def pack(layers: Layers, model: keras.Model) -> keras.Model:
    """The packed network of these layers, with the input and the name of `model`."""
    x = images = _images(model)
    for layer in layers:
        x = layer(x)
    packed = Functional(images, x, name=model.name)
    return described(packed, description_of(model))


def spread(layers: Layers, model: keras.Model, devices: tuple[str, ...]) -> keras.Model:
    """The network of packed layers with each tower on its device.

    Args:
        layers: As `packed_layers` returns them.
        model: The model whose input and name the network gets.
        devices: As `check_devices` returns them; the towers are divided among them.

    Raises:
        ValueError: If the towers cannot be divided evenly.
    """
    owners = _owners(layer_parts.count_towers(layers), devices)
    images = _images(model)
    x, joined = [images] * len(owners), True
    for index, layer in enumerate(layers):
        if not joined and _reads_all(layer):
            x, joined = _exchange(layers, index, owners)(x), True
        x = _applied(layer, x, owners)
        joined = joined and not isinstance(layer, layer_parts.READS_ALL)
    if len(x) > 1:
        x = _exchange(layers, len(layers), owners)(x)
    towers = Functional(images, x[0], name=model.name)
    return described(towers, description_of(model))


def _owners(towers: int, devices: tuple[str, ...]) -> list[str]:
    """The device of each tower."""
    if towers % len(devices):
        raise ValueError(
            "the number of devices must be that of the towers or divide it; towers are "
            "not divided further, but AlexNet(towers=4) is a network of four. "
            f"Received: {len(devices)} devices, {devices}, for {towers} towers"
        )
    return [devices[tower * len(devices) // towers] for tower in range(towers)]


def _images(model: keras.Model) -> Any:
    dtype = tf.as_dtype(model.input.dtype).name
    return keras.layers.Input(tuple(model.input_shape)[1:], name="images", dtype=dtype)


def _reads_all(layer: keras.layers.Layer) -> bool:
    """Whether a layer reads all towers; flattening needs all maps of a position."""
    if isinstance(layer, GroupedConv2D):
        return False
    return isinstance(layer, (*layer_parts.READS_ALL, keras.layers.Flatten))


def _exchange(layers: Layers, index: int, owners: list[str]) -> Exchange:
    """The exchange before the layer of this index, named after the layer that reads.

    That is the next one with weights: flattening may come between.
    """
    reader = next(
        (
            each.name
            for each in layers[index:]
            if isinstance(each, layer_parts.READS_ALL)
        ),
        "output",
    )
    seams = [each.kernels for each in layers if isinstance(each, CrossConnection)]
    return Exchange(
        owners,
        owners[:1] if reader in (_LAST, "output") else owners,
        kernels=seams[0] if seams else "auto",
        dtype=layers[index - 1].dtype_policy,
        name=f"to_{reader}",
    )


def _applied(layer: keras.layers.Layer, x: list[Any], owners: list[str]) -> list[Any]:
    """The layer's part in each tower, or the whole layer after the last exchange."""
    if len(x) == 1:
        return [OnDevice(layer_parts.copied(layer), owners[0])(x[0])]
    return [
        OnDevice(layer_parts.part(layer, tower, len(owners)), device, tower)(each)
        for tower, (each, device) in enumerate(zip(x, owners, strict=True))
    ]
