"""Random erasing against the formula of its paper in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from keras_alexnet.data.augmentation import Window
from keras_alexnet.data.erasing import Erase, Erasing

SIDE = 40


def drawn(erasing: Erasing, count: int, seed: int = 1, start: int = 0) -> Erase:
    (erase,) = erasing.draws(seed, start).take(count).batch(count).as_numpy_iterator()
    return erase


@pytest.mark.compat
def test_rectangles_have_the_papers_sizes() -> None:
    erase = drawn(Erasing(0.25), 8000)
    assert abs(erase.erased.mean() - 0.25) < 0.02
    area = stats.uniform(0.02, 0.38)
    assert stats.kstest(erase.window.area, area.cdf).pvalue > 0.01
    aspect = stats.loguniform(0.3, 1 / 0.3)
    assert stats.kstest(erase.window.aspect, aspect.cdf).pvalue > 0.01
    each = [erase.erased, erase.window.area, erase.window.aspect, *erase.place.T]
    related = np.corrcoef(np.array(each, float)) - np.eye(5)
    assert np.abs(related).max() < 5 / np.sqrt(8000)


@pytest.mark.compat
@pytest.mark.parametrize("number", range(12))
def test_noise_replaces_the_rectangle_and_nothing_else(number: int) -> None:
    """Algorithm 1: sides √(S r) and √(S / r), at a place where they fit."""
    rng = np.random.default_rng(number)
    area, aspect, *place = rng.uniform((0.02, 0.3, 0, 0), (0.4, 3.3, 1, 1))
    picture = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    erase = Erase(
        tf.constant(True),
        Window(tf.constant(area, tf.float32), tf.constant(aspect, tf.float32)),
        tf.constant(place, tf.float32),
        tf.constant([5, number], tf.int64),
    )
    found = Erasing(1.0)(tf.constant(picture), erase).numpy()
    height = min(round(SIDE * np.sqrt(area / aspect)), SIDE)
    width = min(round(SIDE * np.sqrt(area * aspect)), SIDE)
    top, left = (
        int(spot * (SIDE - side + 1))
        for spot, side in zip(place, (height, width), strict=True)
    )
    inside = np.zeros((SIDE, SIDE), bool)
    inside[top : top + height, left : left + width] = True
    np.testing.assert_array_equal(found[~inside], picture[~inside])
    assert (found[inside] != picture[inside]).mean() > 0.9
    np.testing.assert_array_equal(Erasing(1.0)(tf.constant(picture), erase), found)


def test_the_noise_is_uniform_and_another_one_for_each_picture() -> None:
    picture = tf.zeros([SIDE, SIDE, 3], tf.uint8)
    erasing = Erasing(1.0)
    whole = Window(tf.constant(1.0), tf.constant(1.0))
    found = [
        erasing(picture, each._replace(window=whole)).numpy()
        for each in erasing.draws(seed=3).take(20)
    ]
    counts = np.bincount(np.ravel(found), minlength=256)
    assert stats.chisquare(counts).pvalue > 0.01
    assert abs(np.corrcoef([each.ravel() for each in found])[0, 1]) < 0.1


@pytest.mark.compat
def test_nothing_is_erased_of_the_others() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    for erase in Erasing(0.5).draws(seed=1).take(20):
        found = Erasing(0.5)(tf.constant(picture), erase).numpy()
        assert np.array_equal(found, picture) != bool(erase.erased)


@pytest.mark.compat
@pytest.mark.parametrize("start", [1, 1500])
def test_draws_are_a_function_of_the_position(start: int) -> None:
    whole = tf.nest.flatten(drawn(Erasing(0.5), 1600))
    later = tf.nest.flatten(drawn(Erasing(0.5), 100, start=start))
    for one, other in zip(whole, later, strict=True):
        np.testing.assert_array_equal(one[start : start + 100], other)


@pytest.mark.parametrize(
    ("given", "name"),
    [((1.5,), "probability"), ((0.5, 0.01), "area"), ((0.5, 1.1), "area")],
)
def test_values_out_of_range_are_named(given: tuple, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be .*Received: {name}="):
        Erasing(*given)
