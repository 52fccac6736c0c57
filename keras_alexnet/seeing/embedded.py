"""Pictures inside a page: small, of bounded size, each as a `data:` address."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from keras_alexnet.inspection.findings import Shown

_QUALITY = 76  # of JPEG
_LOSSLESS = 32  # pixels of a side up to which a picture is PNG


def photo(pixels: np.ndarray, side: int) -> str:
    """A picture as JPEG; as PNG if it is very small.

    Args:
        pixels: uint8 `[height, width, 3]`.
        side: The longest side that it may have; larger ones are scaled down.

    Returns:
        Its `data:` address.
    """
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    if max(picture.size) <= _LOSSLESS:
        return _address(picture, "png", optimize=True)
    return _address(picture, "jpeg", quality=_QUALITY, optimize=True)


def exact(pixels: np.ndarray) -> str:
    """An array as PNG, pixel by pixel.

    Args:
        pixels: uint8 `[height, width]` or `[height, width, 3]`.

    Returns:
        Its `data:` address.
    """
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return _address(picture, "png", optimize=True)


def cut(picture: Shown, box: tuple[int, int, int, int]) -> np.ndarray:
    """The pixels of a picture within a box: top, left, bottom, right."""
    top, left, bottom, right = box
    return picture.pixels[max(top, 0) : bottom, max(left, 0) : right]


def kernel_pixels(kernel: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """A kernel that reads colours, as `inspection.filter_grid` shows it: uint8."""
    low, high = limits
    scaled = 255 * (kernel - low) / max(high - low, 1e-12)
    return np.clip(scaled, 0, 255).astype(np.uint8)


def limits(kernels: np.ndarray, centred: bool) -> tuple[float, float]:
    """The weights that are black and white.

    Args:
        kernels: The kernels.
        centred: Whether grey is 0; else as in the source, from the smallest weight to
            the largest.
    """
    low, high = float(kernels.min()), float(kernels.max())
    largest = max(-low, high)
    return (-largest, largest) if centred else (low, high)


def activation(values: np.ndarray, highest: float) -> np.ndarray:
    """Outputs of units as grey: black is 0, white the highest; uint8."""
    return np.uint8(255 * np.clip(values / max(highest, 1e-12), 0, 1) ** 0.7)


def heat(pixels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A map over a picture: orange where it speaks for the class, blue against it.

    Args:
        pixels: uint8 `[side, side, 3]`, the picture.
        values: float `[side, side]`; the strongest hundredth has the full colour.

    Returns:
        uint8 `[side, side, 3]`.
    """
    grey = pixels.astype(np.float32).mean(axis=-1, keepdims=True)
    below = 60 + 0.45 * grey
    strongest = float(np.percentile(np.abs(values), 99)) or 1.0
    scaled = np.clip(values / strongest, -1, 1)[..., None]
    colour = np.where(scaled >= 0, (255, 138, 20), (40, 130, 255))
    weight = 0.85 * np.abs(scaled)
    return np.uint8(np.clip(below * (1 - weight) + colour * weight, 0, 255))


def _address(picture: Image.Image, kind: str, **options: object) -> str:
    content = io.BytesIO()
    picture.save(content, format=kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(content.getvalue()).decode()}"
