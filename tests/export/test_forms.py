"""Every variant in every form, run by the runtime that the form is for."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import openvino
import pytest
import safetensors
from exported_forms import FORMS, RUNTIMES, onnx_runtime
from served_models import NAMES, SIDE, filled, picture, served_model

import keras_alexnet
from keras_alexnet import architectures
from keras_alexnet.architectures.records import ELU, LeakyReLU, Tanh
from keras_alexnet.export import onnx_graph
from keras_alexnet.models import build
from keras_alexnet.normalizations import LRN, WithinChannelLRN

VARIANTS = architectures.names()
PICTURES = np.stack([np.asarray(picture(n, (SIDE, SIDE))) for n in range(8)])


def as_trained(model: keras.Model) -> keras.Model:
    """Gives batch normalisation drawn values, and scores a wider range."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            values = [rng.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()]
            layer.set_weights(values)
    kernel, bias = model.get_layer("fc8").get_weights()
    spread = np.log(exact(model, PICTURES)).std(axis=0).max()
    model.get_layer("fc8").set_weights([kernel / spread, bias])
    return model


@pytest.fixture(scope="module", params=VARIANTS)
def network(request: pytest.FixtureRequest) -> keras.Model:
    model = as_trained(served_model(request.param))
    model.describe(class_names=NAMES)
    return model


def exact(model: keras.Model, pictures: np.ndarray) -> np.ndarray:
    return np.asarray(model(model.recipe.preprocessing(pictures), training=False))


@pytest.mark.compat
@pytest.mark.parametrize("form", RUNTIMES)
def test_its_own_runtime_gives_what_the_model_gives(
    network: keras.Model, form: str, tmp_path: Path
) -> None:
    path = FORMS[form].write(network, tmp_path / FORMS[form].name)
    run = RUNTIMES[form](path)
    expected = exact(network, PICTURES)
    assert np.ptp(expected, axis=0).max() > 0.05  # the scores depend on the picture
    for batch in (1, 8):
        found = run(PICTURES[:batch])
        assert found.shape == (batch, len(NAMES))
        np.testing.assert_allclose(found, expected[:batch], atol=1e-5)


@pytest.mark.compat
@pytest.mark.parametrize("form", ["onnx", "openvino"])
@pytest.mark.parametrize("variant", ["caffe", "owt"])  # BGR, and a scale
def test_prepared_pictures_have_their_channels_first(
    variant: str, form: str, tmp_path: Path
) -> None:
    model = served_model(variant)
    path = tmp_path / FORMS[form].name
    path = FORMS[form].write(model, path, class_names=NAMES, inputs="prepared")
    prepared = np.moveaxis(model.recipe.preprocessing(PICTURES), -1, 1)
    found = RUNTIMES[form](path)(np.ascontiguousarray(prepared))
    np.testing.assert_allclose(found, exact(model, PICTURES), atol=1e-5)


def test_the_paper_at_full_size(tmp_path: Path) -> None:
    model = keras_alexnet.AlexNet(classes=1000)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            kernel, bias = layer.get_weights()
            gain = 1.4 / np.sqrt(np.prod(kernel.shape[:-1]))
            kernel = rng.standard_normal(kernel.shape, np.float32) * np.float32(gain)
            layer.set_weights([kernel, bias])
    names = keras_alexnet.class_names("imagenet")
    path = keras_alexnet.export_onnx(model, tmp_path / "x.onnx", class_names=names)
    assert path.stat().st_size < 4 * model.count_params() + 400_000
    pictures = np.stack([np.asarray(picture(n, (224, 224))) for n in range(8)])
    expected = exact(model, pictures)
    assert expected.max() > 0.1
    run = onnx_runtime(path)
    for batch in (1, 8):
        np.testing.assert_allclose(run(pictures[:batch]), expected[:batch], atol=1e-5)


def test_an_onnx_file_has_the_networks_own_operators(tmp_path: Path) -> None:
    path = keras_alexnet.export_onnx(
        served_model(), tmp_path / "x.onnx", class_names=NAMES
    )
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    assert [(each.domain, each.version) for each in model.opset_import] == [("", 17)]
    assert {node.domain for node in model.graph.node} == {""}
    groups = {
        node.name: attribute.i
        for node in model.graph.node
        for attribute in node.attribute
        if attribute.name == "group"
    }
    assert [groups[f"conv{n}"] for n in range(1, 6)] == [1, 2, 1, 2, 2]
    assert groups["seam1/energy"] == 2  # normalisation within each tower


