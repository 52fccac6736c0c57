"""Files of other networks and of other numbers: each is named for what it is."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest

import keras_alexnet
from keras_alexnet import AlexNet, architectures
from keras_alexnet.models import build
from keras_alexnet.weights import open_weights
from keras_alexnet.weights.formats import conversion
from keras_alexnet.weights.loading import assign_weights, load_weights
from keras_alexnet.weights.names import named_weights

pytestmark = [
    pytest.mark.compat,
    pytest.mark.filterwarnings("ignore:.*look untrained:UserWarning"),
]
KINDS = ("weights.h5", "keras")
# Narrow, so that a file is small; the layers are the variant's.
RECORD = dataclasses.replace(architectures.get("owt"), dense=(8, 8))


def narrow(**arguments: Any) -> keras.Model:
    return build(RECORD, **{"input_shape": (63, 63, 3), "classes": 5, **arguments})


def save(model: keras.Model, path: Path) -> Path:
    if path.suffix == ".keras":
        model.save(path)
    else:
        model.save_weights(str(path))
    return path


def refused(path: Path, message: str, **arguments: Any) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        AlexNet(weights=path, **arguments)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def foreign() -> keras.Model:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(4, 3, name="block1_conv1"),
            layers.Flatten(),
            layers.Dense(5, name="predictions"),
        ],
        name="vgg",
    )


def nested() -> keras.Model:
    body = narrow(include_top=False, pooling="avg", name="the_alexnet")
    return keras.Sequential([body, keras.layers.Dense(5)], name="mine")


# What it is, what is said of the weights file, and of the whole model's.
OTHERS: dict[Callable[[], keras.Model], tuple[str, str]] = {
    foreign: (
        r"of an AlexNet.*a file of other layers: conv2d \(3, 3, 3, 4\), dense",
        r"of an AlexNet.*'vgg', a model of .*block1_conv1.*without conv1",
    ),
    nested: (
        r"its model holds another, 'functional'.*save its weights alone",
        r"with the model 'the_alexnet' in it.*get_layer\('the_alexnet'\)\.save",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", OTHERS)
@pytest.mark.parametrize("variant", [None, "paper"])
def test_errors_describe_other_models(
    make: Callable[[], keras.Model], kind: str, variant: str | None, tmp_path: Path
) -> None:
    path = save(make(), tmp_path / f"other.{kind}")
    refused(path, OTHERS[make][KINDS.index(kind)], variant=variant)


def test_towers_on_devices_must_be_packed_first(tmp_path: Path) -> None:
    record = dataclasses.replace(architectures.get("paper"), dense=(8, 8))
    model = build(record, input_shape=(64, 64, 3), classes=5)
    towers = keras_alexnet.convert_towers(model, ["/CPU:0", "/CPU:0"])
    path = save(towers, tmp_path / "towers.keras")
    refused(
        path, r"each tower on a device; save keras_alexnet\.convert_towers\(model\)"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_another_number_of_channels_is_an_error(kind: str, tmp_path: Path) -> None:
    model = AlexNet("owt", include_top=False)
    path = save(model, tmp_path / f"rgb.{kind}")
    message = r"input_shape must have 3 channels.*Received: 1 channels, weights='.*rgb"
    for form in (
        {"input_shape": (63, 63, 1)},
        {"input_tensor": keras.Input((63, 63, 1))},
    ):
        refused(path, message, variant="owt", include_top=False, **form)


def test_published_weights_are_not_downloaded_for_one_channel() -> None:
    with pytest.raises(ValueError, match=r"3 channels.*1 channels, weights='imagenet'"):
        AlexNet(weights="imagenet", input_shape=(227, 227, 1))


def test_weights_without_a_known_preprocessing_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "mine.pth"
    path.write_bytes(b"")
    x = np.zeros((1, 2, 2, 3))
    for weights, found in (
        (path, "a file that does not record its preprocessing"),
        (str(path), "a file that does not record its preprocessing"),
        (tmp_path, "a folder that does not record its preprocessing"),
        (tmp_path / "no.pth", "which does not exist"),
        (3, "a int"),
    ):
        with pytest.raises(ValueError, match=rf"preprocess_input\(x, var.*{found}"):
            keras_alexnet.preprocess_input(x, weights=weights)
    with pytest.raises(ValueError, match=r"name them in the order of its.*mine"):
        keras_alexnet.decode_predictions(np.eye(1000), weights=path)


@pytest.fixture
def h5(tmp_path: Path) -> Path:
    return save(narrow(), tmp_path / "mine.weights.h5")


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8", "bool", "complex64", "S4"])
def test_values_of_another_type_are_no_weights(h5: Path, dtype: str) -> None:
    with h5py.File(h5, "r+") as file:
        shape = file["layers/dense/vars/0"].shape
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = np.ones(shape, dtype)
    refused(h5, "layers/dense/vars/0 holds")


def state(dtype: str) -> dict[str, np.ndarray]:
    """torchvision's names and layouts, of narrow layers."""
    named = named_weights(narrow())
    torch: dict[str, np.ndarray] = {}
    for place, layer in conversion._TORCH.items():
        kernel = np.asarray(named[layer]["kernel"])
        axes = (3, 2, 0, 1) if kernel.ndim == 4 else (1, 0)
        torch[f"{place}.weight"] = kernel.transpose(axes).astype(dtype)
        torch[f"{place}.bias"] = np.asarray(named[layer]["bias"]).astype(dtype)
    return torch


