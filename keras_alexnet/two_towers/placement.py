"""Layers on one device, in the forward and in the backward pass."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


def check_devices(devices: Sequence[str]) -> tuple[str, ...]:
    """The names of devices in one spelling, as in `"/GPU:0"`.

    Args:
        devices: TensorFlow's names, with or without slash: `"CPU:1"`, `"/GPU:0"`,
            `"/device:GPU:0"`. A device may be repeated.

    Raises:
        ValueError: If one of them is not a logical device of this process.

    Example:

    >>> check_devices(["cpu:0", "/device:CPU:0"])
    ('/CPU:0', '/CPU:0')
    """
    known = tuple(map(_spelled, _logical_devices()))
    several = isinstance(devices, (list, tuple)) and len(devices) > 0
    if not several or not all(isinstance(each, str) for each in devices):
        raise ValueError(
            "devices must be a list of names, as ('/GPU:0', '/GPU:1'). "
            f"Received: devices={devices!r}"
        )
    for device in devices:
        if _spelled(device) not in known:
            raise ValueError(
                f"devices must be among those that TensorFlow has here, {known}; "
                "tf.config.set_logical_device_configuration makes several of one. "
                f"Received: devices={tuple(devices)!r}, without a {device!r} here"
            )
    return tuple(map(_spelled, devices))


def _logical_devices() -> list[str]:
    return [each.name for each in tf.config.list_logical_devices()]


def _spelled(device: str) -> str:
    kind, _, index = device.upper().replace("/", ":").rpartition(":")
    return f"/{kind.rpartition(':')[2]}:{index}"


def run_on(device: str, function: Callable[..., Any], *inputs: tf.Tensor) -> Any:
    """Calls a function on a device, so that its gradient is computed there too.

    A tape's backward pass ignores the devices of the forward pass: in a graph, all
    gradients of a tower would be computed on the default device.

    Args:
        device: The device.
        function: From tensors to a tensor or a list of tensors; it may read variables.
        *inputs: Its arguments.

    Returns:
        What the function returns.

    Example:

    >>> float(run_on("/CPU:0", tf.square, tf.constant(3.0)))
    9.0
    """

    @tf.custom_gradient
    def run(*inputs: tf.Tensor) -> tuple[Any, Callable[..., Any]]:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = function(*inputs)

        def gradient(
            *of_outputs: tf.Tensor, variables: Sequence[tf.Variable] = ()
        ) -> Any:
            with tf.device(device):
                of_inputs, of_variables = tape.gradient(
                    outputs, [inputs, variables], _like(outputs, of_outputs)
                )
            return (of_inputs, of_variables) if variables else of_inputs

        return outputs, gradient

    with tf.device(device):
        return run(*inputs)


def _like(outputs: Any, gradients: tuple[tf.Tensor, ...]) -> Any:
    return list(gradients) if isinstance(outputs, (list, tuple)) else gradients[0]


@keras.saving.register_keras_serializable(package="keras_alexnet")
class OnDevice(keras.layers.Wrapper):
    """A layer with its variables and its forward and backward pass on one device.

    Args:
        layer: The layer.
        device: Its device, as in `"/GPU:1"`.
        tower: Number of the tower that the layer belongs to; `None` for an undivided
            layer.
        **kwargs: `name` and the other arguments of `keras.layers.Layer`; the name is
            the layer's by default, with the letter of its tower.

    Input shape:
        That of the layer.

    Output shape:
        That of the layer.

    Returns:
        What the layer returns.

    Raises:
        ValueError: If there is no such device.

    Example:

    >>> layer = OnDevice(keras.layers.Dense(2, name="fc6"), "/CPU:0", tower=1)
    >>> layer.name, tuple(layer(tf.ones([4, 3])).shape)
    ('fc6b', (4, 2))
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        device: str,
        tower: int | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("name", layer.name + letter(tower))
        kwargs.setdefault("dtype", layer.dtype_policy)
        kwargs.setdefault("trainable", layer.trainable)
        super().__init__(layer, **kwargs)
        self.supports_jit = False  # XLA compiles for one device only
        self.device = check_devices([device])[0]
        self.tower = tower
        self._trains = "training" in inspect.signature(layer.call).parameters

    def build(self, input_shape: Any = None) -> None:
        with tf.device(self.device):
            super().build(input_shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        mode = {"training": training} if self._trains else {}
        if id(self) in _current.readers and _current.prepare is not None:
            with tf.device(self.device):
                inputs = tf.cast(_current.prepare(), inputs.dtype)
        return run_on(self.device, lambda x: self.layer(x, **mode), inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.layer.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "device": self.device, "tower": self.tower}

    @classmethod
    def from_config(cls, config: dict[str, Any], **kwargs: Any) -> OnDevice:
        # Keras 2.15's own method mistakes the wrapped layer for an older format. Keras
        # 3 builds that layer while it deserialises it, hence the device.
        with tf.device(check_devices([config["device"]])[0]):
            layer = keras.saving.deserialize_keras_object(config["layer"], **kwargs)
        return cls(**{**config, "layer": layer})


class _Current(threading.local):  # Replicas are traced in threads of their own.
    prepare: Callable[[], tf.Tensor] | None = None
    readers: frozenset[int] = frozenset()  # ids of the layers that read the pictures


_current = _Current()


def prepared_in_place(
    model: keras.Model, prepare: Callable[[], tf.Tensor], training: bool
) -> tf.Tensor:
    """The output of a model whose towers' devices each prepare the pictures themselves.

    So pictures are sent as the bytes that they are, and not as the four times larger
    numbers that the network reads.

    Args:
        model: Of any form; one with its towers in one tensor prepares them once.
        prepare: Makes the model's input, of tensors that it captured, on the device of
            the scope it is called in.
        training: Passed to the model.

    Example:

    >>> from keras_alexnet import AlexNet
    >>> model = AlexNet(input_shape=(64, 64, 3), devices=["/CPU:0", "/CPU:0"])
    >>> bytes_of = tf.zeros([1, 64, 64, 3], tf.uint8)
    >>> y = prepared_in_place(model, lambda: tf.cast(bytes_of, tf.float32), False)
    >>> tuple(y.shape)
    (1, 1000)
    """
    readers = frozenset(
        id(layer)
        for layer in getattr(model, "layers", ())
        if isinstance(layer, OnDevice) and layer.input is model.input
    )
    before = _current.prepare, _current.readers
    _current.prepare, _current.readers = prepare, readers
    try:
        return model(prepare(), training=training)
    finally:
        _current.prepare, _current.readers = before


def letter(tower: int | None) -> str:
    """The letter in the names of a tower's layers: a, b, …, as in the 2012 source."""
    return "" if tower is None else "abcdefghijklmnop"[tower]
