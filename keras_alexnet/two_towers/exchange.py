"""The exchange between towers: the only layer where tensors change devices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_alexnet.ops import cross_connect
from keras_alexnet.ops.dispatch import check_kernels
from keras_alexnet.two_towers.placement import check_devices, run_on


@keras.saving.register_keras_serializable(package="keras_alexnet")
class Exchange(keras.layers.Layer):
    """Sends to each reader the tensors of all towers, joined along their channels.

    Forward, a tower's tensor goes once to each other device that has a reader, and is
    joined there. Backward, the gradients of the readers on a device are summed there,
    each tower's part of the sum goes back once, and the tower's device sums these
    parts. The source's GPUs did the same: the destination fetches a copy, and the
    producer sums the gradients that consumers on other GPUs wrote.

    Args:
        sources: The device of each tower.
        readers: The device of each reader.
        kernels: `"auto"`, `"native"` or `"composite"`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Input shape:
        A list of `(batch, …, channels)`, one for each tower.

    Output shape:
        A list of `(batch, …, all towers' channels)`, one for each reader.

    Returns:
        The joined tensors, in the layer's compute type.

    Raises:
        ValueError: If there is no such device.

    Example:

    >>> exchange = Exchange(sources=["/CPU:0", "/CPU:0"], readers=["/CPU:0"])
    >>> [joined] = exchange([tf.zeros([1, 2]), tf.ones([1, 2])])
    >>> joined.numpy()
    array([[0., 0., 1., 1.]], dtype=float32)

    Reference:
        - Krizhevsky et al. 2012, section 3.2; `src/layer.cu` of the released source.
    """

    def __init__(
        self,
        sources: Sequence[str],
        readers: Sequence[str],
        kernels: str = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.supports_jit = False  # XLA compiles for one device only
        self.sources, self.readers = check_devices(sources), check_devices(readers)
        self.kernels = check_kernels(kernels)

    def call(self, inputs: list[tf.Tensor]) -> list[tf.Tensor]:
        destinations = list(dict.fromkeys(self.readers))
        sent = [
            _copies(x, device, len(destinations))
            for x, device in zip(inputs, self.sources, strict=True)
        ]
        read = {}
        for index, device in enumerate(destinations):
            joined = run_on(device, self._join, *(each[index] for each in sent))
            copies = _copies(joined, device, self.readers.count(device))
            read[device] = iter(copies)
        return [next(read[device]) for device in self.readers]

    def _join(self, *towers: tf.Tensor) -> tf.Tensor:
        # A vector is treated as a map of one position.
        vectors = towers[0].shape.rank == 2
        maps = [
            tf.reshape(x, [-1, 1, 1, x.shape[-1]]) if vectors else x for x in towers
        ]
        y = cross_connect(maps, activation=None, norm=None, kernels=self.kernels)
        return tf.reshape(y, [-1, y.shape[-1]]) if vectors else y

    def compute_output_shape(self, input_shape: Any) -> list[tuple[int | None, ...]]:
        channels = sum(shape[-1] for shape in input_shape)
        joined = (*tuple(input_shape[0])[:-1], channels)
        return [joined] * len(self.readers)

    def get_config(self) -> dict[str, Any]:
        devices = {"sources": list(self.sources), "readers": list(self.readers)}
        return {**super().get_config(), **devices, "kernels": self.kernels}


def _copies(x: tf.Tensor, device: str, count: int) -> list[tf.Tensor]:
    """The same tensor `count` times; its gradients are summed on `device`.

    A tape also sums them, but on the default device.
    """
    if count == 1:
        return [x]
    return run_on(device, lambda x: [tf.identity(x) for _ in range(count)], x)


class Crossing(NamedTuple):
    """What one device sends to another in one exchange.

    In a training step a gradient of the same size comes back.

    Args:
        layer: Name of the exchange, for example `"to_conv3"`.
        source: The device of the towers that made it.
        destination: The device that reads it.
        values: Numbers for each picture.
    """

    layer: str
    source: str
    destination: str
    values: int

    def bytes(self, batch_size: int, of_each: int = 4) -> int:
        """Bytes for a batch, with `of_each` bytes for a number; 4 is float32."""
        return self.values * batch_size * of_each


def crossings(model: keras.Model) -> list[Crossing]:
    """All that devices send to each other in a forward pass, except the pictures.

    Args:
        model: A model of `AlexNet(devices=…)` or `convert_towers`, with an input of
            known size.

    Returns:
        A `Crossing` for each exchange, source and destination that differ.

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
    """The device of each tower, and the numbers for a picture that it sends."""
    sizes = [math.prod(x.shape[1:]) for x in layer.input]
    return list(zip(layer.sources, sizes, strict=True))