def blobs(dtype: str) -> dict[str, list[np.ndarray]]:
    """Caffe's of the same, which has the same layouts."""
    values = list(state(dtype).values())
    pairs = zip(values[::2], values[1::2], strict=True)
    return dict(zip(conversion._TORCH.values(), map(list, pairs), strict=True))


READERS: dict[str, Callable[[str], Any]] = {
    "torch": lambda dtype: conversion.from_torch(state(dtype), "x.pth"),
    "caffe": lambda dtype: conversion.from_caffe(blobs(dtype), "x.caffemodel"),
    "npy": lambda dtype: conversion.from_npy(
        {
            layer: [np.moveaxis(kernel, 0, -1), bias]
            for layer, (kernel, bias) in blobs(dtype).items()
        },
        "x.npy",
    ),
}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_takes_floats_of_any_width_and_nothing_else(reader: str) -> None:
    for dtype in ("float16", "float32", "float64"):
        assert READERS[reader](dtype)["fc6"]["kernel"].dtype == np.float32
    for dtype in ("int8", "uint8", "int64", "bool", "complex64"):
        with pytest.raises(ValueError, match=f"values of type {dtype}"):
            READERS[reader](dtype)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_values_are_rounded_to_the_models_type(dtype: str) -> None:
    import tensorflow as tf

    model = narrow()
    values = {
        layer: {
            name: tf.cast(variable, dtype).numpy() * 0 + tf.cast(1 / 3, dtype).numpy()
            for name, variable in variables.items()
        }
        for layer, variables in named_weights(model).items()
    }
    assign_weights(model, values, "mine")
    expected = np.asarray(tf.cast(tf.cast(1 / 3, dtype), "float32"))
    for weights in model.get_weights():
        np.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v["fc6"].update(kernel=np.ones((9216, 8), "int8")), "type int8"),
        (lambda v: v["fc6"].update(kernel_scale=np.ones(8)), "fc6/kernel_scale"),
        (
            lambda v: v["fc6"].update(bias=np.full(8, 1e300)),
            "beyond float32 in fc6/bias",
        ),
        (lambda v: v["fc7"].pop("bias"), "hold fc7/bias.*has none"),
    ],
)
def test_nothing_is_assigned_where_one_value_does_not_fit(
    change: Callable[[Any], Any], message: str
) -> None:
    model = narrow()
    values = {
        layer: {name: np.ones(v.shape, "float32") for name, v in variables.items()}
        for layer, variables in named_weights(model).items()
    }
    change(values)
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        assign_weights(model, values, "mine")
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_unexpected_arrays_of_a_layer_are_refused(h5: Path) -> None:
    with h5py.File(h5, "r+") as file:
        file["layers/conv2d_1/vars/2"] = np.ones(3, "float32")
    with pytest.raises(
        ValueError, match="conv2d_1 holds 3 arrays, not kernel and bias"
    ):
        open_weights(h5).read(RECORD)
    with h5py.File(h5, "r+") as file:
        del file["layers/conv2d_1/vars/2"]
        file["extra/vars/0"] = np.ones(3, "float32")
    refused(h5, "extra/vars/0 is not where Keras keeps weights")


@pytest.mark.parametrize("kind", KINDS)
def test_the_optimizers_arrays_are_ignored(kind: str, tmp_path: Path) -> None:
    model = narrow()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.ones((2, 63, 63, 3)), np.array([0, 1]), verbose=0)
    path = save(model, tmp_path / f"trained.{kind}")
    other = narrow()
    load_weights(other, open_weights(path), RECORD)
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_layers_that_are_not_read_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = narrow(include_top=False, pooling="avg")
    head = keras.layers.Dense(5, name="mine")(model.output)
    path = save(keras.Model(model.input, head), tmp_path / "head.keras")
    with caplog.at_level(logging.WARNING, "keras_alexnet"):
        AlexNet("owt", path, include_top=False, pooling="avg")
        conversion.from_caffe({**blobs("float32"), "fc8_flickr": []}, "x.caffemodel")
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        f"{path}: not read, since the model has no such layers: mine",
        "x.caffemodel: not read, since an AlexNet has no such layers: fc8_flickr",
    ]
