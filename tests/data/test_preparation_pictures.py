"""One picture: decoding and scaling."""

from __future__ import annotations

import io
import math
import pickle
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, features

from keras_alexnet.data.preparation.pixel_worker import pictures as pixel_worker
from keras_alexnet.data.preparation.pixel_worker.pictures import (
    Unreadable,
    area_average,
    central_square,
    decode,
    encode,
    stored_pixels,
)
from keras_alexnet.data.preparation.pixel_worker.serve import serve


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def smooth(height: int, width: int) -> Image.Image:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)[None, :]
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    pixels[..., 2] = 90
    return Image.fromarray(pixels)


def encoded(picture: Image.Image, form: str, **options: object) -> bytes:
    with io.BytesIO() as file:
        picture.save(file, form, **options)
        return file.getvalue()


@pytest.mark.compat
@pytest.mark.parametrize("ratio", [1, 2, 3, 7])
def test_whole_ratios_are_means_of_blocks(ratio: int) -> None:
    pixels = noise(8 * ratio, 8 * ratio, 3)
    means = pixels.reshape(8, ratio, 8, ratio, 3).mean((1, 3))
    expected = np.floor(means + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(area_average(pixels, 8), expected)


def test_other_ratios_weigh_by_area_exactly() -> None:
    side, size = 11, 4
    pixels = noise(side, side, 3)
    averaged, ratio = area_average(pixels, size), Fraction(side, size)
    for row, column in np.ndindex(size, size):
        total = [Fraction(0)] * 3
        for y, x in np.ndindex(side, side):
            area = covered(row, y, ratio) * covered(column, x, ratio)
            total = [
                t + area * int(p) for t, p in zip(total, pixels[y, x], strict=True)
            ]
        expected = [math.floor(t / ratio**2 + Fraction(1, 2)) for t in total]
        assert averaged[row, column].tolist() == expected


def covered(cell: int, pixel: int, ratio: Fraction) -> Fraction:
    start, end = max(cell * ratio, pixel), min((cell + 1) * ratio, pixel + 1)
    return max(Fraction(0), Fraction(end) - start)


@pytest.mark.compat
@pytest.mark.parametrize("side", [65, 100, 127, 391])
def test_shrinking_is_tensorflows_area_resize(side: int) -> None:
    pixels = noise(side, side, 3)
    theirs = tf.compat.v1.image.resize_area(pixels[None], (64, 64))[0].numpy()
    assert np.abs(area_average(pixels, 64) - theirs).max() <= 0.501


def test_enlarging_is_cubic() -> None:
    pixels = noise(20, 20, 3) // 2 + 64
    ours = central_square(Image.fromarray(pixels), 64).astype(float)
    theirs = tf.image.resize(pixels, (64, 64), "bicubic").numpy()
    assert np.abs(ours - theirs)[8:-8, 8:-8].max() <= 1.5  # Borders differ.


@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 129), (101, 64)])
def test_a_shorter_side_of_the_size_is_only_cropped(height: int, width: int) -> None:
    pixels = noise(height, width, 3)
    top, left = (height - 64) // 2, (width - 64) // 2
    np.testing.assert_array_equal(
        central_square(Image.fromarray(pixels), 64),
        pixels[top : top + 64, left : left + 64],
    )


