"""Views: the squares of a picture that a network reads."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from squares import encoded, located

from keras_alexnet.data import views
from keras_alexnet.data.views import Views

# The five places of the source of 2012, as (row, column), for a border of 32.
FIVE = ((0, 0), (0, 32), (16, 16), (32, 0), (32, 32))


def cut(pixels: np.ndarray, top: int, left: int, side: int) -> np.ndarray:
    return pixels[top : top + side, left : left + side]


def random_picture(height: int, width: int) -> np.ndarray:
    """Coarse blocks of random colours: JPEG and scaling keep them recognisable."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (height // 16 + 1, width // 16 + 1, 3))
    return np.kron(blocks, np.ones((16, 16, 1)))[:height, :width].astype(np.uint8)


def as_ints(tensor: tf.Tensor) -> np.ndarray:
    return np.asarray(tensor).astype(int)


@pytest.mark.parametrize(("size", "bordered"), [(224, 256), (160, 183), (96, 110)])
def test_the_border_keeps_the_papers_proportion(size: int, bordered: int) -> None:
    assert views.bordered_size(size) == bordered


@pytest.mark.parametrize(
    ("image_size", "size", "unscaled", "border"),
    [
        (224, 256, True, 32),
        (227, 256, True, 29),  # Caffe: 30×30 places
        (128, 256, False, 18),
        (112, 128, True, 16),
        (224, 128, False, 32),
        (224, None, False, 32),
    ],
)
def test_squares_near_the_size_are_cut_without_scaling(
    image_size: int, size: int | None, unscaled: bool, border: int
) -> None:
    seen = Views(image_size, size)
    assert (seen.unscaled, seen.border) == (unscaled, border)


@pytest.mark.compat
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("place", [(0.0, 0.0), (0.999999, 0.0), (0.5, 0.31)])
def test_a_training_view_is_the_expected_part(
    place: tuple[float, float], mirrored: bool
) -> None:
    image = tf.constant(located(256).tobytes())
    seen = Views(224, 256, "raw")
    view = seen.training(image, tf.constant(place), tf.constant(mirrored))
    top, left = (int(33 * each) for each in place)
    expected = cut(located(256), top, left, 224)
    np.testing.assert_array_equal(view, expected[:, ::-1] if mirrored else expected)


@pytest.mark.compat
@pytest.mark.parametrize("image_size", [224, 227])
def test_parts_of_a_jpeg_are_those_that_pillow_decodes(image_size: int) -> None:
    jpeg = encoded(random_picture(256, 256), "JPEG", quality=95)
    whole = np.asarray(Image.open(io.BytesIO(jpeg)))
    seen = Views(image_size, 256)
    for place in (0.0, 0.4, 0.999):
        view = seen.training(
            tf.constant(jpeg), tf.constant([place, 1 - place]), tf.constant(False)
        )
        spare = 256 - image_size
        top, left = (min(int(p * (spare + 1)), spare) for p in (place, 1 - place))
        difference = np.abs(as_ints(view) - cut(whole, top, left, image_size))
        assert difference[1:-1, 1:-1].max() <= 2
        # Colours at the rim lack the neighbours that were not decoded.
        assert difference.mean() < 0.5


def test_scaling_is_that_of_pillow() -> None:
    # Two implementations of the same triangle filter, a grey level apart.
    pixels = random_picture(320, 480)
    theirs = Image.fromarray(pixels).resize((165, 110), Image.Resampling.BILINEAR)
    png = tf.constant(encoded(pixels))
    for place in ((0.0, 0.0), (0.5, 0.7)):
        ours = Views(96).training(png, tf.constant(place), tf.constant(False))
        top, left = int(place[0] * 15), int(place[1] * 70)
        expected = cut(np.asarray(theirs, int), top, left, 96)
        assert np.abs(as_ints(ours) - expected).max() <= 1


@pytest.mark.parametrize("encoding", ["raw", "jpeg"])
def test_squares_of_another_size_are_scaled(encoding: str) -> None:
    pixels = random_picture(256, 256)
    if encoding == "jpeg":
        image = encoded(pixels, "JPEG", quality=95)
        pixels = np.asarray(Image.open(io.BytesIO(image)))
    else:
        image = pixels.tobytes()
    theirs = Image.fromarray(pixels).resize((146, 146), Image.Resampling.BILINEAR)
    view = Views(128, 256, encoding).centre(tf.constant(image))
    difference = as_ints(view) - cut(np.asarray(theirs, int), 9, 9, 128)
    assert np.abs(difference).max() <= (1 if encoding == "raw" else 20)
    assert np.abs(difference).mean() < 1


def test_warped_pictures_lose_their_proportions() -> None:
    pixels = random_picture(200, 400)
    theirs = Image.fromarray(pixels).resize((256, 256), Image.Resampling.BILINEAR)
    seen = Views(227, resize_size=256, warp=True)
    view = as_ints(seen.centre(tf.constant(encoded(pixels))))
    assert np.abs(view - cut(np.asarray(theirs, int), 14, 14, 227)).max() <= 1


def test_the_centre_view_is_central() -> None:
    pixels = random_picture(256, 512)
    view = Views(224).centre(tf.constant(encoded(pixels)))
    np.testing.assert_array_equal(view, cut(pixels, 16, 144, 224))


def test_decoded_pictures_give_the_same_central_view() -> None:
    pixels = random_picture(200, 300)
    view = Views(64).centre(tf.constant(encoded(pixels)))
    np.testing.assert_array_equal(Views(64).scaled_square(pixels[None], 64)[0], view)


@pytest.mark.compat
@pytest.mark.parametrize("kind", ["raw", "png"])
def test_the_ten_views_are_those_of_2012(kind: str) -> None:
    pixels = located(256) if kind == "raw" else random_picture(256, 300)
    square = pixels if kind == "raw" else pixels[:, 22:278]
    image = pixels.tobytes() if kind == "raw" else encoded(pixels)
    seen = Views(224, 256, "raw") if kind == "raw" else Views(224)
    ten = seen.ten(tf.constant(image)).numpy()
    assert ten.shape == (10, 224, 224, 3)
    for number, (top, left) in enumerate(FIVE):
        expected = cut(square, top, left, 224)
        np.testing.assert_array_equal(ten[number], expected)
        np.testing.assert_array_equal(ten[number + 5], expected[:, ::-1])
    np.testing.assert_array_equal(ten[2], seen.centre(tf.constant(image)))
