"""The pixels of a picture that is given as numbers or as Pillow's image."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image

from keras_alexnet.given_pictures import warn_of_values


class NoPicture(ValueError):
    """The error for what is no picture.

    Args:
        name: Of what was given.
        fault: What it is.

    Attributes:
        fault: The same, for who names it otherwise.
    """

    def __init__(self, name: str, fault: str) -> None:
        super().__init__(
            "a picture must be a path, the bytes of a file, or finite pixels of 0-255, "
            "[height, width, 3] in R, G, B or [height, width, 1]. Received: "
            f"{name}, {fault}"
        )
        self.fault = fault


def pixels_of(picture: Any, name: str) -> tf.Tensor:
    """Pixels `[…, height, width, 3]` of a picture or a batch; grey becomes RGB.

    Args:
        picture: An array, a tensor, or an image of Pillow.
        name: Its name, for messages.

    Returns:
        uint8, or float32 for numbers of other types.

    Raises:
        NoPicture: If it is none of these, or has pixels that are not finite.

    Warns:
        UserWarning: If no picture of 0-255 has such values.

    Example:

    >>> pixels_of(Image.new("L", (4, 3), 7), "mine").shape
    TensorShape([3, 4, 3])
    """
    if isinstance(picture, Image.Image):
        return tf.convert_to_tensor(_of_pillow(picture))
    try:
        pixels = picture if tf.is_tensor(picture) else np.asarray(picture)
        shape, kind = pixels.shape, tf.as_dtype(pixels.dtype)
    except (TypeError, ValueError):
        raise NoPicture(name, type(picture).__name__) from None
    numeric = kind.is_floating or (kind.is_integer and not kind.is_bool)
    if len(shape) not in (3, 4) or shape[-1] not in (1, 3) or not numeric:
        text = kind == tf.string  # NumPy's objects too, such as None
        found = "" if text else f"{kind.name} of shape {tuple(shape)}"
        raise NoPicture(name, found or type(picture).__name__)
    if kind.is_floating and not _finite(pixels):
        raise NoPicture(name, "pixels that are not finite: look for what made them")
    warn_of_values(pixels)
    # The resize op reads no 64-bit integers, and of the unsigned ones only uint8.
    pixels = tf.convert_to_tensor(pixels)
    pixels = pixels if kind == tf.uint8 else tf.cast(pixels, tf.float32)
    return tf.image.grayscale_to_rgb(pixels) if shape[-1] == 1 else pixels


def _finite(pixels: Any) -> bool:
    """Whether no pixel is NaN or infinite; in a graph that cannot be known."""
    if tf.is_tensor(pixels):
        if not hasattr(pixels, "numpy"):
            return True
        pixels = pixels.numpy()
    return bool(np.isfinite(pixels).all())


def _of_pillow(picture: Image.Image) -> np.ndarray:
    """uint8 `[height, width, 3]`, as TensorFlow's decoders give a file's pixels.

    Alpha is dropped, 16 bits keep their upper 8, an orientation in EXIF data is
    ignored.
    """
    if picture.mode.startswith("I"):  # 16-bit grey, which "L" would clip
        upper = np.asarray(picture).astype(np.int64) >> 8
        picture = Image.fromarray(np.clip(upper, 0, 255).astype(np.uint8))
    if picture.mode == "CMYK":
        # As tensorflow/core/lib/jpeg/jpeg_mem.cc; Pillow's own rounds otherwise.
        light = 255 - np.asarray(picture).astype(np.int32)
        return (light[..., :3] * light[..., 3:] // 255).astype(np.uint8)
    return np.asarray(picture.convert("RGB"))