# What no variant has, but an architecture of one's own can have.
def of_record(**changes: Any) -> Callable[[], keras.Model]:
    def make() -> keras.Model:
        record = architectures.get("paper")
        first, *others = record.convolutions
        stages = changes.get("stages", first.stages)
        first = dataclasses.replace(first, filters=12, stages=stages)
        small = [dataclasses.replace(each, filters=8) for each in others]
        record = dataclasses.replace(
            record,
            convolutions=(first, *small),
            dense=(9, 7),
            dense_activation=changes.get("dense_activation", record.dense_activation),
        )
        arguments = {"classes": 7, "input_shape": (SIDE, SIDE, 3)}
        return filled(build(record, **arguments))

    return make


def own(*layers: keras.layers.Layer) -> Callable[[], keras.Model]:
    """A model of a user's own layers."""
    last = keras.layers.Dense(7, activation="softmax")
    every = [keras.Input((SIDE, SIDE, 3)), *layers, last]
    return lambda: filled(keras.Sequential(every))


def then(*layers: keras.layers.Layer) -> Callable[[], keras.Model]:
    return lambda: keras.Sequential([served_model(classifier_activation=None), *layers])


OTHERS: dict[str, Callable[[], keras.Model]] = {
    "tanh": of_record(stages=(Tanh(),), dense_activation=Tanh()),
    "leaky": of_record(stages=(LeakyReLU(0.2),), dense_activation=LeakyReLU(0.1)),
    "elu": of_record(stages=(ELU(0.5),), dense_activation=ELU(2.0)),
    "an even size": of_record(stages=(LRN(4, 1.5, 0.1, 0.75),)),
    "another power": of_record(stages=(LRN(3, 1.0, 0.1, 0.6, "mean"),)),
    "windows wider than towers": of_record(stages=(LRN(31, 1.0, 0.01),)),
    "within a map": of_record(stages=(WithinChannelLRN(3, 2.0, 0.1, 0.5),)),
    "sigmoids": lambda: served_model(classifier_activation="sigmoid"),
    "no head": then(keras.layers.Softmax()),
    "a model within": then(keras.layers.Activation("sigmoid")),
    "global mean": own(
        keras.layers.Conv2D(5, 3, padding="same", strides=2, activation="relu"),
        keras.layers.MaxPooling2D(3, 2, padding="same"),
        keras.layers.BatchNormalization(scale=False, center=False),
        keras.layers.GlobalAveragePooling2D(),
    ),
    "global maximum": own(
        keras.layers.Conv2D(5, 3, dilation_rate=2, padding="same", use_bias=False),
        keras.layers.ZeroPadding2D(((1, 2), (3, 0))),
        keras.layers.ReLU(),
        keras.layers.GlobalMaxPooling2D(),
        keras.layers.Dropout(0.5),
    ),
}


@pytest.mark.compat
@pytest.mark.parametrize("name", OTHERS)
def test_networks_of_ones_own_in_onnx(name: str, tmp_path: Path) -> None:
    model = OTHERS[name]()
    path = keras_alexnet.export_onnx(
        model,
        tmp_path / "x.onnx",
        class_names=NAMES,
        preprocessing="paper",
        inputs="prepared",
    )
    prepared = keras_alexnet.preprocess_input(PICTURES)
    found = onnx_runtime(path)(np.ascontiguousarray(np.moveaxis(prepared, -1, 1)))
    expected = np.asarray(model(prepared, training=False))
    assert np.ptp(expected, axis=0).max() > 1e-4
    np.testing.assert_allclose(found, expected, atol=1e-5)


class Doubled(keras.layers.Dense):
    def call(self, inputs: Any) -> Any:
        return 2 * super().call(inputs)


def with_a_shortcut() -> keras.Model:
    model = served_model(classifier_activation=None)
    shortcut = keras.layers.Dense(7)(keras.layers.Flatten()(model.input))
    x = keras.layers.Add()([model.output, shortcut])
    return keras.Model(model.input, keras.layers.Softmax()(x))


def out_of_order() -> keras.Model:
    """Each layer is known, but they are no row: one is used twice."""
    inputs = keras.Input((SIDE, SIDE, 3))
    twice = keras.layers.Conv2D(3, 3, padding="same", kernel_initializer="ones")
    x = keras.layers.Flatten()(twice(twice(inputs)))
    scores = keras.layers.Dense(7, "softmax", kernel_initializer="glorot_normal")(x)
    return keras.Model(inputs, scores)


