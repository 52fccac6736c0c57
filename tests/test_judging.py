"""Ten views and ensembles against NumPy."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
from squares import Squares

from keras_alexnet.evaluation import CENTRE, TEN, Member, judge
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.recipe import Recipe

NAMES = ("cat", "dog", "eel", "fox", "gnu", "hen", "ibis")
SIZE = 73  # fits views of 64, with a border of 9
FIVE = ((0, 0), (0, 9), (4, 4), (9, 0), (9, 9))
OTHER = Preprocessing("BGR", mean=(100, 110, 120), scale=(2, 3, 4))


def recipe(side: int, colours: Preprocessing = Preprocessing()) -> Recipe:  # noqa: B008
    return Recipe.of_colours(colours, side)


def kernel(seed: int, outputs: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.04, (6, outputs)).astype("float32")


def model(weights: np.ndarray, side: int) -> keras.Model:
    """Probabilities from the mean colours of the left and of the right half."""
    inputs = keras.Input((side, side, 3))
    pooled = keras.layers.AveragePooling2D((side, side // 2))(inputs)
    flat = keras.layers.Flatten()(pooled)
    dense = keras.layers.Dense(weights.shape[1], "softmax", use_bias=False)
    built = keras.Model(inputs, dense(flat))
    dense.set_weights([weights])
    return built


def answers(weights: np.ndarray, views: np.ndarray, how: Preprocessing) -> np.ndarray:
    """What that model says of views `[n, side, side, 3]`."""
    x = (views.astype("float64") - how.mean) / how.scale
    x = x[..., ::-1] if how.channel_order == "BGR" else x
    side = x.shape[1]
    halves = x.reshape(len(x), side, 2, side // 2, 3).mean((1, 3))
    logits = halves.reshape(len(x), 6) @ weights
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def ten(picture: np.ndarray) -> np.ndarray:
    five = np.stack([picture[y : y + 64, x : x + 64] for y, x in FIVE])
    return np.concatenate([five, five[:, :, ::-1]])


def scored(shares: np.ndarray, labels: list[int]) -> tuple[float, ...]:
    own = shares[np.arange(len(labels)), labels]
    rank = (shares > own[:, None]).sum(1)
    return (-np.log(own).mean(), (rank < 1).mean(), (rank < 5).mean(), len(labels))


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    rng = np.random.default_rng(8)
    slopes = np.linspace(-1, 1, SIZE)[:, None] * rng.uniform(-90, 90, (11, 1, 1, 3))
    noise = rng.normal(0, 20, (11, SIZE, SIZE, 3))
    return np.clip(128 + slopes + noise, 0, 255).astype(np.uint8)


LABELS = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1]


@pytest.fixture(scope="module")
def source(pictures: np.ndarray) -> Squares:
    return Squares(pictures, LABELS, NAMES[:3], "raw")


def assert_scores(judged: object, expected: tuple[float, ...]) -> None:
    scores = dataclasses.astuple(judged.scores)
    assert scores == pytest.approx(expected, rel=1e-4)
    assert judged.scores.top1_error == pytest.approx(1 - expected[1])
    assert judged.scores.top5_error == pytest.approx(1 - expected[2])


@pytest.mark.compat
def test_two_models_on_ten_views(source: Squares, pictures: np.ndarray) -> None:
    one, other = kernel(1, 7), kernel(2, 7)
    order = [3, 1, 0, 2, 6, 5, 4]  # the other model's classes stand in another order
    members = [
        Member("one", model(one, 64), recipe(64), NAMES),
        Member(
            "other",
            model(other, 66),
            recipe(66, OTHER),
            tuple(NAMES[position] for position in order),
        ),
    ]
    judged = judge(members, source, batch_size=4, views=10)
    first = np.stack([answers(one, ten(each), Preprocessing()) for each in pictures])
    # 66 is cut out of 73 as it is, with a border of 7.
    places = ((0, 0), (0, 7), (3, 3), (7, 0), (7, 7))
    second = []
    for each in pictures:
        five = np.stack([each[y : y + 66, x : x + 66] for y, x in places])
        views = np.concatenate([five, five[:, :, ::-1]])
        second.append(answers(other, views, OTHER)[:, np.argsort(order)])
    both = (first + np.stack(second)) / 2
    expected = [
        (name, kind, scored(shares[:, 2] if kind == CENTRE else shares.mean(1), LABELS))
        for name, shares in (("one", first), ("other", np.stack(second)), (None, both))
        for kind in (CENTRE, TEN)
    ]
    assert [(each.name, each.views) for each in judged] == [
        each[:2] for each in expected
    ]
    for each, (_, _, scores) in zip(judged, expected, strict=True):
        assert_scores(each, scores)
    losses = [each.scores.loss for each in judged]
    assert len({round(loss, 4) for loss in losses}) == 6  # nothing was compared twice


def test_the_centre_alone_is_the_third_of_ten(
    source: Squares, pictures: np.ndarray
) -> None:
    weights = kernel(3, 3)
    member = Member("mine", model(weights, 64), recipe(64), NAMES[:3])
    (judged,) = judge([member], source, batch_size=3)
    views = np.stack([ten(each)[2] for each in pictures])
    assert (judged.name, judged.views) == ("mine", CENTRE)
    assert_scores(judged, scored(answers(weights, views, Preprocessing()), LABELS))


def test_a_model_without_a_class_of_the_data_is_refused(source: Squares) -> None:
    member = Member("mine", model(kernel(3, 2), 64), recipe(64), NAMES[:2])
    with pytest.raises(ValueError, match="'mine', which has no class 'eel'"):
        judge([member], source)


def test_models_of_other_classes_are_not_averaged(source: Squares) -> None:
    sizes = (3, 4)
    members = [
        Member(f"of {n}", model(kernel(n, n), 64), recipe(64), NAMES[:n]) for n in sizes
    ]
    with pytest.raises(ValueError, match=r"same classes\. Received: 'of 4' and 'of 3'"):
        judge(members, source)


def test_only_one_view_or_ten_are_possible(source: Squares) -> None:
    member = Member("mine", model(kernel(3, 3), 64), recipe(64), NAMES[:3])
    with pytest.raises(ValueError, match=r"views must be 1 or 10\. Received: views=5"):
        judge([member], source, views=5)
