"""One picture: from a file of any kind to the square that is stored."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

with contextlib.suppress(ImportError):  # Pillow's plugin for HEIC, if it is there
    import pillow_heif

    pillow_heif.register_heif_opener()

_WANTED = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "HEIF")
Image.init()
FORMATS = tuple(name for name in _WANTED if name in Image.OPEN)
# What reads a picture in an ISO base media file, by a brand at its beginning.
_READERS = {
    b"avif": "AVIF, which needs Pillow 11.3 or newer",
    b"hei": "HEIC, which needs the package pillow-heif",
    b"mif1": "HEIC, which needs the package pillow-heif",
}


class Unreadable(Exception):
    """This cannot be decoded as a picture; the message says why, in one line."""


def decode(image: bytes | str) -> Image.Image:
    """Decodes a picture, known by its content, to RGB.

    Of frames or pages it decodes the first. Alpha is dropped, 16 bits keep their upper
    8, and an orientation in EXIF data is ignored, as by TensorFlow's decoders and as is
    usual with ImageNet.

    Args:
        image: The encoded picture, or the path of its file.

    Raises:
        Unreadable: If it is not a picture, is truncated, or its header announces
            more pixels than Pillow's limit; then nothing is decoded.
    """
    content = b""
    try:
        content = Path(image).read_bytes() if isinstance(image, str) else image
        if not content:
            raise Unreadable("empty")
        with warnings.catch_warnings():
            # Warnings about odd metadata in good pictures do not help.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
                return _rgb(picture)
    except Unreadable:
        raise
    except Exception as error:  # Decoders raise many kinds.
        raise Unreadable(_reason(error, content)) from error


def _rgb(picture: Image.Image) -> Image.Image:
    picture.load()
    if picture.mode.startswith("I"):  # 16-bit grey, which "L" would clip.
        upper = np.asarray(picture).astype(np.int64) >> 8
        if upper.min() < 0 or upper.max() > 255:
            raise Unreadable("grey of more than 16 bits, which is no photo")
        picture = Image.fromarray(upper.astype(np.uint8))
    if picture.mode == "F":
        raise Unreadable("grey in floating point, which is no photo")
    return picture.convert("RGB")


def _reason(error: Exception, content: bytes) -> str:
    if isinstance(error, UnidentifiedImageError):  # Its message has an address.
        if content[4:8] == b"ftyp":
            for brand, reader in _READERS.items():
                if brand in content[8:32]:
                    return reader
        return f"none of {', '.join(FORMATS)}"
    message = getattr(error, "strerror", None) or " ".join(str(error).split())
    return message or type(error).__name__


def central_square(picture: Image.Image, size: int) -> np.ndarray:
    """Scales the shorter side to `size` and crops the central square.

    The rule of 2012 (paper, section 2), with the interpolations of cuda-convnet2's
    make-data (2014): area averaging to shrink, cubic to enlarge.

    Args:
        picture: In RGB.
        size: Side of the square, in pixels.

    Returns:
        uint8 `[size, size, 3]`.
    """
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    box = (left, top, left + side, top + side)
    if side < size:
        enlarged = picture.resize((size, size), Image.Resampling.BICUBIC, box=box)
        return np.asarray(enlarged)
    pixels = np.asarray(picture.crop(box))
    return pixels if side == size else area_average(pixels, size)


def area_average(pixels: np.ndarray, size: int) -> np.ndarray:
    """Shrinks a square to `size` by area averaging, exact to the last bit.

    Each new pixel covers a cell of the old picture. It is the mean of the old pixels,
    each weighted by its area within the cell, as in OpenCV's `INTER_AREA`. (Pillow's
    `BOX` assigns each old pixel to one cell as a whole, which differs unless the ratio
    is whole.) Weights and sums are whole numbers that floating point holds exactly, so
    machine and order of summation change nothing. Halves are rounded up.

    Args:
        pixels: uint8 `[side, side, 3]`, `side` up to 65,793.
        size: The new side, at most `side`.

    Returns:
        uint8 `[size, size, 3]`.

    Example:

    >>> area_average(np.arange(27, dtype=np.uint8).reshape(3, 3, 3), 1)
    array([[[12, 13, 14]]], dtype=uint8)
    """
    side = len(pixels)
    # Below 255 · side < 2^24 for float32, below 255 · side² < 2^53 for float64.
    rows = _weighted_sums(pixels.reshape(side, -1), size, np.float32)
    turned = rows.reshape(size, side, 3).transpose(1, 0, 2).reshape(side, -1)
    sums = _weighted_sums(turned, size, np.float64)
    sums /= side**2
    sums += 0.5
    return sums.astype(np.uint8).reshape(size, size, 3).transpose(1, 0, 2)


def _weighted_sums(lines: np.ndarray, size: int, kind: type) -> np.ndarray:
    """`side` times the means of `size` cells of lines; `[side, n]` to `[size, n]`.

    On a scale where a line is `size` wide, cell `k` covers `k · side` to
    `(k + 1) · side`, and line `i` covers `i · size` to `(i + 1) · size`.
    """
    side, cells = len(lines), np.arange(size)
    sums = np.zeros((size, lines.shape[1]), kind)
    term = np.empty_like(sums)
    for nth in range(-(-side // size) + 1):
        line: np.ndarray = cells * side // size + nth
        end = np.minimum((line + 1) * size, (cells + 1) * side)
        weight = np.maximum(end - np.maximum(line * size, cells * side), 0)
        if weight.any():
            line = np.minimum(line, side - 1)  # Weights past the last line are 0.
            sums += np.multiply(lines[line], weight[:, None].astype(kind), out=term)
    return sums


def encode(pixels: np.ndarray, quality: int | None) -> bytes:
    """The pixels as a JPEG of this quality, or their bare bytes if it is None."""
    if quality is None:
        return pixels.tobytes()
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        return file.getvalue()


def stored_pixels(stored: bytes, size: int, quality: int | None) -> np.ndarray:
    """The pixels that `encode`'s bytes decode to: uint8 `[size, size, 3]`."""
    if quality is None:
        return np.frombuffer(stored, np.uint8).reshape(size, size, 3)
    with Image.open(io.BytesIO(stored)) as picture:
        return np.asarray(picture)
