"""What every network expects of its pictures: colour order, mean and scale."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

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
                f"Received: channel_order={self.channel_order!r}"
            )
        for name in ("mean", "scale"):
            values = tuple(float(value) for value in getattr(self, name))
            if len(values) != 3 or not np.isfinite(values).all():
                raise ValueError(
                    f"{name} must be three finite numbers. Received: {name}={values}"
                )
            object.__setattr__(self, name, values)
        if 0.0 in self.scale:
            raise ValueError(f"scale must not be 0. Received: scale={self.scale}")

    def __call__(self, x: Any) -> Any:
        """Returns `x` prepared, as float32: an array for an array, else a tensor."""
        if isinstance(x, (np.ndarray, list, tuple)):
            return self._apply(np.asarray(x, np.float32))
        return self._apply(tf.cast(x, tf.float32))

    def _apply(self, x: Any) -> Any:
        if x.shape[-1] != 3:
            raise ValueError(
                "x must have three channels, R, G, B, last. "
                f"Received: shape={tuple(x.shape)}"
            )
        x = (x - np.float32(self.mean)) / np.float32(self.scale)
        return x[..., ::-1] if self.channel_order == "BGR" else x
