"""The draws of the training views: even, independent, a function of the position."""

from __future__ import annotations

import numpy as np
import pytest

from keras_alexnet.data.augmentation import draws

MANY = 43_560  # 20 for each of the 33×33×2 crops


def drawn(count: int, *arguments: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places, mirroring and noise of a number of positions."""
    (batch,) = draws(*arguments).take(count).batch(count).as_numpy_iterator()
    return tuple(batch)


@pytest.fixture(scope="module")
def many() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return drawn(MANY, 1)


def test_crops_cover_all_places_evenly(many: tuple) -> None:
    place, mirrored, _ = many
    rows, columns = np.floor(place * 33).astype(int).T
    counts = np.bincount((rows * 33 + columns) * 2 + mirrored, minlength=2178)
    assert counts.shape == (2178,)
    assert counts.min() > 0
    # Chi-squared of 2177 degrees of freedom: its mean, ± 5 standard deviations.
    chi_squared = ((counts - 20) ** 2 / 20).sum()
    assert abs(chi_squared - 2177) < 5 * np.sqrt(2 * 2177)


def test_noise_is_standard_normal(many: tuple) -> None:
    noise = many[2]
    assert np.abs(noise.mean(0)).max() < 5 / np.sqrt(MANY)
    assert np.abs(noise.var(0) - 1).max() < 5 * np.sqrt(2 / MANY)
    assert np.abs((noise**4).mean(0) - 3).max() < 5 * np.sqrt(96 / MANY)


def test_draws_are_independent(many: tuple) -> None:
    place, mirrored, noise = many
    rows = np.concatenate([place, mirrored[:, None], noise], axis=1)
    related = np.corrcoef(rows.T) - np.eye(6)
    assert np.abs(related).max() < 5 / np.sqrt(MANY)
    following = np.corrcoef(rows[:-1].T, rows[1:].T)[:6, 6:]
    assert np.abs(following).max() < 5 / np.sqrt(MANY)


@pytest.mark.compat
@pytest.mark.parametrize(
    ("arguments", "place", "noise"),
    [
        ((1, 0), (0.878488, 0.459980), (0.636156, -0.297985, -0.099766)),
        ((1, 1500), (0.951925, 0.499887), (0.132531, -1.508236, 1.345574)),
        ((5, 2500, 32), (0.799551, 0.605306), (0.515126, 0.103530, 0.519814)),
    ],
)
def test_draws_stay_those_of_published_runs(
    arguments: tuple[int, ...], place: tuple, noise: tuple
) -> None:
    places, mirrored, noises = drawn(1, *arguments)
    np.testing.assert_allclose(places[0], place, atol=1e-6)
    np.testing.assert_allclose(noises[0], noise, atol=1e-6)
    assert mirrored[0] == (arguments != (1, 0))


@pytest.mark.compat
@pytest.mark.parametrize("crop_chunk", [1, 32, 3000])
@pytest.mark.parametrize("start", [1, 37, 1023, 1024, 2500])
def test_draws_are_a_function_of_the_position(crop_chunk: int, start: int) -> None:
    whole = drawn(2600, 5, 0, crop_chunk)
    later = drawn(100, 5, start, crop_chunk)
    for one, other in zip(whole, later, strict=True):
        np.testing.assert_array_equal(one[start : start + 100], other)


def test_a_chunk_shares_place_and_mirroring_not_noise() -> None:
    place, mirrored, noise = drawn(640, 3, 0, 32)
    chunks = place.reshape(20, 32, 2)
    assert (chunks == chunks[:, :1]).all()
    assert (mirrored.reshape(20, 32) == mirrored[::32, None]).all()
    assert len(np.unique(chunks[:, 0], axis=0)) == 20
    assert len(np.unique(noise, axis=0)) == 640


def test_other_seeds_and_distant_positions_differ() -> None:
    one, other, far = drawn(50, 1), drawn(50, 2), drawn(50, 1, 10**12)
    assert not (one[0] == other[0]).any()
    assert not (one[2] == other[2]).any()
    assert not (one[0] == far[0]).any()
