"""MixUp and CutMix against their formulas in NumPy, and against distributions."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from squares import Squares, located

from keras_alexnet.data import training_batches
from keras_alexnet.data.augmentation import BLOCK
from keras_alexnet.data.mixing import (
    Mix,
    Mixing,
    beta,
    cut_box,
    mixed,
    partners,
    taken_of_label,
)

SIDE = 16


def drawn(mixing: Mixing, count: int, seed: int = 1, start: int = 0) -> Mix:
    draws = mixing.draws(seed, SIDE, start).take(count).batch(count)
    (mix,) = draws.as_numpy_iterator()
    return mix


@pytest.mark.compat
@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_weights_have_the_beta_distribution(alpha: float) -> None:
    blocks = [tf.constant(n, tf.int64) for n in range(20)]
    found = np.concatenate([beta(3, block, alpha).numpy() for block in blocks])
    assert len(found) == 20 * BLOCK
    known = stats.beta(alpha, alpha).cdf
    # Of 0.2, some are nearer to 1 than float32 can be: these are counted alone.
    low, high = known(0.01), known(0.99)
    between = found[(found > 0.01) & (found < 0.99)]
    assert abs(len(between) / len(found) - (high - low)) < 0.01
    assert abs((found <= 0.01).mean() - low) < 0.01
    uniform = (known(between) - low) / (high - low)
    assert stats.kstest(uniform, "uniform").pvalue > 0.01
    again = stats.spearmanr(found[:-1], found[1:])
    assert abs(again.statistic) < 5 / np.sqrt(len(found))


def test_a_small_alpha_gives_nearly_whole_pictures_and_no_nan() -> None:
    """Most gammas of 0.001 are below the smallest float: 0 / 0 in the usual form."""
    found = beta(3, tf.constant(0, tf.int64), 0.001).numpy()
    assert np.isfinite(found).all()
    assert ((found < 0.001) | (found > 0.999)).mean() > 0.97
    assert 0.4 < found.mean() < 0.6


@pytest.mark.compat
def test_boxes_are_those_of_the_paper() -> None:
    rng = np.random.default_rng(0)
    weights, places = rng.random(500, "float32"), rng.random((500, 2), "float32")
    found = cut_box(tf.constant(weights), tf.constant(places), 32).numpy()
    for box, weight, (down, across) in zip(found, weights, places, strict=True):
        side = int(32 * np.sqrt(np.float32(1) - weight))
        expected = []
        for centre in (int(down * 32), int(across * 32)):
            expected.append(max(centre - side // 2, 0))
            expected.append(min(centre + side // 2, 32))
        top, bottom, left, right = expected
        assert box.tolist() == [top, left, bottom, right]


def test_as_much_is_cut_as_by_the_formula() -> None:
    """Areas in a simulation by NumPy: sides of s √(1 − λ), anywhere, clipped."""
    rng = np.random.default_rng(0)
    cut = (SIDE * np.sqrt(1 - rng.beta(0.8, 0.8, 40_000))).astype(int)[:, None]
    centre = (rng.random((40_000, 2)) * SIDE).astype(int)
    first = np.clip(centre - cut // 2, 0, SIDE)
    last = np.clip(centre + cut // 2, 0, SIDE)
    expected = np.prod((last - first) / SIDE, axis=1)
    mix = drawn(Mixing(cutmix=0.8), 20_000)
    found = taken_of_label(mix, SIDE).numpy()
    at = np.linspace(0.05, 0.95, 19)
    near = np.abs(np.quantile(found, at) - np.quantile(expected, at))
    assert near.max() < 0.03
    tops = np.bincount(mix.box[:, 0], minlength=SIDE + 1) / 20_000
    theirs = np.bincount(first[:, 0], minlength=SIDE + 1) / 40_000
    assert np.abs(tops - theirs).max() < 0.02


@pytest.mark.compat
def test_pictures_are_mixed_pixel_by_pixel() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 50, (6, SIDE, SIDE, 3)).astype("float32")
    amount = np.array([0.3, 0.7, 1, 1, 0, 0.5], "float32")
    whole = [0, 0, SIDE, SIDE]
    boxes = [whole, whole, [2, 3, 9, 16], [0, 0, 0, 0], whole, [4, 0, 5, 16]]
    box = np.array(boxes, np.int32)
    found = mixed(tf.constant(x), Mix(tf.constant(amount), tf.constant(box))).numpy()
    labels = np.eye(6)
    expected, targets = x.astype(np.float64), labels.copy()
    for row in range(6):
        other = row + 1 if row % 2 == 0 else row - 1
        top, left, bottom, right = box[row]
        part = expected[row, top:bottom, left:right]
        theirs = x[other, top:bottom, left:right].astype(np.float64)
        part[:] = (1 - float(amount[row])) * part + float(amount[row]) * theirs
        area = (bottom - top) * (right - left) / SIDE**2
        targets[row] += amount[row] * area * (labels[other] - labels[row])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(found[2], expected[2])  # copied, not computed
    np.testing.assert_array_equal(found[3:5], x[3:5])
    taken = taken_of_label(Mix(tf.constant(amount), tf.constant(box)), SIDE).numpy()
    ours = (1 - taken)[:, None] * labels + taken[:, None] * partners(labels).numpy()
    np.testing.assert_allclose(ours, targets, atol=1e-6)


@pytest.mark.parametrize(
    ("mixing", "parts"),
    [
        (Mixing(mixup=0.5), (1.0, 0.0)),
        (Mixing(cutmix=0.5), (0.0, 1.0)),
        (Mixing(mixup=0.5, cutmix=0.5), (0.5, 0.5)),
        (Mixing(mixup=0.5, cutmix=0.5, part=0.4), (0.2, 0.2)),
    ],
)
def test_as_many_are_mixed_as_was_asked_for(mixing: Mixing, parts: tuple) -> None:
    mix = drawn(mixing, 4000)
    cuts = (mix.amount == 1) & ~(mix.box == [0, 0, SIDE, SIDE]).all(axis=1)
    blends = (mix.amount > 0) & (mix.amount < 1)
    for found, part in zip((blends, cuts), parts, strict=True):
        assert abs(found.mean() - part) < 0.03
    assert (mix.box[blends] == [0, 0, SIDE, SIDE]).all()


@pytest.mark.compat
@pytest.mark.parametrize("start", [0, 1, 1000, 1500])
def test_draws_are_a_function_of_the_position(start: int) -> None:
    mixing = Mixing(mixup=0.3, cutmix=1.0, part=0.8)
    for whole, later in zip(
        drawn(mixing, 1700), drawn(mixing, 200, start=start), strict=True
    ):
        np.testing.assert_array_equal(whole[start : start + 200], later)
    for one, other in zip(drawn(mixing, 99), drawn(mixing, 99, seed=2), strict=True):
        assert not (one == other).all()


def test_pictures_leave_the_pipeline_as_they_are() -> None:
    source = Squares(np.stack([located(73)] * 3), [0, 1, 0], ("a", "b"), "raw")
    (plain,) = training_batches(source, 64, 8, 3).take(1)
    (some,) = training_batches(source, 64, 8, 3, mixing=Mixing(mixup=1.0)).take(1)
    assert plain.keys() == {"image", "label", "noise"}
    for name, values in plain.items():
        np.testing.assert_array_equal(values, some[name])  # mixed in the step
    assert some.keys() - plain.keys() == {"amount", "box"}


@pytest.mark.parametrize(
    "given", [{"mixup": -1.0}, {"cutmix": float("nan")}, {"part": 1.5}]
)
def test_values_out_of_range_are_named(given: dict[str, float]) -> None:
    ((name, _),) = given.items()
    with pytest.raises(ValueError, match=f"{name} must be .*Received: {name}="):
        Mixing(**given)
