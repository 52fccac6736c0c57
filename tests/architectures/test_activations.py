"""Activations of a record: as layers against NumPy's formulas, and wherever ReLU is."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_alexnet
from keras_alexnet import anatomy, architectures, features
from keras_alexnet.architectures import (
    ELU,
    Architecture,
    BatchNorm,
    Convolution,
    LeakyReLU,
    Pool,
    ReLU,
    Tanh,
)
from keras_alexnet.layers import CrossConnection
from keras_alexnet.models import build
from keras_alexnet.normalizations import LRN
from keras_alexnet.two_towers import convert_towers
from keras_alexnet.weights.described import Functional

# The formulas in NumPy, and the word in the names of layers.
FORMULAS: dict[architectures.Stage, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    ReLU(): ("relu", lambda x: np.maximum(x, 0)),
    Tanh(): ("tanh", np.tanh),
    LeakyReLU(): ("leaky", lambda x: np.where(x > 0, x, 0.01 * x)),
    LeakyReLU(0.2): ("leaky", lambda x: np.where(x > 0, x, 0.2 * x)),
    ELU(): ("elu", lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
    ELU(0.7): ("elu", lambda x: np.where(x > 0, x, 0.7 * np.expm1(np.minimum(x, 0)))),
}
OTHERS = [each for each in FORMULAS if not isinstance(each, ReLU)]
X = np.random.default_rng(0).normal(0, 1, (4, 28, 28, 3)).astype("float32")


def network(activation: architectures.Stage, towers: int = 2) -> Architecture:
    """Six convolutions, in which an activation is at all places that it can have."""
    small = {"padding": (1, 1), "groups": towers}
    return Architecture(
        "small",
        towers,
        (
            Convolution(8, 5, 1, (2, 2), stages=(activation, LRN(), Pool())),
            Convolution(8, 3, **small, stages=(BatchNorm(), activation, Pool())),
            Convolution(12, 3, padding=(1, 1), stages=(LRN(), Pool(), activation)),
            Convolution(12, 3, **small, stages=(activation, BatchNorm())),
            Convolution(8, 3, **small, stages=(activation,)),
            Convolution(8, 3, **small, stages=(activation,)),
        ),
        dense=(12, 8),
        input_size=28,
        dense_activation=activation,
    )


def built(activation: architectures.Stage, towers: int = 2) -> keras.Model:
    keras.utils.set_random_seed(0)
    shape = {"input_shape": (28, 28, 3), "classes": 3}
    return build(network(activation, towers), initial_stddev=0.3, **shape)


def given(model: keras.Model) -> dict[str, np.ndarray]:
    """What each layer gives for `X`."""
    outputs = {each.name: each.output for each in model.layers}
    return {k: np.asarray(v) for k, v in Functional(model.input, outputs)(X).items()}


@pytest.mark.compat
@pytest.mark.parametrize("activation", OTHERS, ids=repr)
def test_they_are_layers_that_compute_the_formula(
    activation: architectures.Stage,
) -> None:
    word, formula = FORMULAS[activation]
    values = given(built(activation))
    places = [name for name in values if word in name]
    assert places == [
        *(f"{word}{index}" for index in range(1, 6)),
        f"conv6_{word}",  # word6 follows fc6
        f"{word}6",
        f"{word}7",
    ]
    names = list(values)
    for place in places:
        x = values[names[names.index(place) - 1]].astype(np.float64)
        assert x.min() < -1e-3 < 1e-3 < x.max(), place
        np.testing.assert_allclose(values[place], formula(x), rtol=1e-5, atol=1e-6)


@pytest.mark.compat
def test_a_seam_computes_what_is_left() -> None:
    """LRN and pooling are one layer as ever; only ReLU is computed with them."""
    for activation, seams in ((Tanh(), ["seam1", "seam3"]), (ReLU(), None)):
        model = built(activation)
        found = [each for each in model.layers if isinstance(each, CrossConnection)]
        if seams is None:
            assert [each.rectifies_first for each in found] == [True, True, False]
        else:
            assert [each.name for each in found] == seams
            assert {each.get_config()["activation"] for each in found} == {None}


@pytest.mark.compat
@pytest.mark.parametrize("activation", OTHERS, ids=repr)
def test_features_end_with_the_activation(activation: architectures.Stage) -> None:
    word, _ = FORMULAS[activation]
    model = built(activation)
    values = given(model)
    ends = {"conv1": f"{word}1", "conv2": f"{word}2", "conv6": f"conv6_{word}"}
    ends |= {"fc6": f"{word}6", "fc7": f"{word}7", "fc8": "fc8"}
    found = features(model, list(ends))(X)
    for layer, end in ends.items():
        np.testing.assert_array_equal(found[layer], values[end])


@pytest.mark.compat
@pytest.mark.parametrize("activation", FORMULAS, ids=repr)
def test_json_and_files_of_models_keep_them(
    activation: architectures.Stage, tmp_path: Path
) -> None:
    record = network(activation)
    path = tmp_path / "record.json"
    path.write_text(architectures.to_json(record))
    assert architectures.read_json(path) == record
    model = built(activation)
    model.save(tmp_path / "model.keras")
    again = keras_alexnet.Classifier(tmp_path / "model.keras", class_names=list("abc"))
    np.testing.assert_array_equal(again.model(X), model(X))


def test_a_record_without_one_has_relu_after_its_dense_layers(tmp_path: Path) -> None:
    content = json.loads(architectures.to_json(network(ReLU())))
    del content["dense_activation"]  # as before there was a choice
    path = tmp_path / "record.json"
    path.write_text(json.dumps(content))
    assert architectures.read_json(path) == network(ReLU())
    path.write_text(json.dumps({**content, "dense_activation": {"stage": "Pool"}}))
    with pytest.raises(ValueError, match="dense_activation=Pool"):
        architectures.read_json(path)


@pytest.mark.parametrize("activation", FORMULAS, ids=repr)
def test_their_anatomy_is_that_of_relu(activation: architectures.Stage) -> None:
    """They have no parameters, and take the memory of what they read."""
    word, _ = FORMULAS[activation]
    found = anatomy(network(activation), classes=3)
    relu = anatomy(network(ReLU()), classes=3)
    names = [each.name for each in found.layers if each.seam is None]
    ours = [each.name for each in built(activation).layers]
    assert names == [each for each in ours if each not in ("images", "flatten")]
    assert (found.totals, found.memory) == (relu.totals, relu.memory)
    renamed = [
        each.name.replace(word, "relu") for each in found.layers if not each.seam
    ]
    assert set(renamed) >= {"conv6_relu", "relu6", "relu7"}
    assert found.crossings == relu.crossings


def test_records_that_differ_in_them_are_compared() -> None:
    records = [
        dataclasses.replace(network(each), name=name, sources={"": "ours"})
        for name, each in (("tanh", Tanh()), ("leaky", LeakyReLU(0.2)), ("elu", ELU()))
    ]
    rows = {
        each.name: each.values
        for each in architectures.comparison.compare_records(records).rows
    }
    assert rows["conv2.stages"]["leaky"] == "batch norm, leaky ReLU, pool"
    assert rows["fc.activation"] == {
        "tanh": "tanh",
        "leaky": "leaky ReLU",
        "elu": "ELU",
    }
    assert rows["leaky.slope"] == {"tanh": "–", "leaky": "0.2", "elu": "–"}
    assert rows["elu.alpha"] == {"tanh": "–", "leaky": "–", "elu": "1"}


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (LeakyReLU, "slope", -0.1),
        (LeakyReLU, "slope", 1),
        (LeakyReLU, "slope", float("nan")),
        (ELU, "alpha", -1),
        (ELU, "alpha", "1"),
    ],
)
def test_constants_out_of_range_are_named(kind: type, name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be .* Received: {name}="):
        kind(**{name: value})


@pytest.mark.compat
@pytest.mark.parametrize("activation", FORMULAS, ids=repr)
def test_towers_on_devices_are_the_packed_network(
    activation: architectures.Stage,
) -> None:
    """With batch normalisation, whose statistics each tower has of its own maps."""
    packed = built(activation)
    towers = convert_towers(packed, ["CPU:0", "CPU:0"])
    for model in (packed, towers):
        model(X, training=True)  # moves the statistics
    again = convert_towers(towers)
    for ours, theirs in zip(again.weights, packed.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    assert np.abs(packed.get_layer("bn2").moving_mean).min() > 1e-6
    np.testing.assert_allclose(towers(X), packed(X), rtol=1e-4, atol=1e-6)
