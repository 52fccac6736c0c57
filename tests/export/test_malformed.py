"""Requests with what is no picture, or not whole, or too large."""

from __future__ import annotations

import resource
import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from served_models import classify, encoded, picture

LIMIT = 300_000_000  # bytes, about one picture of 50 megapixels twice


def png_of(width: int, height: int, depth: int = 8) -> bytes:
    """A PNG whose header announces this, and that holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
        )

    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")


def jpeg_of(width: int, height: int, progressive: bool = False) -> bytes:
    """A JPEG whose header was changed to announce this."""
    coded = bytearray(encoded(picture(0), progressive=progressive))
    place = coded.index(b"\xff\xc2" if progressive else b"\xff\xc0") + 5
    coded[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(coded)


ABSURD = {
    "empty": b"",
    "text": b"this is no picture",
    "a JPEG's first bytes": b"\xff\xd8\xff",
    "a PNG's first bytes": b"\x89PNG\r\n\x1a\n",
    "half a PNG's header": png_of(10, 10)[:20],
    "PNG of 4 gigapixels": png_of(65_535, 65_535),
    "PNG of negative size": png_of(2**31 + 5, 10),
    "PNG of no size": png_of(0, 10),
    "PNG, a long strip": png_of(900_000, 1),
    "PNG of 16 bits, 3 gigapixels": png_of(60_000, 50_000, depth=16),
    "JPEG of 4 gigapixels": jpeg_of(65_500, 65_500),
    "JPEG, progressive, of 4 gigapixels": jpeg_of(65_500, 65_500, progressive=True),
    "GIF": encoded(picture(0), "GIF"),
    "GIF of 4 gigapixels": b"GIF89a" + b"\xff" * 4 + b"\0\0\0,\0\0\0\0" + b"\xff" * 4,
    "BMP": encoded(picture(0), "BMP"),
    "BMP of 1 gigapixel": b"BM" + bytes(16) + struct.pack("<ii", 30_000, 30_000),
    "WebP": encoded(picture(0), "WEBP"),
    "TIFF": encoded(picture(0), "TIFF"),
    "truncated JPEG": encoded(picture(0))[:-200],
    "truncated PNG": encoded(picture(0), "PNG")[:-200],
}


@pytest.mark.compat
@pytest.mark.parametrize("name", ABSURD)
def test_what_is_no_picture_fails_alone(signatures: dict, name: str) -> None:
    good = encoded(picture(1))
    (alone,), (scores,), _ = classify(signatures, [good])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = classify(signatures, [good, ABSURD[name], good])
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert found[2].tolist() == [True, False, True]
    assert found[0].tolist() == [list(alone), [b""] * 5, list(alone)]
    np.testing.assert_allclose(found[1], [scores, 0 * scores, scores], atol=1e-6)
    assert grown * 1024 < LIMIT


def kinds() -> Iterator[tuple[str, bytes]]:
    """The same picture in ways of writing it that a browser would show."""
    colour = picture(2)
    yield "JPEG", encoded(colour, quality=95)
    yield "progressive JPEG", encoded(colour, quality=95, progressive=True)
    yield "PNG", encoded(colour, "PNG")
    opaque = colour.copy()
    opaque.putalpha(255)
    yield "PNG with alpha", encoded(opaque, "PNG")
    yield "CMYK JPEG", encoded(colour.convert("CMYK"), quality=95)
    yield "PNG with a palette", encoded(colour.quantize(256), "PNG")


@pytest.mark.compat
@pytest.mark.parametrize(("name", "coded"), [*kinds()])
def test_pictures_of_all_formats_are_decoded_alike(
    signatures: dict, name: str, coded: bytes
) -> None:
    _, (exact, scores), valid = classify(
        signatures, [encoded(picture(2), "PNG"), coded]
    )
    assert valid.all()
    np.testing.assert_allclose(scores, exact, atol=0.05)


@pytest.mark.compat
def test_grey_and_sixteen_bits_are_decoded_alike(signatures: dict) -> None:
    grey = picture(2).convert("L")
    deep = Image.fromarray(np.asarray(grey, np.uint16) * 257)
    coded = [encoded(grey.convert("RGB"), "PNG"), encoded(grey, "PNG")]
    coded += [encoded(deep, "PNG"), encoded(grey, quality=98)]
    _, scores, valid = classify(signatures, coded)
    assert valid.all()
    np.testing.assert_allclose(scores[1:3], scores[[0, 0]], atol=1e-6)
    np.testing.assert_allclose(scores[3], scores[0], atol=0.05)


def spoilt(count: int) -> Iterator[bytes]:
    """Pictures with bits turned round, bytes left out or cut off; other formats."""
    rng = np.random.default_rng(0)
    formats = [("JPEG", {}), ("PNG", {}), ("JPEG", {"progressive": True}), ("GIF", {})]
    for number in range(count):
        kind, options = formats[number % len(formats)]
        coded = bytearray(encoded(picture(number % 7), kind, **options))
        places = rng.integers(0, len(coded), 1 + number % 12)
        if number % 3 == 0:
            coded = coded[: places[0]]
        elif number % 3 == 1:
            for place in places:
                coded[place] ^= 1 << int(rng.integers(8))
        else:
            coded[: places[0] % 64] = rng.bytes(int(places[-1]) % 64)
        yield bytes(coded)


def test_five_hundred_damaged_pictures_do_not_affect_the_others(
    signatures: dict,
) -> None:
    good = [encoded(picture(20)), encoded(picture(21), "PNG")]
    _, exact, _ = classify(signatures, good)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    bad, refused = [*spoilt(500)], 0
    for start in range(0, len(bad), 50):
        mixed = [each for one in bad[start : start + 50] for each in (*good, one)]
        classes, scores, valid = classify(signatures, mixed)
        np.testing.assert_allclose(scores[0::3], np.repeat(exact[:1], 50, 0), atol=1e-6)
        np.testing.assert_allclose(scores[1::3], np.repeat(exact[1:], 50, 0), atol=1e-6)
        assert valid[0::3].all()
        assert valid[1::3].all()
        assert ((classes[2::3, 0] == b"") == ~valid[2::3]).all()
        refused += int((~valid).sum())
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert 200 < refused < 500  # some survive a bit turned round
    assert grown * 1024 < LIMIT
