"""Files that are not pictures, and the reasons given."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_alexnet.data.preparation.pixel_worker.pictures import Unreadable, decode


def encoded(form: str) -> bytes:
    """A picture of noise, of some thousands of bytes."""
    pixels = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, form)
        return file.getvalue()


def announcing(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header announces a size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 64)
    chunks = (
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, data, b"IEND")
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


BAD = {
    "empty": (b"", "^empty$"),
    "text": (
        b"a cat, I think",
        "^none of JPEG, PNG, GIF, BMP, WEBP, TIFF(, AVIF)?(, HEIF)?$",
    ),
    "cut JPEG": (encoded("JPEG")[:900], "truncated"),
    "cut PNG": (encoded("PNG")[:900], "truncated"),
    "only a beginning": (b"\xff\xd8\xff", "."),
    "bomb": (announcing(60_000, 60_000), "3600000000 pixels"),
    "smaller bomb": (announcing(10_000, 10_000), "100000000 pixels"),
    "no data": (announcing(100, 100), "."),
    "a kind that is not taken": (encoded("PPM"), "^none of JPEG"),
}


@pytest.mark.parametrize("kind", BAD)
def test_the_reason_is_one_line(kind: str) -> None:
    content, message = BAD[kind]
    with pytest.raises(Unreadable, match=message) as caught:
        decode(content)
    assert "\n" not in str(caught.value)
    assert "0x" not in str(caught.value)  # An address would change from run to run.


def test_a_missing_file_is_reported_as_such(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"^No such file or directory$"):
        decode(str(tmp_path / "gone.jpg"))
