"""Small copies of pictures that are no files of their own."""

from __future__ import annotations

import io
from collections.abc import Set
from pathlib import Path
from typing import Any

import numpy as np

from keras_alexnet.extraction.pictures import Pictures

SIDE = 64  # of those that are stored: the longer side, in pixels
SHOWN = 128  # of those that are made of files when they are shown
_QUALITY = 75
_MOST = 8192  # bytes of one


def thumbnail(
    image: bytes | str, raw_side: int | None = None, side: int = SIDE
) -> bytes:
    """A small JPEG of a picture; empty if it cannot be read.

    Args:
        image: The encoded picture, or the path of its file.
        raw_side: Side of the picture if it is the bytes of a square's pixels.
        side: The longest that a side may be, in pixels.
    """
    from PIL import Image  # only here: importing the package does without it

    try:
        picture = _opened(image, raw_side)
        picture.draft("RGB", (2 * side, 2 * side))
        picture = picture.convert("RGB")
        picture.thumbnail((side, side))
        content = io.BytesIO()
        picture.save(content, format="JPEG", quality=_QUALITY)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return b""
    return content.getvalue()


def _opened(image: bytes | str, raw_side: int | None) -> Any:
    from PIL import Image

    if raw_side is not None and isinstance(image, bytes):
        pixels = np.frombuffer(image, np.uint8).reshape(raw_side, raw_side, 3)
        return Image.fromarray(pixels)
    return Image.open(io.BytesIO(image) if isinstance(image, bytes) else image)


def write_thumbnails(folder: Path, pictures: Pictures, kept: Set[int]) -> None:
    """Writes a small copy of each picture that is kept, at most 8 kB each.

    `thumbnails.bin` has one after the other, `thumbnail_ends.npy` where each ends.
    """
    ends, end = [], 0
    with open(folder / "thumbnails.bin", "wb") as file:
        for index, image in enumerate(pictures.images()):
            if index not in kept:
                continue
            content = thumbnail(image, pictures.raw_side)
            end += file.write(content if len(content) <= _MOST else b"")
            ends.append(end)
    np.save(folder / "thumbnail_ends.npy", np.array(ends, np.int64))
