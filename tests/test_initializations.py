"""Starting values by a seed: each layer's own, whatever else is in the network."""

from __future__ import annotations

import dataclasses
import itertools

import keras
import numpy as np
import pytest

from keras_alexnet import initializations
from keras_alexnet.architectures import Architecture, Convolution
from keras_alexnet.models import build

# Layers of one shape: conv2 to conv5 but for groups, fc6 and fc7.
_EACH = Convolution(64, 3, padding=(1, 1))
EQUAL = Architecture(
    name="equal",
    towers=1,
    convolutions=(_EACH, _EACH, _EACH, dataclasses.replace(_EACH, groups=2), _EACH),
    dense=(64, 64),
    averaged_size=1,
    input_size=8,
)
CLASSES = 20
# The values that a unit reads, and the units that read a value.
FANS = {
    "conv1": (9 * 3, 9 * 64),
    **dict.fromkeys(("conv2", "conv3", "conv5"), (9 * 64, 9 * 64)),
    "conv4": (9 * 32, 9 * 32),
    "fc6": (64, 64),
    "fc7": (64, 64),
    "fc8": (64, CLASSES),
}
CONVOLUTIONS, DENSE = list(FANS)[:5], list(FANS)[5:]

# Standard deviations, by the sources that the module names.
STDDEVS = {
    "paper": dict.fromkeys(FANS, 0.01),
    "source": dict.fromkeys(FANS, 0.01)
    | dict.fromkeys(("conv3", "conv4", "conv5"), 0.03),
    "caffe": dict.fromkeys(FANS, 0.01) | {"fc6": 0.005, "fc7": 0.005},
    "he": {name: np.sqrt(2 / FANS[name][0]) for name in CONVOLUTIONS}
    | {"fc6": 0.005, "fc7": 0.005, "fc8": 0.01},
    "glorot": {name: np.sqrt(2 / sum(fans)) for name, fans in FANS.items()},
    # layers-19pct.cfg: initW=0.0001 of conv1, 0.01 of conv2 and conv3.
    "cuda_convnet": dict.fromkeys(FANS, 0.01) | {"conv1": 0.0001},
}


def kernels(
    record: Architecture = EQUAL, initialization: str = "paper", seed: int | None = 3
) -> dict[str, np.ndarray]:
    model = build(record, classes=CLASSES, initialization=initialization, seed=seed)
    named = {layer.name: layer.get_weights() for layer in model.layers}
    return {name: each[0] for name, each in named.items() if each}


@pytest.mark.compat
@pytest.mark.parametrize("initialization", STDDEVS)
def test_the_values_of_a_seed_have_mean_and_deviation(initialization: str) -> None:
    found = kernels(initialization=initialization)
    assert set(found) == set(FANS)
    for name, stddev in STDDEVS[initialization].items():
        count = found[name].size
        spread = 4 / np.sqrt(2 * count)  # of an estimate, in 1 of 16,000 cases
        assert np.std(found[name]) == pytest.approx(stddev, rel=spread), name
        assert abs(np.mean(found[name])) < 4 * stddev / np.sqrt(count), name


def test_every_initialization_is_compared() -> None:
    assert set(initializations.names()) == {"default", *STDDEVS}


def test_cuda_convnet_starts_all_biases_at_0() -> None:
    model = build(EQUAL, classes=CLASSES, initialization="cuda_convnet", seed=3)
    for name in FANS:
        assert not model.get_layer(name).get_weights()[1].any()


@pytest.mark.compat
@pytest.mark.parametrize("initialization", ["paper", "he", "glorot"])
def test_layers_of_one_shape_and_seeds_have_values_of_their_own(
    initialization: str,
) -> None:
    drawn = {
        (name, seed): values.ravel()
        for seed in (3, 4)
        for name, values in kernels(initialization=initialization, seed=seed).items()
    }
    compared = 0
    for one, other in itertools.combinations(drawn, 2):
        first, second = drawn[one], drawn[other]
        if len(first) == len(second):
            # Of independent values; 1 for the same ones, however scaled.
            correlation = np.corrcoef(first, second)[0, 1]
            assert abs(correlation) < 5 / np.sqrt(len(first)), (one, other)
            compared += 1
    assert compared >= 20


@pytest.mark.compat
def test_other_layers_and_earlier_draws_change_no_layer() -> None:
    whole = kernels()
    keras.utils.set_random_seed(1)
    fewer = kernels(
        dataclasses.replace(
            EQUAL, convolutions=EQUAL.convolutions[:3], dense=(64,), dropout=0.0
        )
    )
    assert set(fewer) == {"conv1", "conv2", "conv3", "fc6", "fc8"}
    for name, values in fewer.items():
        np.testing.assert_array_equal(values, whole[name])


@pytest.mark.compat
def test_without_a_seed_of_its_own_a_network_follows_that_of_keras() -> None:
    drawn = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        drawn.append(kernels(seed=None)["conv2"])
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