@pytest.mark.parametrize(("height", "width"), [(300, 500), (500, 300), (30, 50)])
def test_the_square_is_central(height: int, width: int) -> None:
    square = central_square(smooth(height, width), 64).astype(int)
    side = min(height, width)
    for axis, (length, line) in enumerate(
        ((height, square[:, 32, 1]), (width, square[32, :, 0]))
    ):
        middle = 255 * (length // 2) / length
        assert abs(line.mean() - middle) <= 2, axis
        assert abs(np.ptp(line) - 255 * side / length) <= 8, axis


@pytest.mark.parametrize(
    ("height", "width"), [(1, 10_000), (10_000, 1), (1, 1), (3, 10_000)]
)
def test_thin_pictures_are_read(height: int, width: int) -> None:
    picture = Image.new("RGB", (width, height), (10, 200, 30))
    square = central_square(decode(encoded(picture, "PNG")), 64)
    assert square.shape == (64, 64, 3)
    assert (square == [10, 200, 30]).all()


def transparent_palette() -> bytes:
    picture = smooth(40, 50).quantize(16)
    return encoded(picture, "PNG", transparency=bytes([0, 128] * 8))


def sixteen_bits() -> bytes:
    grey = np.linspace(0, 65535, 40 * 50).reshape(40, 50).astype(np.uint16)
    return encoded(Image.fromarray(grey), "PNG")


def with_alpha(mode: str) -> bytes:
    picture = smooth(40, 50).convert(mode)
    picture.putalpha(Image.fromarray(noise(40, 50)))
    return encoded(picture, "PNG")


def animation() -> bytes:
    frames = [Image.new("RGB", (50, 40), colour) for colour in ("teal", "red")]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: to be turned by 90 degrees.
    return encoded(smooth(40, 50), "JPEG", exif=exif, quality=95)


ODD = {
    "grey JPEG": lambda: encoded(smooth(40, 50).convert("L"), "JPEG"),
    "CMYK JPEG": lambda: encoded(smooth(40, 50).convert("CMYK"), "JPEG", quality=95),
    "one bit": lambda: encoded(smooth(40, 50).convert("1"), "PNG"),
    "16 bits": sixteen_bits,
    "palette": lambda: encoded(smooth(40, 50).quantize(16), "PNG"),
    "palette with transparency": transparent_palette,
    "grey with alpha": lambda: with_alpha("L"),
    "colour with alpha": lambda: with_alpha("RGB"),
    "animation": animation,
    "BMP": lambda: encoded(smooth(40, 50), "BMP"),
    "EXIF orientation": turned,
}


@pytest.mark.compat
@pytest.mark.parametrize("kind", ODD)
def test_odd_pictures_are_decoded_as_by_tensorflow(kind: str) -> None:
    content = ODD[kind]()
    theirs = tf.io.decode_image(content, 3, expand_animations=False).numpy()
    ours = np.asarray(decode(content))
    assert ours.shape == theirs.shape == (40, 50, 3)
    # Decoders of JPEG may differ by a little; all else must not.
    allowed = 6 if content.startswith(b"\xff\xd8") else 0
    assert np.abs(ours.astype(int) - theirs).max() <= allowed


def test_webp_is_read_and_suffixes_are_ignored(tmp_path: Path) -> None:
    pixels = noise(40, 50, 3)
    path = tmp_path / "picture.JPEG"
    for form in ("WEBP", "PNG"):
        path.write_bytes(encoded(Image.fromarray(pixels), form, lossless=True))
        np.testing.assert_array_equal(np.asarray(decode(str(path))), pixels)


TIFF = {
    "compressed": lambda: encoded(smooth(40, 50), "TIFF", compression="tiff_lzw"),
    "CMYK": lambda: encoded(smooth(40, 50).convert("CMYK"), "TIFF"),
    "palette": lambda: encoded(smooth(40, 50).quantize(16), "TIFF"),
    "pages": lambda: encoded(
        smooth(40, 50), "TIFF", save_all=True, append_images=[smooth(20, 20)]
    ),
}


@pytest.mark.compat
@pytest.mark.parametrize("kind", TIFF)
def test_tiff_is_read_as_by_opencv(kind: str) -> None:
    content = TIFF[kind]()
    theirs = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    difference = np.asarray(decode(content)).astype(int) - theirs[..., ::-1]
    assert np.abs(difference).max() <= 1


def test_alpha_of_a_tiff_is_dropped() -> None:
    picture = smooth(40, 50)
    picture.putalpha(Image.fromarray(noise(40, 50)))
    ours = np.asarray(decode(encoded(picture, "TIFF")))
    np.testing.assert_array_equal(ours, np.asarray(smooth(40, 50)))


@pytest.mark.compat
def test_16_bits_of_a_tiff_keep_their_upper_8() -> None:
    grey = np.linspace(0, 65535, 40 * 50).reshape(40, 50).astype(np.uint16)
    ours = np.asarray(decode(encoded(Image.fromarray(grey), "TIFF")))
    np.testing.assert_array_equal(ours, np.repeat((grey >> 8)[..., None], 3, axis=2))


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_measurements_are_no_photos(kind: type) -> None:
    grey = np.full((40, 50), 70_000, kind)
    with pytest.raises(Unreadable, match="which is no photo"):
        decode(encoded(Image.fromarray(grey), "TIFF"))


@pytest.mark.compat
def test_avif_is_read_where_pillow_reads_it_and_else_what_it_needs_is_said() -> None:
    picture = smooth(40, 50)
    if "avif" in features.modules and features.check("avif"):
        content = encoded(picture, "AVIF", quality=100, subsampling="4:4:4")
        difference = np.asarray(decode(content)).astype(int) - np.asarray(picture)
        assert np.abs(difference).max() <= 8
    else:
        with pytest.raises(Unreadable, match=r"AVIF, which needs Pillow 11.3"):
            decode(b"\0\0\0\x20ftypavif" + bytes(20))


def test_heic_needs_a_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    without = tuple(name for name in pixel_worker.FORMATS if name != "HEIF")
    monkeypatch.setattr(pixel_worker, "FORMATS", without)
    with pytest.raises(Unreadable, match="HEIC, which needs the package pillow-heif"):
        decode(b"\0\0\0\x18ftypheic" + bytes(20))


def test_what_is_stored_is_read_back() -> None:
    pixels = central_square(smooth(90, 120), 64)
    np.testing.assert_array_equal(stored_pixels(encode(pixels, None), 64, None), pixels)
    jpeg = encode(pixels, 95)
    with Image.open(io.BytesIO(jpeg)) as picture:
        assert picture.format == "JPEG"
        np.testing.assert_array_equal(stored_pixels(jpeg, 64, 95), np.asarray(picture))
    assert len(encode(pixels, 50)) < len(jpeg)


def test_a_worker_ends_when_a_pipe_is_closed() -> None:
    settings, block = pickle.dumps((8, 95)), pickle.dumps(([b""], True))
    answers = io.BytesIO()
    serve(io.BytesIO(settings + block), answers)
    succeeded, (prepared, sums) = pickle.loads(answers.getvalue())
    assert (succeeded, prepared) == (True, ["empty"])
    assert not sums[0].any()
    serve(io.BytesIO(settings + 2 * block), Closed())


class Closed(io.BytesIO):
    def write(self, content: object) -> int:
        raise BrokenPipeError
