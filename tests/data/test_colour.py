"""Colour noise against its two formulas."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.data.colour import IMAGENET, ColourNoise

DEVIATIONS = np.array([121.780, 37.094, 19.721])
VECTORS = np.array(IMAGENET.vectors)


def test_the_components_are_orthonormal() -> None:
    np.testing.assert_allclose(VECTORS @ VECTORS.T, np.eye(3), atol=1e-3)


def test_the_papers_form_draws_along_eigenvalues() -> None:
    x, draws = np.random.default_rng(0).normal(0, 50, (4, 2, 2, 3)), np.eye(4, 3)
    y = ColourNoise("paper", 0.1)(x.astype("float32"), draws.astype("float32"))
    # The eigenvalues of pixels in 0-1, and the shift brought back to 0-255.
    shift = 255 * 0.1 * draws @ (((DEVIATIONS / 255) ** 2)[:, None] * VECTORS)
    np.testing.assert_allclose(y, x + shift[:, None, None, :], atol=1e-4)


def test_the_sources_form_draws_along_deviations_and_divides() -> None:
    x, draws = np.random.default_rng(0).normal(0, 50, (4, 2, 2, 3)), np.eye(4, 3)
    y = ColourNoise("source", 0.1)(x.astype("float32"), draws.astype("float32"))
    shift = 0.1 * draws @ (DEVIATIONS[:, None] * VECTORS)
    np.testing.assert_allclose(y, (x + shift[:, None, None, :]) / 1.1, atol=1e-4)


@pytest.mark.parametrize(("form", "size"), [("paper", 5.8), ("source", 11.1)])
def test_the_sizes_are_those_of_the_facts(form: str, size: float) -> None:
    # In grey levels along the first component.
    noise = ColourNoise(form)(tf.zeros([1, 1, 1, 3]), tf.constant([[1.0, 0, 0]]))
    assert float(tf.norm(noise)) == pytest.approx(size, abs=0.05)


def test_none_leaves_pictures_alone() -> None:
    x = tf.ones([1, 2, 2, 3])
    assert ColourNoise("none")(x, tf.ones([1, 3])) is x


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("blue",), "Received: colour_noise='blue'"), (("paper", -1.0), "strength=-1.0")],
)
def test_bad_arguments_are_named(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ColourNoise(*arguments)
