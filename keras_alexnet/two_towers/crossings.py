"""How much the towers say to each other, by the shapes of what they exchange."""

from __future__ import annotations

import math
from typing import NamedTuple

import keras

from keras_alexnet.two_towers.exchange import Exchange


class Crossing(NamedTuple):
    """What one device sends to another at one place of the network.

    As much comes back as gradient in a step of training.

    Args:
        layer: Name of the exchange, as `"to_conv3"`.
        source: Whose towers made it.
        destination: Where it is read.
        values: Numbers for each picture.
    """

    layer: str
    source: str
    destination: str
    values: int

    def bytes(self, batch_size: int, of_each: int = 4) -> int:
        """Bytes of a batch, with numbers of this many bytes; 4 is float32."""
        return self.values * batch_size * of_each


def crossings(model: keras.Model) -> list[Crossing]:
    """All that devices send to each other for a forward pass, besides the pictures.

    Args:
        model: What `AlexNet(devices=…)` or `convert_towers` gave, with an input of
            known size.

    Returns:
        A `Crossing` for each exchange, source and destination; none for devices that
        are one.

    Example:

    >>> from keras_alexnet import AlexNet
    >>> crossings(AlexNet(input_shape=(64, 64, 3), devices=["CPU:0", "CPU:0"]))
    []
    """
    found: dict[tuple[str, str, str], int] = {}
    for layer in model.layers:
        for device, maps in _sent(layer) if isinstance(layer, Exchange) else ():
            for reader in dict.fromkeys(layer.readers):
                if reader != device:
                    key = (layer.name, device, reader)
                    found[key] = found.get(key, 0) + maps
    return [Crossing(*key, values) for key, values in found.items()]


def _sent(layer: Exchange) -> list[tuple[str, int]]:
    """The device of each tower, and how many numbers it makes of a picture."""
    sizes = [math.prod(x.shape[1:]) for x in layer.input]
    return list(zip(layer.sources, sizes, strict=True))
