"""Starting values are told from trained ones, whatever they were drawn from."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest

from keras_alexnet.weights.names import Named
from keras_alexnet.weights.plausibility import neighbour_correlation, warn_if_untrained

INITIALIZERS = {
    "normal": lambda: keras.initializers.RandomNormal(stddev=0.01, seed=1),
    "uniform": lambda: keras.initializers.RandomUniform(seed=2),
    "positive": lambda: keras.initializers.RandomUniform(0, 1, seed=3),
    "truncated normal": lambda: keras.initializers.TruncatedNormal(seed=4),
    "orthogonal": lambda: keras.initializers.Orthogonal(seed=5),
    "He": lambda: keras.initializers.HeNormal(seed=6),
    "Glorot": lambda: keras.initializers.GlorotUniform(seed=7),
}


def network(kernel: np.ndarray) -> Named:
    rng = np.random.default_rng(0)
    biases = {"conv1": kernel.shape[-1], "fc8": 10}
    named = {n: {"bias": rng.normal(0, 1, size)} for n, size in biases.items()}
    named["conv1"]["kernel"] = kernel
    named["fc8"]["kernel"] = rng.normal(0, 1, (8, 10))
    return named


def gabors(filters: int, noise: float) -> np.ndarray:
    """Smooth edges of all directions, as figure 3 of the paper shows, and noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-5:6, -5:6][:, :, :, None, None]
    angle, phase = rng.uniform(0, 2 * np.pi, (2, 3, filters))
    wave = rng.uniform(0.4, 1.2, filters) * (x * np.cos(angle) + y * np.sin(angle))
    smooth = np.exp(-(x**2 + y**2) / 12) * np.sin(wave + phase)
    return smooth + rng.normal(0, noise * smooth.std(), smooth.shape)


def warned(named: Named, ours: bool = False) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_if_untrained(named, "my.npy", ours)
    return " ".join(str(each.message) for each in caught)


@pytest.mark.compat
@pytest.mark.parametrize("filters", [4, 96])
@pytest.mark.parametrize("name", INITIALIZERS)
def test_initial_values_are_detected(name: str, filters: int) -> None:
    kernel = np.asarray(INITIALIZERS[name]()((11, 11, 3, filters)))
    assert "'my.npy' look untrained: neighbouring values of conv1" in warned(
        network(kernel)
    )


@pytest.mark.compat
@pytest.mark.parametrize("filters", [4, 96])
@pytest.mark.parametrize("noise", [0.0, 0.5, 1.0])
def test_smooth_filters_pass(filters: int, noise: float) -> None:
    assert warned(network(gabors(filters, noise))) == ""


@pytest.mark.compat
def test_of_our_files_the_biases_decide() -> None:
    """Few pictures leave conv1 as it was drawn, but they move the biases."""
    noise = np.random.default_rng(0).normal(0, 0.01, (11, 11, 3, 96))
    trained, new = network(noise), network(noise)
    for values in new.values():
        values["bias"] = np.zeros_like(values["bias"])
    assert "conv1 are unrelated" in warned(trained)
    assert warned(trained, ours=True) == ""
    assert "biases of each layer are all the same" in warned(new, ours=True)


def test_the_standard_error_is_that_of_independent_draws() -> None:
    draws = [
        np.random.default_rng(n).uniform(-1, 3, (11, 11, 3, 4)) for n in range(400)
    ]
    correlations, errors = zip(*map(neighbour_correlation, draws), strict=True)
    assert np.std(correlations) == pytest.approx(errors[0], rel=0.15)
    assert abs(np.mean(correlations)) < 4 * errors[0] / np.sqrt(400)


def test_a_known_correlation_is_found() -> None:
    draws = np.random.default_rng(0).normal(3, 2, (40, 41, 3, 32))
    halves = draws[:, 1:] + draws[:, :-1]  # 1/2 between columns, 0 between rows
    assert neighbour_correlation(halves)[0] == pytest.approx(1 / 4, abs=0.01)


def test_constant_values_are_detected() -> None:
    named = network(gabors(8, 0.1))
    named["fc8"]["kernel"] = np.full((8, 10), 0.1)
    assert "all values of fc8 are the same" in warned(named)
    named = network(np.zeros((11, 11, 3, 8)))
    assert "all values of conv1 are the same" in warned(named)
    named = network(gabors(8, 0.1))
    named["conv1"]["bias"], named["fc8"]["bias"] = np.zeros(8), np.ones(10)
    assert "the biases of each layer are all the same" in warned(named)
    named["fc8"]["bias"][0] = 1.1
    assert warned(named) == ""


def test_missing_layers_give_no_warning() -> None:
    assert warned({}) == ""
    named = network(gabors(8, 0.1))
    named["norm"] = {"gamma": np.ones(8)}
    del named["conv1"]["kernel"]
    assert warned(named) == ""
    noise = np.random.default_rng(0).normal(0, 1, (1, 1, 3, 8))
    assert warned(network(noise)) == ""
