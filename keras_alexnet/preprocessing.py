"""The values that a network reads: colour order, mean and scale."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_alexnet.reasons import must_be, shown
from keras_alexnet.whole_numbers import entries, number

CHANNEL_ORDERS = ("RGB", "BGR")

# Mean colour of the ILSVRC-2012 training pictures at 256x256, 0-255, R, G, B:
# cuda-convnet2, make-data/input_meta (2014). The 2012 source itself holds no data.
IMAGENET_MEAN = (127.305, 119.715, 104.913)


@dataclasses.dataclass(frozen=True)
class Preprocessing:
    """How a picture of 0-255 in RGB becomes a network's input.

    `(picture in channel_order − mean) / scale`, a channel at a time.

    Args:
        channel_order: `"RGB"`, or `"BGR"` as Caffe's networks read it.
        mean: Mean colour in 0-255, in RGB order whatever `channel_order` is.
        scale: Divisor of each channel, in RGB order.

    Raises:
        ValueError: If the order is unknown, or mean or scale are not three finite
            numbers, or a scale is 0.

    Example:

    >>> Preprocessing("BGR", mean=(3, 2, 1))(np.full([1, 1, 3], 10.0)).ravel()
    array([9., 8., 7.], dtype=float32)
    """

    channel_order: str = "RGB"
    mean: tuple[float, float, float] = IMAGENET_MEAN
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if self.channel_order not in CHANNEL_ORDERS:
            raise ValueError(
                f"channel_order must be one of {CHANNEL_ORDERS}. "
                f"Received: channel_order={shown(self.channel_order)}"
            )
        for name in ("mean", "scale"):
            object.__setattr__(self, name, _three(name, getattr(self, name)))
        if 0.0 in self.scale:
            raise ValueError(f"scale must not be 0. Received: scale={self.scale}")

    def __call__(self, x: Any) -> Any:
        """Returns `x` prepared, as float32.

        Args:
            x: `[…, 3]`: an array or a list, a tensor, or a symbolic tensor of Keras
                such as `keras.Input` gives.

        Returns:
            An array for an array or a list, else a tensor of the kind of `x`.
        """
        cast, flip = _operations(x)
        x = cast(x)
        if tuple(x.shape)[-1:] != (3,):
            raise ValueError(
                "x must have three channels, R, G, B, last. "
                f"Received: shape={tuple(x.shape)}"
            )
        # Not a division: in graphs TensorFlow makes a product of it, of other bits.
        x = (x - np.float32(self.mean)) * (np.float32(1) / np.float32(self.scale))
        return flip(x) if self.channel_order == "BGR" else x


def _three(name: str, given: Any) -> tuple[float, ...]:
    """Three numbers, one for each colour."""
    with contextlib.suppress(ValueError):
        values = tuple(number(name, each) for each in entries(given) or ())
        if len(values) == 3:
            return values
    raise must_be(name, "three finite numbers", given)


def _operations(x: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """A cast to float32 and a reversal of the channels, for values of the type of `x`.

    Each is a library function, not a slice: Keras 2 cannot save a model with a slice
    `...` in it.
    """
    if isinstance(x, (np.ndarray, list, tuple)):
        return lambda x: np.asarray(x, np.float32), lambda x: np.flip(x, -1)
    # Here, so that an architecture can be read without importing TensorFlow.
    import keras
    import tensorflow as tf

    # TensorFlow's own functions take Keras 2's symbolic tensors, but not Keras 3's.
    if hasattr(keras, "ops") and isinstance(x, keras.KerasTensor):
        ops = keras.ops
        return lambda x: ops.cast(x, "float32"), lambda x: ops.flip(x, -1)
    return lambda x: tf.cast(x, tf.float32), lambda x: tf.reverse(x, [-1])


# BVLC's networks read BGR. The mean colour is that of its mean picture,
# python/caffe/imagenet/ilsvrc_2012_mean.npy: B 104.007, G 116.669, R 122.679.
BVLC = Preprocessing("BGR", mean=(122.679, 116.669, 104.007))

# MIT's networks for places read BGR, too. The mean colour is that of their mean
# picture, places365CNN_mean.binaryproto: B 104.051, G 112.514, R 116.676.
PLACES = Preprocessing("BGR", mean=(116.676, 112.514, 104.051))

# torchvision/transforms/_presets.py, ImageClassification: for pictures of 0-1.
TORCHVISION = Preprocessing(
    "RGB",
    mean=(255 * 0.485, 255 * 0.456, 255 * 0.406),
    scale=(255 * 0.229, 255 * 0.224, 255 * 0.225),
)
