"""What is written: examples that run, files that are named."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_alexnet
from keras_alexnet.models import build
from keras_alexnet.optimizers import PaperSGD
from keras_alexnet.training import TrainingConfig

ROOT = Path(__file__).resolve().parent.parent
TRAINING = (ROOT / "docs" / "training.md").read_text()
FINE_TUNING = (ROOT / "docs" / "fine-tuning.md").read_text()
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(keras_alexnet.__path__, "keras_alexnet.")
    if not module.name.endswith(".libkeras_alexnet")  # no module of Python's
)
# What the examples take for granted, besides the names of their own module.
KNOWN = {"np": np, "tf": tf, "keras": keras, **vars(keras_alexnet)}


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name: str) -> None:
    module = importlib.import_module(name)
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    names = {**KNOWN, **vars(module)}
    result = doctest.testmod(module, globs=names, optionflags=options)
    assert result.failed == 0


def test_files_that_the_readme_links_are_there() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / name).exists(), name


def test_the_map_of_the_package_names_files_that_there_are() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text().partition("**Where is what**")[2]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    named = [
        each
        for row in rows[1:]
        for each in re.findall(r"`([a-z_/]+/|[a-z_/]+\.py)`", row)
    ]
    assert len(rows) > 12
    assert len(named) > 20
    for name in named:
        assert (ROOT / "keras_alexnet" / name).exists(), name


def test_public_names_are_documented_and_typed() -> None:
    for name in keras_alexnet.__all__:
        value = getattr(keras_alexnet, name)
        if callable(value):
            assert value.__doc__
            assert "Example:" in value.__doc__
            made = value.__init__ if inspect.isclass(value) else value
            fields = getattr(value, "__annotations__", {})  # of a named tuple
            assert "return" in getattr(made, "__annotations__", {}) or fields


def test_the_page_on_training_names_existing_flags() -> None:
    known = {field.name for field in dataclasses.fields(TrainingConfig)}
    named = set(re.findall(r"--([a-z_0-9]+)", TRAINING))
    of_others = {"flagfile", "help", "logdir", "repetitions"}  # absl's, a benchmark's
    assert named - known == of_others


# What makes its examples small, and gives them two devices.
SMALLER = {"224": "67", "=128": "=6", "=90": "=1", "Strategy()": "Strategy(CPUS)"}
BEFORE = """
import tensorflow as tf
CPUS = ["CPU:0", "CPU:1"]
(cpu,) = tf.config.list_physical_devices("CPU")
halves = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, halves)
"""
AFTER = """
assert strategy.num_replicas_in_sync == 2
assert model.optimizer is sgdw and 0 <= model.history.history["val_accuracy"][0] <= 1
kernel, bias = model.get_layer("fc8").trainable_variables
assert sgdw._use_weight_decay(kernel) and not sgdw._use_weight_decay(bias)
"""


def small_examples() -> list[str]:
    code = TRAINING
    for theirs, ours in SMALLER.items():
        assert theirs in code
        code = code.replace(theirs, ours)
    return re.findall(r"```python\n(.*?)```", code, re.DOTALL)


@pytest.fixture
def photos(tmp_path: Path, pictures: Path) -> Path:
    (tmp_path / "photos").symlink_to(pictures)
    return tmp_path


def test_the_page_on_training_trains(
    photos: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(photos)
    exec(small_examples()[0], {})
    assert 0 <= float(capsys.readouterr().out.split()[-1]) <= 1
    assert Path("runs/photos/result.json").is_file()


@pytest.mark.compat
def test_the_page_on_training_does_without_the_trainer(
    photos: Path, python: Callable[..., str]
) -> None:
    python("\n".join([BEFORE, *small_examples()[1:], AFTER]))


def fine_tuning_examples(weights: object) -> list[str]:
    code = FINE_TUNING
    for theirs, ours in {
        '"bvlc_alexnet"': repr(str(weights)),
        "=64": "=6",
        "epochs=20": "epochs=2",
        "epochs=5": "epochs=1",
    }.items():
        assert theirs in code
        code = code.replace(theirs, ours)
    return re.findall(r"```python\n(.*?)```", code, re.DOTALL)


@pytest.mark.compat
# Keras says of its own default that a data set does not heed it.
@pytest.mark.filterwarnings("ignore:.*shuffle=True:UserWarning")
# The run of these tests is a few steps long.
@pytest.mark.filterwarnings("ignore:.*look untrained:UserWarning")
def test_the_page_on_fine_tuning_tunes(
    photos: Path, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos)
    page: dict = {}
    for block in fine_tuning_examples(run):
        exec(block, page)
    assert page["head"].output_shape[-1] == 3
    assert page["model"].history.history["accuracy"][0] >= 0
    names = keras_alexnet.class_names("mine.keras")
    assert names == ("0_red", "1_green", "2_blue")
    assert {each.name for row in page["answers"] for each in row} == set(names)


SERVING = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "serving.md").read_text(), re.DOTALL
)


@pytest.mark.compat
def test_the_page_on_serving_uses_an_export(
    run: Path,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    (example,) = (each for each in SERVING if "saved_model.load" in each)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "alexnet").symlink_to(run / "servable")
    (tmp_path / "cat.jpg").symlink_to(next(pictures.glob("val/*/*.jpg")))
    exec(example, {"images": np.zeros([2, 80, 90, 3], np.uint8)})
    assert capsys.readouterr().out.count("0_red") == 2

    (example,) = (each for each in SERVING if "export_saved_model" in each)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "photos").symlink_to(run)
    (tmp_path / "exports" / "alexnet").unlink()
    exec(example, {"keras_alexnet": keras_alexnet})
    assert "within" in capsys.readouterr().out


@pytest.mark.compat
@pytest.mark.parametrize("variant", keras_alexnet.architectures.names())
def test_layers_that_the_page_freezes_do_not_change(variant: str) -> None:
    record = dataclasses.replace(keras_alexnet.architectures.get(variant), dense=(4, 4))
    model = build(record, input_shape=(67, 67, 3), classes=3)
    names = {"model": model, "keras_alexnet": keras_alexnet}
    exec(fine_tuning_examples("any")[-1], names)
    model.compile(PaperSGD(0.01), "sparse_categorical_crossentropy")
    before = {layer.name: layer.get_weights() for layer in model.layers}
    x = np.random.default_rng(0).normal(0, 60, (6, 67, 67, 3)).astype("float32")
    model.fit(x, np.arange(6) % 3, epochs=1, verbose=0)
    moved = {
        layer.name
        for layer in model.layers
        for old, new in zip(before[layer.name], layer.get_weights(), strict=True)
        if not np.array_equal(old, new)
    }
    assert not moved & {"conv1", "bn1", "conv2", "bn2"}
    assert {"conv3", "fc8"} <= moved


@pytest.mark.compat
def test_what_the_page_says_of_the_last_layers() -> None:
    model = keras_alexnet.AlexNet(input_shape=(67, 67, 3), classes=3)
    assert [layer.name for layer in model.layers[-2:]] == ["fc8", "probabilities"]
    x = np.random.default_rng(0).normal(0, 60, (2, 67, 67, 3)).astype("float32")
    logits = keras_alexnet.features(model, "fc8")(x)
    np.testing.assert_allclose(tf.nn.softmax(logits), model(x), rtol=1e-5)
    values = keras_alexnet.features(model, "fc7")(x)
    layer = model.get_layer("fc8")
    expected = np.asarray(values) @ np.asarray(layer.kernel) + np.asarray(layer.bias)
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-4)
    labels = keras_alexnet.reset_classifier(model, 4, "sigmoid")
    assert labels.layers[-1].activation is keras.activations.sigmoid
