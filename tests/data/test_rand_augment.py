"""RandAugment's operations against Pillow's, and which of them a picture gets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps
from scipy import stats

from keras_alexnet.data.rand_augment import OPERATIONS, Choice, RandAugment

SIDE = 64
GREY = (128, 128, 128)
Theirs = Callable[[Image.Image, float], Image.Image]


def pictures() -> dict[str, np.ndarray]:
    """A picture that is smooth, one of noise, a dark one of few values, one colour."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    waves = [np.sin(7 * x + 2 * y), np.cos(5 * y), np.sin(9 * x * y)]
    one = np.full((SIDE, SIDE, 3), (10, 200, 90), np.uint8)
    return {
        "smooth": (127 + 110 * np.stack(waves, axis=2)).astype(np.uint8),
        "noise": rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8),
        "dark": rng.integers(7, 12, (SIDE, SIDE, 3), dtype=np.uint8),
        "one colour": one,
    }


def enhanced(enhance: type) -> Theirs:
    return lambda image, level: enhance(image).enhance(
        float(np.float32(1 + 0.9 * level))
    )


ENHANCED = ("colour", "contrast", "brightness", "sharpness")
# Ranges are those of `_augmentation_space` in torchvision's RandAugment.
COLOURS: dict[str, Theirs] = {
    "identity": lambda image, level: image,
    "auto_contrast": lambda image, level: ImageOps.autocontrast(image),
    "equalize": lambda image, level: ImageOps.equalize(image),
    "solarize": lambda image, level: ImageOps.solarize(image, 255 * (1 - abs(level))),
    "posterize": lambda image, level: ImageOps.posterize(
        image, 8 - round(4 * abs(level))
    ),
    "colour": enhanced(ImageEnhance.Color),
    "contrast": enhanced(ImageEnhance.Contrast),
    "brightness": enhanced(ImageEnhance.Brightness),
    "sharpness": enhanced(ImageEnhance.Sharpness),
}


def affine(*matrix: Callable[[float], float] | float) -> Theirs:
    def moved(image: Image.Image, level: float) -> Image.Image:
        data = [each(level) if callable(each) else each for each in matrix]
        how = Image.Transform.AFFINE, data, Image.Resampling.BILINEAR
        return image.transform(image.size, *how, fillcolor=GREY)

    return moved


SHAPES: dict[str, Theirs] = {
    "shear_x": affine(1, lambda level: 0.3 * level, 0, 0, 1, 0),
    "shear_y": affine(1, 0, 0, lambda level: 0.3 * level, 1, 0),
    "translate_x": affine(1, 0, lambda level: 150 / 331 * SIDE * level, 0, 1, 0),
    "translate_y": affine(1, 0, 0, 0, 1, lambda level: 150 / 331 * SIDE * level),
    "rotate": lambda image, level: image.rotate(
        30 * level, Image.Resampling.BILINEAR, fillcolor=GREY
    ),
}


def test_each_operation_is_compared() -> None:
    assert OPERATIONS.keys() == COLOURS.keys() | SHAPES.keys()
    assert len(OPERATIONS) == 14


@pytest.mark.compat
@pytest.mark.parametrize("level", [-1.0, -0.3, 0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("name", COLOURS)
def test_operations_on_colours_are_pillows_to_the_bit(name: str, level: float) -> None:
    for pixels in pictures().values():
        theirs = np.asarray(COLOURS[name](Image.fromarray(pixels), level))
        ours = OPERATIONS[name](tf.constant(pixels), tf.constant(level)).numpy()
        assert ours.dtype == np.uint8
        apart = np.abs(ours.astype(int) - theirs)
        # Pillow's products are of doubles in places: some round to another number.
        assert apart.max() <= (1 if name in ENHANCED else 0)
        assert (apart > 0).mean() < 0.01


@pytest.mark.compat
@pytest.mark.parametrize("level", [-1.0, -0.35, 0.0, 0.2, 1.0])
@pytest.mark.parametrize("name", SHAPES)
def test_operations_on_shapes_are_pillows_away_from_the_borders(
    name: str, level: float
) -> None:
    """At the borders Pillow takes the nearest pixel, TensorFlow half of the grey."""
    pixels = pictures()["smooth"]
    theirs = SHAPES[name](Image.fromarray(pixels), level)
    inner = np.zeros((SIDE, SIDE), np.uint8)
    inner[2:-2, 2:-2] = 255
    moved = SHAPES[name](Image.fromarray(np.dstack([inner] * 3)), level)
    inside = (np.asarray(moved) == 255).all(axis=2)
    ours = OPERATIONS[name](tf.constant(pixels), tf.constant(level)).numpy()
    apart = np.abs(ours.astype(int) - np.asarray(theirs)).max(axis=2)
    assert inside.mean() > 0.3
    assert apart[inside].max() <= 1
    outside = SHAPES[name](Image.fromarray(np.full_like(pixels, 255)), level)
    outside = (np.asarray(outside) == 128).all(axis=2)
    far = outside & np.roll(outside, 2, 0) & np.roll(outside, -2, 0)
    far &= np.roll(outside, 2, 1) & np.roll(outside, -2, 1)
    assert (ours[far] == 128).all()


@pytest.mark.compat
def test_each_picture_gets_any_operations_in_either_direction() -> None:
    augment = RandAugment(2, 9)
    draws = augment.draws(1).take(4000).batch(4000)
    ((operations, signs),) = draws.as_numpy_iterator()
    for column in operations.T:
        counts = np.bincount(column, minlength=14)
        assert len(counts) == 14
        assert stats.chisquare(counts).pvalue > 0.01
    assert np.abs(signs.mean(0)).max() < 0.08
    assert abs(np.corrcoef(operations.T)[0, 1]) < 0.08
    later = augment.draws(1, start=1500).take(100).batch(100)
    (again,) = later.as_numpy_iterator()
    np.testing.assert_array_equal(again.operations, operations[1500:1600])
    np.testing.assert_array_equal(again.signs, signs[1500:1600])


@pytest.mark.compat
def test_operations_follow_one_another() -> None:
    names = list(OPERATIONS)
    pixels = pictures()["smooth"]
    which = [names.index("rotate"), names.index("solarize")]
    choice = Choice(tf.constant(which), tf.constant([-1.0, 1.0]))
    ours = RandAugment(2, 15)(tf.constant(pixels), choice)
    rotated = OPERATIONS["rotate"](tf.constant(pixels), tf.constant(-0.5))
    expected = OPERATIONS["solarize"](rotated, tf.constant(0.5))
    np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize(
    ("given", "name"),
    [((0, 9.0), "count"), ((2, 31.0), "strength"), ((2, float("nan")), "strength")],
)
def test_values_out_of_range_are_named(given: tuple, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be .*Received: {name}="):
        RandAugment(*given)
