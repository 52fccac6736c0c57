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
def test_the_sizes_are_the_documented_ones(form: str, size: float) -> None:
    # In grey levels along the first component.
    noise = ColourNoise(form)(tf.zeros([1, 1, 1, 3]), tf.constant([[1.0, 0, 0]]))
    assert float(tf.norm(noise)) == pytest.approx(size, abs=0.05)


@pytest.mark.compat
@pytest.mark.parametrize("form", ["paper", "source"])
def test_ten_thousand_draws_have_the_moments_of_the_formula(form: str) -> None:
    count = 10_000
    draws = tf.random.stateless_normal([count, 3], [4, 2])
    shifts = ColourNoise(form, 0.1)(tf.zeros([count, 1, 1, 3]), draws)[:, 0, 0].numpy()
    # One colour is added to a picture, so its covariance is Σ sizeᵢ² pᵢ pᵢᵀ.
    sizes = 0.1 * (DEVIATIONS / 1.1 if form == "source" else DEVIATIONS**2 / 255)
    expected = VECTORS.T @ np.diag(sizes**2) @ VECTORS
    spread = np.sqrt(np.diag(expected))
    assert (np.abs(shifts.mean(0)) < 5 * spread / np.sqrt(count)).all()
    error = np.abs(np.cov(shifts.T) - expected) / np.outer(spread, spread)
    assert error.max() < 5 * np.sqrt(2 / count)


def test_all_pixels_of_a_picture_get_the_same_colour() -> None:
    x = np.random.default_rng(1).normal(0, 50, (2, 3, 4, 3)).astype("float32")
    shift = ColourNoise("paper")(x, tf.constant([[1.0, -2, 0.5]] * 2)).numpy() - x
    np.testing.assert_allclose(
        shift, np.broadcast_to(shift[:1, :1, :1], x.shape), atol=1e-4
    )


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