REFUSED: dict[str, tuple[Callable[[], keras.Model], str]] = {
    "a layer of another kind": (
        own(keras.layers.Rescaling(2.0), keras.layers.Flatten()),
        "a Rescaling",
    ),
    "a layer derived": (own(keras.layers.Flatten(), Doubled(9)), "a Doubled"),
    "another activation": (
        own(keras.layers.Flatten(), keras.layers.Dense(9, "gelu")),
        "a Dense of 'gelu'",
    ),
    "a shortcut": (with_a_shortcut, "a Add"),
    "no row": (out_of_order, "whose layers are not"),
    "logits": (then(keras.layers.Flatten()), "None as its last activation"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_onnx_cannot_hold_is_one_line(name: str, tmp_path: Path) -> None:
    make, received = REFUSED[name]
    options = {"class_names": NAMES, "preprocessing": "paper"}
    for write in (keras_alexnet.export_onnx, keras_alexnet.export_openvino):
        with pytest.raises(ValueError, match=f"Received: .*{received}") as caught:
            write(make(), tmp_path / "new" / "x.onnx", **options)
        assert "\n" not in str(caught.value)
    assert not [*tmp_path.iterdir()]


def test_a_network_too_large_for_one_file_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_graph, "_MOST_BYTES", 10_000)
    with pytest.raises(ValueError, match=r"2 GiB of weights\. Received: .* bytes$"):
        keras_alexnet.export_onnx(
            served_model(), tmp_path / "x.onnx", class_names=NAMES
        )
    assert not [*tmp_path.iterdir()]


def recorded_in_onnx(path: Path) -> str:
    metadata = {each.key: each.value for each in onnx.load(path).metadata_props}
    return metadata["keras_alexnet"]


def recorded_in_openvino(path: Path) -> str:
    model = openvino.Core().read_model(path / "alexnet.xml")
    return model.get_rt_info("keras_alexnet").astype(str)


def recorded_in_safetensors(path: Path) -> str:
    with safetensors.safe_open(path, "numpy") as file:
        return file.metadata()["keras_alexnet"]


@pytest.mark.compat
@pytest.mark.parametrize(
    ("form", "recorded"),
    [
        ("onnx", recorded_in_onnx),
        ("openvino", recorded_in_openvino),
        ("safetensors", recorded_in_safetensors),
    ],
)
def test_files_record_recipe_names_and_variant(
    form: str, recorded: Callable[[Path], str], tmp_path: Path
) -> None:
    model = served_model("caffenet")
    model.describe(class_names=['a "b"', "<c>", "d", "e", "f", "g", "хы"])
    path = FORMS[form].write(model, tmp_path / FORMS[form].name)
    assert json.loads(recorded(path)) == {
        "recipe": json.loads(json.dumps(model.recipe.as_dict())),
        "class_names": list(model.class_names),
        "variant": "caffenet",
    }


@pytest.mark.compat
def test_safetensors_hold_the_values_of_keras(
    network: keras.Model, tmp_path: Path
) -> None:
    path = keras_alexnet.export_safetensors(network, tmp_path / "x.safetensors")
    expected = {
        f"{layer.name}/{weight.name.split('/')[-1].split(':')[0]}": value
        for layer in network.layers
        for weight, value in zip(layer.weights, layer.get_weights(), strict=True)
    }
    assert {"conv1/kernel", "fc6/bias", "fc8/kernel"} <= {*expected}
    with safetensors.safe_open(path, "numpy") as file:
        assert {*file.keys()} == {*expected}
        for name, value in expected.items():
            found = file.get_tensor(name)
            assert found.dtype == np.float32
            np.testing.assert_array_equal(found, value)


@pytest.mark.compat
def test_a_keras_file_is_the_model(network: keras.Model, tmp_path: Path) -> None:
    path = keras_alexnet.export_keras(network, tmp_path / "x.keras")
    loaded = keras.saving.load_model(path)
    np.testing.assert_array_equal(exact(loaded, PICTURES), exact(network, PICTURES))
    assert loaded.class_names == NAMES
    assert loaded.recipe == network.recipe


@pytest.mark.compat
def test_towers_on_devices_leave_as_one_network(tmp_path: Path) -> None:
    model = served_model()
    model.describe(class_names=NAMES)
    towers = keras_alexnet.convert_towers(model, ["/CPU:0", "/CPU:0"])
    for form in FORMS.values():
        place = tmp_path / form.name
        one, two = form.write(model, place), form.write(towers, place)
        assert one.name == two.name or one.is_dir()
    run = onnx_runtime(tmp_path / FORMS["onnx"].name)
    np.testing.assert_allclose(run(PICTURES), exact(model, PICTURES), atol=1e-5)
    loaded = keras.saving.load_model(tmp_path / FORMS["keras"].name)
    np.testing.assert_array_equal(exact(loaded, PICTURES), exact(model, PICTURES))


def test_files_of_weights_are_of_an_alexnet(tmp_path: Path) -> None:
    model = own(keras.layers.Flatten())()
    with pytest.raises(ValueError, match=r"Received: .*without conv1"):
        keras_alexnet.export_safetensors(model, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match=r"ends with \.keras\. Received: path="):
        keras_alexnet.export_keras(model, tmp_path / "x.h5")
    assert not [*tmp_path.iterdir()]
