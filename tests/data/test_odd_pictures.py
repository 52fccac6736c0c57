"""Unusual pictures: each is decoded, or refused in one line."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from squares import encoded

from keras_alexnet.data.decoding import MOST_PIXELS, decode, decode_window
from keras_alexnet.data.unreadable import first_unreadable
from keras_alexnet.data.views import Views

RED = np.full((40, 60, 3), (200, 30, 10), np.uint8)


def picture(mode: str, form: str, **options: object) -> bytes:
    with io.BytesIO() as file:
        Image.fromarray(RED).convert(mode).save(file, form, **options)
        return file.getvalue()


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn me to the right"
    return picture("RGB", "JPEG", exif=exif, quality=95)


def see_through() -> bytes:
    rgba = np.dstack([RED, np.zeros((40, 60), np.uint8)])
    return encoded(rgba)


def sixteen_bits() -> bytes:
    deep = np.full((40, 60, 3), (10, 30, 200), np.uint16) * 256 + 255  # B, G, R
    return cv2.imencode(".png", deep)[1].tobytes()


SEEN = {
    "grey JPEG": (picture("L", "JPEG"), (79, 79, 79)),  # ITU-R 601 luma
    "CMYK JPEG": (picture("CMYK", "JPEG", quality=95), (200, 30, 10)),
    "grey PNG": (picture("L", "PNG"), (79, 79, 79)),
    "16-bit PNG": (sixteen_bits(), (200, 30, 10)),
    "palette PNG": (picture("P", "PNG"), None),
    "PNG with alpha": (see_through(), (200, 30, 10)),
    "GIF": (picture("P", "GIF"), None),
    "BMP": (picture("RGB", "BMP"), (200, 30, 10)),
    "JPEG with EXIF orientation": (rotated(), (200, 30, 10)),
    "progressive JPEG": (picture("RGB", "JPEG", progressive=True), (200, 30, 10)),
    "WebP": (picture("RGB", "WEBP", quality=95), (200, 30, 10)),
}


@pytest.mark.compat
@pytest.mark.parametrize("kind", SEEN)
def test_decodable_pictures_become_rgb(kind: str) -> None:
    image, colour = SEEN[kind]
    pixels = decode(tf.constant(image)).numpy()
    assert pixels.shape == (40, 60, 3)
    if colour is None:  # Pillow's palette, whatever it is
        colour = np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))[0, 0]
    assert np.abs(pixels[20, 30].astype(int) - colour).max() <= 4


def webp(**options: object) -> bytes:
    rng = np.random.default_rng(1)
    # The eighth channel is for animations: a second frame.
    pixels = np.kron(rng.integers(0, 256, (6, 9, 4)), np.ones((9, 8, 1))).astype("u1")
    alpha = options.pop("alpha", False)
    frames = [Image.fromarray(pixels[..., : 4 if alpha else 3])]
    if options.get("save_all"):
        options["append_images"] = [Image.fromarray(pixels[::-1, :, :3])]
    with io.BytesIO() as file:
        frames[0].save(file, "WEBP", **options)
        return file.getvalue()


WEBP = {
    "with loss": webp(quality=80),
    "without": webp(lossless=True),
    "alpha": webp(alpha=True, lossless=True, exact=True),
    "alpha, with loss": webp(alpha=True, quality=80),
    "animated": webp(save_all=True, lossless=True),
}


@pytest.mark.compat
@pytest.mark.parametrize("kind", WEBP)
def test_webp_is_read_as_by_pillow(kind: str) -> None:
    image = WEBP[kind]
    with Image.open(io.BytesIO(image)) as opened:
        expected = np.asarray(opened.convert("RGB"))
    np.testing.assert_array_equal(decode(tf.constant(image)), expected)
    stream = tf.data.Dataset.from_tensors(image)

    def whole(size: tf.Tensor) -> tf.Tensor:
        return tf.concat([tf.zeros_like(size), size], axis=0)

    for each in (decode, lambda encoded: decode_window(encoded, whole, 8)):
        (found,) = stream.map(each, num_parallel_calls=2)
        np.testing.assert_array_equal(found, expected)


def test_no_graph_that_is_saved_calls_python(tmp_path: Path) -> None:
    module = tf.Module()
    module.decode = tf.function(decode, input_signature=[tf.TensorSpec([], tf.string)])
    tf.saved_model.save(module, str(tmp_path))
    saved = (tmp_path / "saved_model.pb").read_bytes()
    assert b"DecodeImage" in saved
    assert b"PyFunc" not in saved
    image = picture("RGB", "PNG")
    loaded = tf.saved_model.load(str(tmp_path)).decode(tf.constant(image))
    np.testing.assert_array_equal(loaded, RED)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 10_000), (10_000, 1), (3, 5), (4000, 900)]
)
def test_any_shape_has_its_views(height: int, width: int, form: str) -> None:
    image = tf.constant(encoded(np.full((height, width, 3), 90, np.uint8), form))
    place = tf.constant([0.99, 0.99])
    seen = Views(64)
    for view in (seen.centre(image), seen.training(image, place, tf.constant(True))):
        assert view.shape == (64, 64, 3)
        assert np.abs(view.numpy().astype(int) - 90).max() <= 1


def chunk(kind: bytes, content: bytes) -> bytes:
    sealed = kind + content
    return (
        struct.pack(">I", len(content)) + sealed + struct.pack(">I", zlib.crc32(sealed))
    )


def png_of(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def jpeg_of(width: int, height: int) -> bytes:
    image = bytearray(picture("RGB", "JPEG"))
    frame = image.index(b"\xff\xc0")
    image[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(image)


def gif_of(width: int, height: int) -> bytes:
    image = bytearray(picture("P", "GIF"))
    image[6:10] = struct.pack("<HH", width, height)
    return bytes(image)


def bmp_of(width: int, height: int) -> bytes:
    image = bytearray(picture("RGB", "BMP"))
    image[18:26] = struct.pack("<ii", width, height)
    return bytes(image)


def webp_of(width: int, height: int) -> bytes:
    """Without loss: after a sign, 14 bits of width - 1 and 14 of height - 1."""
    image = bytearray(picture("RGB", "WEBP", lossless=True))
    image[21:25] = struct.pack("<I", (width - 1) | (height - 1) << 14)
    return bytes(image)


TOO_LARGE = f"at most {MOST_PIXELS} pixels; its header says"
REFUSED = {
    "PNG of 20000×20000": (png_of(20_000, 20_000), TOO_LARGE),
    "PNG of 2³¹ by 2³¹": (png_of(2**31 - 1, 2**31 - 1), TOO_LARGE),
    "JPEG of 65500×65500": (jpeg_of(65_500, 65_500), TOO_LARGE),
    "JPEG just above": (jpeg_of(9_460, 9_460), TOO_LARGE),
    "GIF of 65500×65500": (gif_of(65_500, 65_500), TOO_LARGE),
    "BMP of 10⁶×10⁶": (bmp_of(10**6, 10**6), "must be less than"),
    "BMP of more than it holds": (bmp_of(9_000, 9_000), "Input size should match"),
    "WebP of 16383×16383": (webp_of(16_383, 16_383), "exceeds limit of"),
    "truncated WebP": (picture("RGB", "WEBP")[:60], ""),
    "WebP's first bytes": (b"RIFF\xff\xff\0\0WEBP", "none of JPEG"),
    "TIFF": (picture("RGB", "TIFF"), "TIFF, not JPEG, PNG, GIF, BMP or WebP: convert"),
    "AVIF": (b"\0\0\0\x20ftypavif" + bytes(8), "AVIF, not JPEG"),
    "truncated JPEG": (picture("RGB", "JPEG")[:400], "Invalid JPEG data"),
    "truncated PNG": (encoded(RED)[:60], "Invalid PNG"),
    "PNG's first bytes": (b"\x89PNG\r\n\x1a\n", "Invalid PNG"),
    "JPEG's first bytes": (b"\xff\xd8\xff", "Invalid JPEG data"),
    "nothing": (b"", "Input is empty"),
    "text": (b"a cat, I think", "(no picture)"),
}


@pytest.mark.compat
@pytest.mark.parametrize("kind", REFUSED)
def test_undecodable_pictures_are_named_in_one_line(kind: str) -> None:
    image, reason = REFUSED[kind]
    example = {"name": f"{kind}.jpg", "image": image}
    tried = tf.data.Dataset.from_tensors(example)
    message = first_unreadable(tried)
    assert message is not None
    assert message.startswith(f"{f'{kind}.jpg'!r} (")
    assert reason in message
    assert "\n" not in message
    assert len(message) < 300


@pytest.mark.parametrize(
    "kind", ["JPEG of 65500×65500", "PNG of 20000×20000", "WebP of 16383×16383"]
)
def test_no_memory_is_allocated_for_what_a_header_announces(kind: str) -> None:
    image = tf.constant(REFUSED[kind][0])
    before = peak_megabytes()
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"at most|exceeds"):
        tf.function(lambda: Views(64).centre(image))()
    assert peak_megabytes() - before < 100  # Decoded, they would be 1.2 to 13 GB.


def peak_megabytes() -> float:
    (line,) = (
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    return int(line.split()[1]) / 1024
