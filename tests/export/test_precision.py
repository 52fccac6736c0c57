"""Kernels in fewer bits: what is stored, and what it computes."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from served_models import NAMES, SIDE, picture, served_model
from small_models import computing_in

import keras_alexnet
from keras_alexnet import architectures
from keras_alexnet.export.precision import Weights

VARIANTS = architectures.names()
PRECISIONS = ("bfloat16", "float16", "int8")


def rounded(kernel: np.ndarray, precision: str) -> np.ndarray:
    """What is left of a kernel, by NumPy; bfloat16 is float32's upper half."""
    if precision == "float16":
        return kernel.astype(np.float16).astype(np.float32)
    if precision == "bfloat16":
        bits = kernel.view(np.uint32)
        even = (bits >> 16) & 1  # halves go to the even neighbour
        return ((bits + 0x7FFF + even) & 0xFFFF0000).astype(np.uint32).view(np.float32)
    step = np.abs(kernel).reshape(-1, kernel.shape[-1]).max(axis=0) / np.float32(127)
    return np.round(kernel / step) * step


def size(path: Path) -> int:
    return sum(each.stat().st_size for each in path.rglob("variables/*"))


@pytest.mark.parametrize(
    "place",
    [
        *(pytest.param(place, marks=pytest.mark.compat) for place in range(3)),
        *range(3, len(VARIANTS)),
    ],
)
def test_every_variant_in_a_precision(place: int, tmp_path: Path) -> None:
    variant, precision = VARIANTS[place], PRECISIONS[place % len(PRECISIONS)]
    model = served_model(variant)
    before = [weight.copy() for weight in model.get_weights()]
    path = keras_alexnet.export_saved_model(
        model,
        tmp_path,
        class_names=NAMES,
        preprocessing=variant,
        precision=precision,
        warmup=False,
    )
    for weight, kept in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)
    report = keras_alexnet.check_saved_model(path, model)
    assert report.card.precision == precision
    share = size(path) / (4 * model.count_params())
    assert share < (0.4 if precision == "int8" else 0.6)  # the index takes a little


@pytest.mark.compat
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_network_is_the_one_whose_kernels_numpy_rounds(precision: str) -> None:
    model = served_model()
    views = np.stack([picture(i, (SIDE, SIDE)) for i in range(3)])
    x = keras_alexnet.preprocess_input(views)
    exact = model(x).numpy()
    weights = Weights(model, precision)
    with weights.widened():
        found = weights.model(x).numpy()
    values = [
        rounded(each, precision) if each.ndim > 1 else each
        for each in model.get_weights()
    ]
    # In bfloat16 layers compute too.
    with computing_in("mixed_bfloat16" if precision == "bfloat16" else "float32"):
        model = served_model()
    model.set_weights(values)
    np.testing.assert_allclose(found, model(x), atol=1e-6)
    assert np.abs(found - exact).max() > 1e-5


def test_what_a_precision_cannot_hold_is_refused() -> None:
    model = served_model()
    kernel, bias = model.get_layer("fc6").get_weights()
    model.get_layer("fc6").set_weights([kernel * 0 + 1e6, bias])
    with pytest.raises(ValueError, match="Received: the layer 'fc6'"):
        Weights(model, "float16")


def test_a_channel_of_zeros_stays_so() -> None:
    model = served_model()
    model.get_layer("fc8").set_weights([np.zeros((20, 7)), np.zeros(7)])
    weights = Weights(model, "int8")
    with weights.widened():
        y = model(np.ones((1, SIDE, SIDE, 3), "float32"))
    np.testing.assert_allclose(y, np.full((1, 7), 1 / 7), atol=1e-6)


def test_a_model_within_a_model_is_stored_too() -> None:
    outer = keras.Sequential([keras.Input((SIDE, SIDE, 3)), served_model()])
    weights = Weights(outer, "int8")
    kernels = [w for w in outer.weights if len(w.shape) > 1]
    assert len(weights.narrow) == len(kernels) == 8
    assert len(weights.plain) == len(outer.weights) - 8
