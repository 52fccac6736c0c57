"""What is written: examples that run, files that are named."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_alexnet
from keras_alexnet.training import TrainingConfig

ROOT = Path(__file__).resolve().parent.parent
TRAINING = (ROOT / "docs" / "training.md").read_text()
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


def test_public_names_are_documented_and_typed() -> None:
    for name in keras_alexnet.__all__:
        value = getattr(keras_alexnet, name)
        if callable(value):
            assert value.__doc__
            assert "Example:" in value.__doc__
            assert "return" in value.__annotations__


def test_the_page_on_training_names_flags_that_there_are() -> None:
    known = {field.name for field in dataclasses.fields(TrainingConfig)}
    named = set(re.findall(r"--([a-z_]+)", TRAINING))
    assert named - known == {"flagfile", "help", "logdir"}


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
