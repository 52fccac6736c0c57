"""`convert_towers`: between one packed network and towers on devices of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_alexnet.two_towers.building import pack, packed_layers, spread
from keras_alexnet.two_towers.choosing import check_alone
from keras_alexnet.two_towers.packed_form import (
    Variables,
    assign_packed,
    packed_values,
)
from keras_alexnet.two_towers.placement import OnDevice, check_devices
from keras_alexnet.weights.names import named_weights, tensorflow_variable


def convert_towers(
    model: keras.Model, devices: Sequence[str] | None = None
) -> keras.Model:
    """The same network with its towers on devices of their own, or packed in one.

    All values are copied bit by bit, those of the optimizer too if the model is
    compiled. Each device holds and updates the weights of its towers; what towers say
    to each other crosses in the layers `to_conv3`, `to_fc6`, `to_fc7` and `to_fc8`
    only. `fc8` is on the first tower's device.

    Args:
        model: What `AlexNet` or `convert_towers` gave, of a variant of towers.
        devices: The towers' devices, as in `("/GPU:0", "/GPU:1")`. With fewer than
            towers they share them evenly; one may stand there several times. `None`
            packs the towers in one tensor again, on the default device.

    Returns:
        A new `keras.Model`, compiled as `model` is.

    Raises:
        ValueError: If there is no such device, the devices cannot share the towers
            evenly, the model is no AlexNet of towers, or a strategy is in scope.

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
    """The model itself if it has no layers on devices of their own, else packed."""
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
    # What is left is no weight's: the count of steps, the learning rate.
    for value, variable in zip(
        _others(source, slots), _others(target, wanted), strict=True
    ):
        variable.assign(value)


def _slots(model: keras.Model) -> dict[str, Variables]:
    """What an optimizer keeps for each trained weight, by kind, under its name."""
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
