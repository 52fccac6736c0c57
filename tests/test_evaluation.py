"""Scores against NumPy."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_alexnet.data import open_source
from keras_alexnet.evaluation import Evaluator, Scores, totals
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.recipe import Recipe


def test_totals_are_sums_over_the_weighted_pictures() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 3, (50, 20)), rng.integers(0, 20, 50)
    weights = (rng.random(50) < 0.7).astype("float32")
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    own = np.take_along_axis(logits, labels[:, None], 1)
    rank = (logits > own).sum(1)
    expected = [
        -(np.log(shares[np.arange(50), labels]) * weights).sum(),
        ((rank < 1) * weights).sum(),
        ((rank < 5) * weights).sum(),
        weights.sum(),
    ]
    sums = totals(logits.astype("float32"), labels, weights)
    np.testing.assert_allclose(sums, expected, rtol=1e-5)
    scores = Scores.of(sums)
    assert scores.top5 == pytest.approx(expected[2] / expected[3])


def test_with_fewer_than_five_classes_top_5_is_all() -> None:
    logits = np.array([[0.1, 0.2, 0.3]], "float32")
    assert totals(logits, [0]).numpy()[2] == 1


@pytest.mark.compat
@pytest.mark.parametrize("classes", [3, 8, 1000])
def test_equal_scores_for_all_classes_are_at_chance(classes: int) -> None:
    labels = np.arange(classes)
    each = [totals(np.full([1, classes], 7.0), [label])[1:3] for label in labels[:8]]
    expected = [1 / classes, min(5, classes) / classes]
    assert {tuple(row.numpy()) for row in each} == {tuple(expected)}
    sums = totals(np.zeros([classes, classes], "float32"), labels)
    np.testing.assert_allclose(sums[1:3], [1, min(5, classes)], rtol=1e-12)


@pytest.mark.parametrize(
    ("label", "top1", "top5"),
    [(0, 1 / 3, 1), (2, 1 / 3, 1), (3, 0, 2 / 5), (7, 0, 2 / 5)],
)
def test_tied_classes_count_in_part(label: int, top1: float, top5: float) -> None:
    # Three saturated classes lead; the other five share the two places after them.
    logits = np.array([[3e38] * 3 + [-69.0] * 5], "float32")
    assert totals(logits, [label]).numpy()[1:3].tolist() == [top1, top5]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("values", [1, 6])
def test_a_row_that_is_not_finite_is_never_correct(value: float, values: int) -> None:
    logits = np.zeros([2, 6], "float32")
    logits[:, 0] = 1
    logits[0, :values] = value
    for label in range(6):
        _, top1, top5, pictures = totals(logits, [label, 0]).numpy()
        assert (top1, top5, pictures) == (1, 1, 2)


RECIPE = Recipe.of_colours(Preprocessing(), 64)


def constant_model(activation: str | None) -> keras.Model:
    """Says for every picture that the second class is the likeliest."""
    inputs = keras.Input((64, 64, 3))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    biases = keras.initializers.Constant(np.log([0.2, 0.5, 0.3]))
    dense = keras.layers.Dense(
        3, activation, kernel_initializer="zeros", bias_initializer=biases
    )
    return keras.Model(inputs, dense(x))


@pytest.mark.parametrize("activation", ["softmax", None])
def test_a_constant_model_scores_what_it_must(
    pictures: Path, activation: str | None
) -> None:
    source = open_source(f"folder:{pictures}")
    evaluator = Evaluator(
        constant_model(activation), RECIPE, from_logits=activation is None
    )
    scores = evaluator.evaluate(source, batch_size=4)
    assert dataclasses.astuple(scores) == pytest.approx(
        (-np.log([0.2, 0.5, 0.3]).mean(), 1 / 3, 1.0, 9)
    )


def test_a_model_of_other_classes_is_refused(shapes_dir: str) -> None:
    evaluator = Evaluator(constant_model("softmax"), RECIPE)
    with pytest.raises(ValueError, match="of 3 classes and data='shapes' of 10"):
        evaluator.evaluate(open_source("shapes", shapes_dir))
