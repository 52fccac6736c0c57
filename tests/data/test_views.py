"""Views: what of a picture the network sees."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_alexnet.data import views


def encoded(height: int, width: int, form: str = "PNG", mode: str = "RGB") -> bytes:
    """A picture whose red grows to the right and whose green grows downwards."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)[None, :]
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    with io.BytesIO() as file:
        Image.fromarray(pixels).convert(mode).save(file, form, quality=95)
        return file.getvalue()


@pytest.mark.parametrize(("size", "bordered"), [(224, 256), (160, 183), (96, 110)])
def test_the_border_keeps_the_papers_proportion(size: int, bordered: int) -> None:
    assert views.bordered_size(size) == bordered


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP"])
@pytest.mark.parametrize(("height", "width"), [(300, 400), (900, 300), (40, 90)])
def test_the_shorter_side_is_scaled(form: str, height: int, width: int) -> None:
    pixels = views.decode(tf.constant(encoded(height, width, form)), 110)
    assert pixels.dtype == tf.uint8
    assert min(pixels.shape[:2]) == 110
    assert max(pixels.shape[:2]) == round(110 * max(height, width) / min(height, width))


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_colours_become_rgb(mode: str) -> None:
    pixels = views.decode(tf.constant(encoded(120, 120, "JPEG", mode)), 110)
    assert pixels.shape == (110, 110, 3)


def test_scaling_is_that_of_pillow() -> None:
    # Two implementations of the same triangle filter, a grey level apart.
    rng = np.random.default_rng(0)
    blocks = np.kron(rng.integers(0, 256, (20, 30, 3)), np.ones((16, 16, 1)))
    picture = Image.fromarray(blocks.astype(np.uint8))
    with io.BytesIO() as file:
        picture.save(file, "PNG")
        ours = views.decode(tf.constant(file.getvalue()), 110).numpy().astype(int)
    theirs = np.asarray(picture.resize((165, 110), Image.Resampling.BILINEAR), int)
    assert np.abs(ours - theirs).max() <= 1


def test_the_centre_view_is_central() -> None:
    view = views.centre_view(tf.constant(encoded(256, 512)), 224).numpy().astype(int)
    assert view.shape == (224, 224, 3)
    # 224 of 512 columns from the 144th on, 224 of 256 rows from the 16th on.
    red, green = view[0, :, 0], view[:, 0, 1]
    assert abs(red[0] - 255 * 144 / 511) <= 1
    assert abs(red[-1] - 255 * 367 / 511) <= 1
    assert abs(green[0] - 255 * 16 / 255) <= 1
    assert abs(green[-1] - 255 * 239 / 255) <= 1


def test_decoded_pictures_give_the_same_central_view() -> None:
    image = encoded(200, 300)
    pixels = tf.io.decode_png(image, channels=3)
    np.testing.assert_array_equal(
        views.centre_views(pixels[None], 64)[0], views.centre_view(image, 64)
    )


def test_training_views_go_everywhere_and_are_mirrored_half_of_the_time() -> None:
    image = tf.constant(encoded(256, 256))
    seen = tf.function(lambda i: views.training_view(image, 224, tf.stack([7, i])))
    places, mirrored = [], 0
    for index in range(400):
        view = seen(tf.constant(index)).numpy().astype(int)
        mirrored += view[0, 0, 0] > view[0, -1, 0]
        places.append((min(view[0, 0, 0], view[0, -1, 0]), view[0, 0, 1]))
    assert 150 <= mirrored <= 250  # 5 standard deviations of 400 throws
    for offsets in zip(*places, strict=True):
        assert set(offsets) <= set(range(33))
        assert {0, 32} <= set(offsets)
        assert len(set(offsets)) >= 30


def test_a_training_view_is_a_function_of_its_seed() -> None:
    image = tf.constant(encoded(120, 160, "JPEG"))
    first, again, other = (
        views.training_view(image, 64, tf.constant([1, n])) for n in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
