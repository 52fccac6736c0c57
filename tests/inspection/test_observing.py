"""Top patches and dead units of networks with planted weights and pictures."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from keras_alexnet.fine_tuning import features
from keras_alexnet.inspection import (
    Pictures,
    layer_facts,
    named_units,
    observe,
    selectivity,
    some_units,
    unit_with_patches,
)
from keras_alexnet.preprocessing import Preprocessing

COLOURS = Preprocessing(mean=(0, 0, 0))
RED = (255, 0, 0)


@pytest.fixture
def planted(small: Callable[..., keras.Model]) -> keras.Model:
    """Unit 0 of `conv1` sums red, unit 1 brightness; unit 2 is never above 0."""
    model = small(side=96)
    layer = model.get_layer("conv1")
    kernel, bias = (np.zeros_like(each) for each in layer.get_weights())
    kernel[..., 0, 0] = 1.0
    kernel[..., :, 1] = 1 / 3
    bias[2] = -1.0
    layer.set_weights([kernel, bias])
    return model


def _pictures() -> Pictures:
    """Dark pictures; in two of them a red square of 11 pixels, one at the border."""
    pixels = np.full((12, 96, 96, 3), 1, np.uint8)
    pixels[3, 40:51, 60:71] = RED
    pixels[7, 88:, 88:] = RED  # what is left of the last window, at 88 to 98
    pixels[7, 40, 40] = RED
    names = tuple(f"{index}.png" for index in range(12))
    return Pictures(names, np.arange(12) % 3, pixels)


@pytest.mark.compat
@pytest.mark.parametrize("batch_size", [5, 32])
def test_a_planted_pattern_comes_first_and_is_cut_right(
    planted: keras.Model, batch_size: int
) -> None:
    pictures = _pictures()
    seen, _ = observe(
        planted, COLOURS, pictures.pixels, ["conv1"], ["conv1"], batch_size
    )
    facts = layer_facts(planted)["conv1"]
    unit = unit_with_patches(facts, 0, seen["conv1"].strongest, pictures)
    assert len(unit.patches) == 9
    assert len({patch.picture.name for patch in unit.patches}) == 9
    first, second = unit.patches[:2]
    assert (first.picture.name, first.box) == ("3.png", (40, 60, 51, 71))
    assert first.value == 121 * 255
    assert (second.picture.name, second.box) == ("7.png", (88, 88, 96, 96))
    assert second.value == 64 * 255
    for patch in (first, second):
        top, left, bottom, right = patch.box
        assert (patch.picture.pixels[top:bottom, left:right] == RED).all()


def test_grey_pictures_give_the_selectivity(planted: keras.Model) -> None:
    pictures = _pictures()
    seen, _ = observe(planted, COLOURS, pictures.pixels[[3]], ["conv1"], ["conv1"])
    found = seen["conv1"].strongest
    assert found.grey is not None
    sums = found.values[:3, 0], found.grey[:3, 0]
    np.testing.assert_allclose(sums[0], [121 * 255, 121 * 85, 0], rtol=1e-5)
    np.testing.assert_allclose(sums[1], [121 * 85, 121 * 85, 0], rtol=1e-5)
    index = selectivity(found.values, found.grey)
    np.testing.assert_allclose(index[:3], [2 / 3, 0, np.nan], atol=1e-6)
    assert found.pictures[0].tolist() == [0, *[-1] * 8]  # one picture, one patch


def test_dead_units_have_no_patches_and_are_not_chosen(planted: keras.Model) -> None:
    pictures = _pictures()
    seen, _ = observe(planted, COLOURS, pictures.pixels, ["conv1"])
    observed = seen["conv1"]
    dead = ~(observed.highest > 0)
    assert np.flatnonzero(dead).tolist() == [2, 3, 4, 5, 6, 7]
    np.testing.assert_array_equal(observed.active[:3], [1, 1, 0])
    facts = layer_facts(planted)["conv1"]
    assert some_units(facts, dead) == (0, 1)
    assert unit_with_patches(facts, 2, observed.strongest, pictures).patches == ()


@pytest.mark.parametrize("variant", ["paper", "original", "modern", "owt"])
def test_what_is_kept_is_that_of_all_outputs(
    small: Callable[..., keras.Model], variant: str, photos: np.ndarray
) -> None:
    model = small(variant, 96)
    colours = Preprocessing()
    layers = list(layer_facts(model))
    seen, probabilities = observe(model, colours, photos, layers, batch_size=4)
    prepared = colours(photos)
    np.testing.assert_allclose(probabilities, model(prepared), rtol=1e-4, atol=1e-6)
    given = features(model, layers)(prepared)
    for name, observed in seen.items():
        outputs = np.maximum(np.asarray(given[name]), 0)
        flat = outputs.reshape(len(photos), -1, outputs.shape[-1])
        highest = flat.max(axis=1).T
        order = np.argsort(-highest, axis=1, kind="stable")[:, :9]
        ranked = np.take_along_axis(highest, order, axis=1)
        np.testing.assert_allclose(
            observed.strongest.values, ranked, rtol=1e-3, atol=1e-4
        )
        np.testing.assert_allclose(
            observed.means, flat.mean(axis=1), rtol=1e-3, atol=1e-4
        )
        np.testing.assert_allclose(
            observed.active, (flat > 0).mean(axis=(0, 1)), atol=2e-3
        )


def test_a_model_of_logits_has_its_softmax(
    small: Callable[..., keras.Model], photos: np.ndarray
) -> None:
    model = small(classifier_activation=None)
    _, probabilities = observe(model, Preprocessing(), photos[:2], ["fc7"])
    logits = np.asarray(model(Preprocessing()(photos[:2])), np.float64)
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = exponents / exponents.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("units", "reason"),
    [
        (["conv9:0"], r"a layer among .*Received: 'conv9:0'"),
        (["conv1:8"], r"among its 8, from 0 on\. Received: 'conv1:8'"),
        (["conv1"], r"as conv5:12\. Received: units='conv1'"),
        (["conv1:-1"], "as conv5:12"),
        ([("conv1", 1.5)], "as conv5:12"),
        ("conv1:1", r"a list of units"),
    ],
)
def test_units_that_do_not_exist_are_refused(
    small: Callable[..., keras.Model], units: object, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        named_units(units, layer_facts(small()))
