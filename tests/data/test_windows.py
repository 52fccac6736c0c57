"""The crop `"resized"`: windows of random shape and place, scaled to a square."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from squares import encoded

from keras_alexnet.data.augmentation import Window, draws, window_box, window_draws
from keras_alexnet.data.views import Views

MANY = 20_000


def drawn(count: int, *arguments: object) -> tuple[np.ndarray, np.ndarray]:
    """Areas and aspect ratios of a number of positions."""
    batches = window_draws(*arguments).take(count).batch(count)
    (batch,) = batches.as_numpy_iterator()
    return tuple(batch)


def uneven(sample: np.ndarray) -> float:
    """Kolmogorov's distance of a sample from the uniform distribution, by sqrt(n)."""
    steps = (np.arange(len(sample)) + 0.5) / len(sample)
    return np.abs(np.sort(sample) - steps).max() * np.sqrt(len(sample))


@pytest.mark.parametrize("crop_area", [0.08, 0.25, 1.0])
def test_area_is_uniform_and_aspect_log_uniform(crop_area: float) -> None:
    area, aspect = drawn(MANY, 1, 0, 1, crop_area)
    assert crop_area * 0.999999 <= area.min() <= area.max() <= 1
    assert 0.749999 <= aspect.min() <= aspect.max() <= 1.333334
    if crop_area < 1:
        assert uneven((area - crop_area) / (1 - crop_area)) < 1.63  # one in a hundred
    assert uneven(np.log(aspect * 4 / 3) / np.log(16 / 9)) < 1.63


def test_windows_are_independent_of_other_draws() -> None:
    (others,) = draws(1).take(MANY).batch(MANY).as_numpy_iterator()
    place, mirrored, noise = others
    rows = [*drawn(MANY, 1), *place.T, mirrored, *noise.T]
    related = np.corrcoef(np.stack(rows)) - np.eye(8)
    assert np.abs(related[:2]).max() < 4 / np.sqrt(MANY)
    following = np.corrcoef(np.stack(rows)[:2, :-1], np.stack(rows)[:, 1:])[:2, 2:]
    assert np.abs(following).max() < 4 / np.sqrt(MANY)
    assert not (drawn(50, 1)[0] == drawn(50, 2)[0]).any()


@pytest.mark.compat
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((1, 0), (0.273088, 0.892211)),
        ((1, 1500), (0.652050, 0.762106)),
        ((5, 2500, 32), (0.609978, 1.171255)),
    ],
)
def test_windows_stay_those_of_published_runs(
    arguments: tuple, expected: tuple
) -> None:
    np.testing.assert_allclose(np.concatenate(drawn(1, *arguments)), expected, 1e-5)


@pytest.mark.compat
@pytest.mark.parametrize("crop_chunk", [1, 32, 3000])
@pytest.mark.parametrize("start", [1, 1023, 2500])
def test_windows_are_a_function_of_the_position(crop_chunk: int, start: int) -> None:
    whole = drawn(2600, 5, 0, crop_chunk)
    later = drawn(100, 5, start, crop_chunk)
    np.testing.assert_array_equal(np.stack(whole)[:, start : start + 100], later)
    chunks = np.arange(2600) // crop_chunk
    np.testing.assert_array_equal(whole, np.stack(whole)[:, chunks * crop_chunk])
    assert len(np.unique(whole, axis=1).T) == chunks[-1] + 1


@pytest.mark.parametrize(("height", "width"), [(375, 500), (500, 333), (256, 256)])
def test_a_window_has_the_shape_that_was_drawn(height: int, width: int) -> None:
    places = np.random.default_rng(0).random((200, 2), np.float32)
    for area, aspect, place in zip(*drawn(200, 7, 0, 1, 0.25), places, strict=True):
        window = Window(tf.constant(area), tf.constant(aspect))
        where = window_box(tf.constant([height, width]), window, tf.constant(place))
        top, left, tall, wide = where.numpy()
        pixels = float(area) * height * width
        assert abs(tall - min(np.sqrt(pixels / aspect), height)) < 0.501
        assert abs(wide - min(np.sqrt(pixels * aspect), width)) < 0.501
        # All places where the window fits are equally likely.
        assert top == int(place[0] * (height - tall + 1)) <= height - tall
        assert left == int(place[1] * (width - wide + 1)) <= width - wide


