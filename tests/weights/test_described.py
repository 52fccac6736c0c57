"""Class names and recipes travel with models; files without them are read as before."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

import keras_alexnet
from keras_alexnet import AlexNet, Classifier, architectures, class_names
from keras_alexnet.models import build
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.recipe import Recipe
from keras_alexnet.weights import recipe_of
from keras_alexnet.weights.described import Description, description_in

NAMES = ("Kätzchen", "dog", "wolf")
OWN = Recipe(Preprocessing("BGR", (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)), "warp", 80, 64)
RECORD = dataclasses.replace(architectures.get("paper"), dense=(8, 8))
KINDS = ["keras", "weights.h5"]


def trained(classes: int = 3) -> keras.Model:
    """A small network of the paper's body, whose weights do not look new."""
    model = build(RECORD, input_shape=(64, 64, 3), classes=classes)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        values = [np.cumsum(rng.normal(0, 0.01, w.shape), 0) for w in layer.weights]
        layer.set_weights(values)
    return model


def save(model: keras.Model, path: Path) -> Path:
    (model.save if path.suffix == ".keras" else model.save_weights)(path)
    return path


@pytest.fixture(scope="module", params=KINDS)
def described(request, tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = trained()
    model.describe(recipe=OWN, class_names=NAMES)
    return save(model, tmp_path_factory.mktemp("files") / f"mine.{request.param}")


@pytest.mark.compat
def test_a_file_says_what_its_model_knew(described: Path) -> None:
    assert class_names(described) == class_names(str(described)) == NAMES
    assert recipe_of(described) == OWN
    x = np.full([1, 2, 2, 3], 9, np.uint8)
    np.testing.assert_array_equal(
        keras_alexnet.preprocess_input(x, weights=described), OWN.preprocessing(x)
    )
    rows = keras_alexnet.decode_predictions([[0.2, 0.1, 0.7]], weights=described)
    assert rows == [
        [("wolf", "wolf", 0.7), (NAMES[0], NAMES[0], 0.2), ("dog", "dog", 0.1)]
    ]


@pytest.mark.compat
def test_keras_itself_carries_them_on(tmp_path: Path) -> None:
    model = trained()
    model.describe(recipe=OWN, class_names=NAMES)
    first = save(model, tmp_path / "first.keras")
    again = save(keras.saving.load_model(first), tmp_path / "again.keras")
    loaded = keras.saving.load_model(again)
    assert (loaded.recipe, loaded.class_names) == (OWN, NAMES)
    classifier = Classifier(again)
    assert (classifier.recipe, classifier.class_names) == (OWN, NAMES)
    assert classifier.named
    other = trained()
    other.load_weights(save(loaded, tmp_path / "its.weights.h5"))
    assert (other.recipe, other.class_names) == (OWN, NAMES)


@pytest.mark.compat
@pytest.mark.parametrize("kind", KINDS)
def test_weights_bring_them_into_a_new_model(kind: str, tmp_path: Path) -> None:
    model = AlexNet("owt", input_shape=(64, 64, 3), classes=NAMES)
    for layer in ("conv1", "fc8"):  # so that they do not look new
        kernel, bias = model.get_layer(layer).get_weights()
        values = [np.cumsum(kernel, 0), np.arange(len(bias)) / 1e3]
        model.get_layer(layer).set_weights(values)
    model.describe(recipe=OWN)
    path = save(model, tmp_path / f"mine.{kind}")
    same = AlexNet(weights=path)
    assert (same.recipe, same.class_names) == (OWN, NAMES)
    assert same.input_shape == (None, 64, 64, 3)
    others = AlexNet(weights=path, classes=5)
    assert (others.recipe, others.class_names) == (OWN, ())
    assert AlexNet(weights=path, classes=["a", "b"]).class_names == ("a", "b")
    assert AlexNet(weights=path, input_shape=(96, 96, 3), include_top=False).recipe == (
        OWN.resized(96)
    )


def test_models_made_of_one_keep_its_recipe() -> None:
    model = trained()
    model.describe(recipe=OWN, class_names=NAMES)
    assert keras_alexnet.features(model, "fc7").recipe == OWN
    assert keras_alexnet.features(model, ("fc6", "fc7")).recipe == OWN
    reset = keras_alexnet.reset_classifier(model, ["a", "b"])
    assert (reset.recipe, reset.class_names) == (OWN, ("a", "b"))
    assert keras_alexnet.reset_classifier(model, 4).class_names == ()
    towers = keras_alexnet.convert_towers(model, ["/CPU:0", "/CPU:0"])
    packed = keras_alexnet.convert_towers(towers)
    for each in (towers, packed):
        assert (each.recipe, each.class_names) == (OWN, NAMES)


@pytest.mark.compat
def test_a_run_and_its_export_name_their_classes(run: Path, tmp_path: Path) -> None:
    names = ("0_red", "1_green", "2_blue")
    newest = sorted(run.glob("checkpoints/*.index"))[-1].with_suffix("")
    exports = (run / "servable", run / "servable" / "1")
    for what in (run, newest, *exports, AlexNet(weights=run)):
        assert class_names(what) == names
    assert class_names(Classifier(run)) == names
    assert recipe_of(AlexNet(weights=run)) == recipe_of(run)
    older = Path(shutil.copytree(run / "servable" / "1", tmp_path / "1"))
    card = older / "assets.extra" / "keras_alexnet.json"
    held = json.loads(card.read_text())
    assert held.pop("class_names") == list(names)
    card.write_text(json.dumps(held))
    with pytest.raises(ValueError, match="records the names of its classes"):
        class_names(older)
    assert Classifier(older).predict([b"none"]) == [[]]


def plain(model: keras.Model) -> keras.Model:
    """The same network as any program builds it, without our class."""
    return keras.Model(model.input, model.output, name=model.name)


@pytest.mark.compat
@pytest.mark.parametrize("kind", KINDS)
def test_files_without_them_are_read_as_before(kind: str, tmp_path: Path) -> None:
    model = trained()
    path = save(plain(model), tmp_path / f"mine.{kind}")
    assert description_in(path) == Description()
    with pytest.raises(ValueError, match="records the names of its classes"):
        class_names(path)
    with pytest.raises(ValueError, match="records its recipe"):
        recipe_of(path)
    if kind == "keras":
        classifier = Classifier(path)
        assert classifier.recipe == recipe_of("paper", 64)
        assert classifier.class_names == ("class 0", "class 1", "class 2")
        assert not classifier.named


@pytest.mark.compat
def test_other_models_load_these_files_and_the_other_way(tmp_path: Path) -> None:
    model = trained()
    model.describe(class_names=NAMES)
    path = save(model, tmp_path / "mine.weights.h5")
    other = plain(trained())
    other.load_weights(path)
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])
    model.load_weights(save(other, tmp_path / "other.weights.h5"))
    assert model.class_names == NAMES


