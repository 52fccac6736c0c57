"""The chain of packed layers: read off a model, spread over devices, packed again."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_alexnet.layers import CrossConnection, GroupedConv2D
from keras_alexnet.two_towers import shares
from keras_alexnet.two_towers.exchange import Exchange
from keras_alexnet.two_towers.placement import OnDevice

Layers = list[keras.layers.Layer]
_LAST = "fc8"  # it and what follows are on the first tower's device (layers-145.cfg)


def packed_layers(model: keras.Model) -> Layers:
    """Fresh layers, as the packed form of a model has them, from the first to the last.

    Raises:
        ValueError: If the model is no AlexNet of towers.
    """
    layers = [
        layer
        for layer in getattr(model, "layers", ())
        if not isinstance(layer, (keras.layers.InputLayer, Exchange))
    ]
    if not any(isinstance(layer, OnDevice) for layer in layers):
        shares.count_towers(layers)
        return [shares.again(layer) for layer in layers]
    first = [layer for layer in layers if not getattr(layer, "tower", None)]
    towers = 1 + max(getattr(layer, "tower", None) or 0 for layer in layers)
    return [_packed(layer, towers) for layer in first]


def _packed(layer: keras.layers.Layer, towers: int) -> keras.layers.Layer:
    """The packed layer of the first tower's part, or of what there is once."""
    if not isinstance(layer, OnDevice):
        return shares.again(layer)
    if layer.tower is None:
        return shares.again(layer.layer)
    return shares.whole(layer.layer, towers)


def pack(layers: Layers, model: keras.Model) -> keras.Model:
    """The packed network of layers, with the input and the name of `model`."""
    x = images = _images(model)
    for layer in layers:
        x = layer(x)
    return keras.Model(images, x, name=model.name)


def spread(layers: Layers, model: keras.Model, devices: tuple[str, ...]) -> keras.Model:
    """The network of packed layers with each tower on its device.

    Args:
        layers: What `packed_layers` gives.
        model: Whose input and name the network has.
        devices: What `check_devices` gives; the towers are shared out among them.

    Raises:
        ValueError: If the towers cannot be.
    """
    places = _places(shares.count_towers(layers), devices)
    images = _images(model)
    x, joined = [images] * len(places), True
    for index, layer in enumerate(layers):
        if not joined and _reads_all(layer):
            readers = places[:1] if layer.name == _LAST else places
            exchange = _exchange(layers, index, places, readers)
            x, joined = exchange(x), True
        x = _applied(layer, x, places)
        joined = joined and not isinstance(layer, shares.READS_ALL)
    if len(x) > 1:
        x = _exchange(layers, len(layers), places, places[:1])(x)
    return keras.Model(images, x[0], name=model.name)


def _places(towers: int, devices: tuple[str, ...]) -> list[str]:
    """The device of each tower."""
    if towers % len(devices):
        raise ValueError(
            "devices must be as many as the towers, which are not cut further, or "
            "fewer that share them evenly; AlexNet(towers=4) is the network of four. "
            f"Received: {len(devices)} devices, {devices}, for {towers} towers"
        )
    return [devices[tower * len(devices) // towers] for tower in range(towers)]


def _images(model: keras.Model) -> Any:
    dtype = tf.as_dtype(model.input.dtype).name
    return keras.layers.Input(tuple(model.input_shape)[1:], name="images", dtype=dtype)


def _reads_all(layer: keras.layers.Layer) -> bool:
    """Whether a layer reads all towers; positions are flattened with all their maps."""
    if isinstance(layer, GroupedConv2D):
        return False
    return isinstance(layer, (*shares.READS_ALL, keras.layers.Flatten))


def _exchange(
    layers: Layers, index: int, sources: list[str], readers: list[str]
) -> Exchange:
    """The exchange before the layer of this index, named after what it is for."""
    following = [each for each in layers[index:] if isinstance(each, shares.READS_ALL)]
    seams = [each.kernels for each in layers if isinstance(each, CrossConnection)]
    return Exchange(
        sources,
        readers,
        kernels=seams[0] if seams else "auto",
        dtype=layers[index - 1].dtype_policy,
        name=f"to_{following[0].name if following else 'output'}",
    )


def _applied(layer: keras.layers.Layer, x: list[Any], places: list[str]) -> list[Any]:
    """The layer's part in each tower, or the whole of it where one reads all."""
    if len(x) == 1:
        return [OnDevice(shares.again(layer), places[0])(x[0])]
    return [
        OnDevice(shares.share(layer, tower, len(places)), device, tower)(each)
        for tower, (each, device) in enumerate(zip(x, places, strict=True))
    ]