def test_the_expected_fraction_of_windows_is_clipped() -> None:
    # Of a square: where area · max(aspect, 1 / aspect) > 1. With L = log(4/3), that
    # is (1 − (1 − 3/4) / L) / (1 − 0.25) of them.
    area, aspect = drawn(MANY, 3)
    expected = (1 - 0.25 / np.log(4 / 3)) / 0.75
    clipped = (area * np.maximum(aspect, 1 / aspect) > 1).mean()
    assert abs(clipped - expected) < 3 * np.sqrt(expected * (1 - expected) / MANY)


def smooth(height: int, width: int) -> np.ndarray:
    """Waves longer than the picture, in other directions for each colour."""
    rows, columns = np.mgrid[:height, :width]
    down, right = rows[..., None] / height, columns[..., None] / width
    waves = np.sin(2 * (down * [1, -1, 0.3] + right * [0.5, 1, 1]) + [0, 1, 2])
    return np.rint(127.5 + 120 * waves).astype(np.uint8)


def pillows(pixels: np.ndarray, box: tuple[int, ...], side: int) -> np.ndarray:
    """The window at (top, left, height, width), cut and scaled by Pillow."""
    top, left, height, width = box
    window = Image.fromarray(pixels[top : top + height, left : left + width])
    return np.asarray(window.resize((side, side), Image.Resampling.BILINEAR), int)


def stored(pixels: np.ndarray, form: str) -> tf.Tensor:
    # With as many pixels for colour as for light, none of them lack neighbours.
    options = {"quality": 97, "subsampling": 0} if form == "JPEG" else {}
    image = pixels.tobytes() if form == "raw" else encoded(pixels, form, **options)
    return tf.constant(image)


@pytest.mark.compat
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("form", ["raw", "JPEG", "PNG"])
@pytest.mark.parametrize(
    ("side", "height", "width", "box"),
    [
        (80, 300, 300, (61, 43, 130, 173)),  # area 0.25, aspect 4/3
        (64, 300, 300, (0, 0, 300, 300)),  # all of it; a JPEG is shrunk to a quarter
        (96, 180, 180, (79, 100, 78, 58)),  # fewer pixels than the view
        (32, 900, 900, (112, 64, 776, 584)),  # to an eighth, whose pixels it begins at
    ],
)
def test_a_view_is_the_window_that_pillow_scales(
    side: int, height: int, width: int, box: tuple[int, ...], form: str, mirrored: bool
) -> None:
    pixels = smooth(height, width)
    size = None if form == "PNG" else height
    seen = Views(side, size, "raw" if form == "raw" else "jpeg")
    top, left, tall, wide = box
    window = Window(tf.constant(tall * wide / height / width), tf.constant(wide / tall))
    places = [(top + 0.5) / (height - tall + 1), (left + 0.5) / (width - wide + 1)]
    image = stored(pixels, form)
    view = seen.training(image, tf.constant(places), tf.constant(mirrored), window)
    if form == "JPEG":
        pixels = tf.io.decode_jpeg(image, channels=3).numpy()
    expected = pillows(pixels, box, side)
    expected = expected[:, ::-1] if mirrored else expected
    difference = np.abs(view.numpy().astype(int) - expected)
    assert view.dtype == tf.uint8
    # A JPEG's decoder is a little brighter where it shrinks than where it does not.
    assert difference.max() <= (3 if form == "JPEG" else 1)
    assert difference.mean() < (1 if form == "JPEG" else 0.1)


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpegs_window_is_that_of_the_whole_picture(
    mode: str, progressive: bool
) -> None:
    picture = Image.fromarray(smooth(333, 500)).convert(mode)
    with io.BytesIO() as file:
        picture.save(file, "JPEG", quality=95, progressive=progressive)
        image = tf.constant(file.getvalue())
    window = Window(tf.constant(0.5), tf.constant(0.8))
    view = Views(192).training(image, tf.fill([2], 0.7), tf.constant(False), window)
    box = window_box(tf.constant([333, 500]), window, tf.fill([2], 0.7)).numpy()
    expected = pillows(tf.io.decode_jpeg(image, channels=3).numpy(), box, 192)
    assert np.abs(view.numpy().astype(int) - expected).max() <= 2


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF"])
@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (1, 10_000), (10_000, 1), (3, 5), (4000, 900)]
)
def test_any_shape_has_windows(height: int, width: int, form: str) -> None:
    image = tf.constant(encoded(np.full((height, width, 3), 90, np.uint8), form))
    window = Window(tf.constant(0.08), tf.constant(4 / 3))
    for place in (0.0, 0.999999):
        view = Views(64).training(image, tf.fill([2], place), tf.constant(True), window)
        assert view.shape == (64, 64, 3)
        assert np.abs(view.numpy().astype(int) - 90).max() <= 1