@pytest.mark.compat
def test_a_model_within_another_does_not_speak_for_it(tmp_path: Path) -> None:
    model = trained()
    model.describe(class_names=NAMES)
    inputs = keras.Input((64, 64, 3))
    outer = keras.Model(inputs, keras.layers.Dense(2)(model(inputs)))
    outer.save(tmp_path / "outer.keras")
    assert description_in(tmp_path / "outer.keras") == Description()
    with h5py.File(save(outer, tmp_path / "outer.weights.h5")) as file:
        assert "functional" in file["layers"]  # as earlier versions named it


@pytest.mark.parametrize(
    "held", [b"no JSON", b"[]", b'{"class_names": [1]}', b'{"recipe": {}}']
)
def test_a_damaged_description_is_one_line(held: bytes, tmp_path: Path) -> None:
    path = save(trained(), tmp_path / "mine.weights.h5")
    with h5py.File(path, "r+") as file:
        del file["keras_alexnet"]
        file["keras_alexnet"] = np.frombuffer(held, np.uint8)
    for read in (class_names, recipe_of, lambda it: AlexNet("paper", it)):
        with pytest.raises(ValueError, match=r"a whole .*mine\.weights\.h5") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_what_does_not_fit_a_model_is_refused() -> None:
    model = trained()
    with pytest.raises(ValueError, match=r"the model's 3 outputs\. Received: 2"):
        model.describe(class_names=["a", "b"])
    with pytest.raises(ValueError, match=r"\(64, 64\).*Received: image_size=65"):
        model.describe(recipe=OWN.resized(65))
