"""Arguments of another type: one line with what was expected and what was received."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import keras_alexnet
from keras_alexnet import AlexNet, architectures, weights
from keras_alexnet.models import build
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.recipe import Recipe

VALUES: dict[str, Any] = {
    "none": None,
    "number as text": "96",
    "number": 3,
    "fraction": 2.5,
    "list of text": ["a"],
    "empty list": [],
    "path": Path("none.jpg"),
    "bytes": b"x",
    "object": object(),
    "dictionary": {"a": 1},
}
PIXELS = np.zeros([70, 80, 3], np.uint8)
RECIPE = Recipe(Preprocessing(), "shorter_side", 73, 64)
NONE, NUMBER, NAMES = {"none"}, {"number"}, {"list of text"}
# No pictures at all, or a file that does not exist: errors of other tests.
FILES = {"number as text", "path", "list of text"}
PATHS = {"number as text", "path", "bytes"}


def exporting(write: Callable, name: str) -> Callable[[Any, Path], Callable]:
    """An export of the model to a path of this name."""
    return lambda model, run: (
        lambda model=model, **named: write(model, **{"path": run / name, **named})
    )


@pytest.fixture(scope="module")
def model() -> keras.Model:
    record = architectures.get("paper")
    made = build(record, input_shape=(64, 64, 3), classes=3)
    made.compile("sgd", "sparse_categorical_crossentropy")
    return made


# Function, its good arguments, and for those that are tried what they also take.
Case = tuple[Callable[[Any, Path], Callable], dict[str, Any], dict[str, set[str]]]
CASES: dict[str, Case] = {
    "AlexNet": (
        lambda model, run: AlexNet,
        {"input_shape": (64, 64, 3), "classes": 3},
        {
            "variant": NONE,
            "weights": NONE,
            "include_top": set(),
            "input_tensor": NONE,
            "input_shape": NONE,
            "pooling": NONE,
            "classes": NONE | NUMBER | NAMES,
            "classifier_activation": NONE,
            "initialization": set(),
            "kernels": set(),
            "towers": NONE,
            "devices": NONE,
        },
    ),
    "Classifier": (
        lambda model, run: keras_alexnet.Classifier,
        {"what": "none.keras"},
        {"what": set(), "class_names": set(VALUES), "image_size": set(VALUES)},
    ),
    "predict": (
        lambda model, run: keras_alexnet.Classifier(run).predict,
        {"pictures": PIXELS},
        {"top": NUMBER, "batch_size": NUMBER},
    ),
    "answers": (
        lambda model, run: keras_alexnet.Classifier(run).answers,
        {},
        {"pictures": NAMES | {"empty list"}},
    ),
    "Classifier.features": (
        lambda model, run: keras_alexnet.Classifier(run).features,
        {"pictures": PIXELS},
        {"layers": NONE, "batch_size": NUMBER},
    ),
    "Recipe": (
        lambda model, run: Recipe,
        {**RECIPE.as_dict(), "preprocessing": RECIPE.preprocessing},
        {key: set() for key in RECIPE.as_dict()} | {"image_size": NUMBER},
    ),
    "a recipe": (lambda model, run: RECIPE, {}, {"pictures": FILES}),
    "resized": (lambda model, run: RECIPE.resized, {}, {"image_size": NUMBER}),
    "from_dict": (lambda model, run: Recipe.from_dict, {}, {"held": set()}),
    "recipe_of": (
        lambda model, run: weights.recipe_of,
        {"what": "paper"},
        {"what": set(), "image_size": NONE | NUMBER, "views": set()},
    ),
    "load_pictures": (
        lambda model, run: keras_alexnet.load_pictures,
        {"pictures": PIXELS, "recipe": RECIPE},
        {"pictures": FILES, "recipe": set(), "image_size": NONE | NUMBER},
    ),
    "preprocess_input": (
        lambda model, run: keras_alexnet.preprocess_input,
        {"x": PIXELS},
        {"x": set(), "variant": NONE, "weights": NONE},
    ),
    "decode_predictions": (
        lambda model, run: keras_alexnet.decode_predictions,
        {"preds": np.eye(1000)[:1]},
        {"preds": set(), "top": NUMBER, "weights": set()},
    ),
    "class_names": (
        lambda model, run: keras_alexnet.class_names,
        {},
        {"weights": set()},
    ),
    "features": (
        lambda model, run: (
            lambda model=model, **named: keras_alexnet.features(model, **named)
        ),
        {},
        {"model": set(), "layer": set()},
    ),
    "reset_classifier": (
        lambda model, run: (
            lambda model=model, **named: keras_alexnet.reset_classifier(model, **named)
        ),
        {"classes": 3},
        {"model": set(), "classes": NUMBER | NAMES, "classifier_activation": NONE},
    ),
    "convert_towers": (
        lambda model, run: lambda **named: keras_alexnet.convert_towers(model, **named),
        {},
        {"devices": NONE},
    ),
    "describe": (
        lambda model, run: model.describe,
        {},
        {"recipe": NONE, "class_names": NONE},
    ),
    "export_saved_model": (
        lambda model, run: (
            lambda model=model, **named: keras_alexnet.export_saved_model(
                model, **{"path": run / "other", **named}
            )
        ),
        {"class_names": ["a", "b", "c"], "preprocessing": "paper"},
        {
            "model": set(),
            "path": {"number as text", "path", "bytes"},
            "class_names": set(),
            "preprocessing": NONE,
            "top_k": NUMBER,
            "views": set(),
            "precision": set(),
            "warmup": set(),
            "version": NONE | NUMBER,
        },
    ),
    "export_tflite": (
        lambda model, run: (
            lambda model=model, **named: keras_alexnet.export_tflite(
                model, **{"path": run / "other.tflite", **named}
            )
        ),
        {"class_names": ["a", "b", "c"], "preprocessing": "paper"},
        {
            "model": set(),
            "path": {"number as text", "path", "bytes"},
            "class_names": set(),
            "preprocessing": NONE,
            "precision": set(),
            "calibration": NONE,
        },
    ),
    "export_onnx": (
        exporting(keras_alexnet.export_onnx, "other.onnx"),
        {"class_names": ["a", "b", "c"], "preprocessing": "paper"},
        {
            "model": set(),
            "path": PATHS,
            "class_names": set(),
            "preprocessing": NONE,
            "inputs": set(),
        },
    ),
    "export_openvino": (
        exporting(keras_alexnet.export_openvino, "other_versions"),
        {"class_names": ["a", "b", "c"], "preprocessing": "paper"},
        {"path": PATHS, "inputs": set(), "version": NONE | NUMBER},
    ),
    "export_safetensors": (
        exporting(keras_alexnet.export_safetensors, "other.safetensors"),
        {},
        {"model": set(), "path": PATHS},
    ),
    "export_keras": (
        exporting(keras_alexnet.export_keras, "other.keras"),
        {},
        {"model": set(), "path": PATHS},
    ),
    "check_saved_model": (
        lambda model, run: keras_alexnet.check_saved_model,
        {},
        {"path": set()},
    ),
    # Keras itself has a line for the others.
    "model.predict": (
        lambda model, run: model.predict,
        {},
        {"x": {"dictionary", "object"}},
    ),
    "model.fit": (
        lambda model, run: model.fit,
        {"x": np.zeros([2, 64, 64, 3], np.float32), "verbose": 0},
        {"y": NONE | {"empty list", "dictionary", "object"}},
    ),
}
TRIED = [
    (name, argument, value)
    for name, (_, _, arguments) in CASES.items()
    for argument, legal in arguments.items()
    for value in VALUES
    if value not in legal
]


@pytest.mark.compat
@pytest.mark.parametrize(("name", "argument"), {each[:2]: 0 for each in TRIED})
def test_arguments_of_another_type_are_one_line(
    name: str, argument: str, model: keras.Model, run: Path
) -> None:
    make, good, arguments = CASES[name]
    function = make(model, run)
    for kind in VALUES.keys() - arguments[argument]:
        with pytest.raises((ValueError, TypeError)) as caught:
            function(**{**good, argument: VALUES[kind]})
        message = str(caught.value)
        assert "Received: " in message, (kind, message)
        assert "\n" not in message, (kind, message)


SIZES = [(2, 67, 64, 3), (2, 96, 96, 3), (2, 64, 64, 1), (64, 64, 3)]


@pytest.mark.compat
@pytest.mark.parametrize("call", ["predict", "predict_on_batch", "fit", "evaluate"])
def test_pictures_of_another_size_are_one_line_after_a_right_call(
    model: keras.Model, call: str
) -> None:
    labels = {} if call.startswith("predict") else {"y": np.zeros(2)}
    quiet = {} if call.endswith("on_batch") else {"verbose": 0}
    getattr(model, call)(np.zeros([2, 64, 64, 3], np.float32), **labels, **quiet)
    for shape in SIZES:
        with pytest.raises(ValueError, match="x must be prepared") as caught:
            getattr(model, call)(np.zeros(shape, np.float32), **labels, **quiet)
        assert "(None, 64, 64, 3)" in str(caught.value)
        assert f"Received: shape={shape}" in str(caught.value)


@pytest.mark.compat
@pytest.mark.parametrize("labels", [["a", "b"], np.array(["a", "b"]), [b"a", b"b"]])
def test_labels_as_text_are_one_line(model: keras.Model, labels: Any) -> None:
    x = np.zeros([2, 64, 64, 3], np.float32)
    for call in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(ValueError, match=r"y must be numbers.*Received: labels"):
            call(x, labels)


# A name of weights where a variant's belongs, and the other way round.
EXCHANGED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "weights as variant": (
        lambda run: AlexNet("imagenet"),
        "weights='imagenet'. Received: variant='imagenet'",
    ),
    "a run as variant": (lambda run: AlexNet(str(run)), "weights={run!r}. Received: "),
    "a path as variant": (lambda run: AlexNet(run), "weights={run!r}. Received: "),
    "colours of weights": (
        lambda run: keras_alexnet.preprocess_input(PIXELS, "bvlc_alexnet"),
        "weights='bvlc_alexnet'. Received: variant='bvlc_alexnet'",
    ),
    "variant as weights": (
        lambda run: AlexNet(weights="paper"),
        "Received: 'paper', a variant: AlexNet('paper') has new weights",
    ),
    "variant as model": (
        lambda run: keras_alexnet.Classifier("caffe"),
        "Received: 'caffe', a variant: AlexNet('caffe') has new weights",
    ),
}


@pytest.mark.parametrize("case", EXCHANGED)
def test_a_name_for_the_other_argument_is_known(case: str, run: Path) -> None:
    call, message = EXCHANGED[case]
    with pytest.raises(ValueError, match="Received: ") as caught:
        call(run)
    assert message.format(run=str(run)) in str(caught.value)
    assert "\n" not in str(caught.value)
