"""What is written: examples that run, files that are named."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_alexnet
from keras_alexnet.commands import flags
from keras_alexnet.training import TrainingConfig

ROOT = Path(__file__).resolve().parent.parent
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


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.flags")), ids=str)
def test_flagfiles_open_with_what_they_are_and_are_read(path: Path) -> None:
    head = path.read_text().split("\n--")[0]
    for word in ("source", "command", "hardware", "time", "result"):
        assert re.search(rf"^# {word} +\S", head, re.MULTILINE), word
    config, _ = flags.parse(TrainingConfig, ["train", f"--flagfile={path}"])
    assert config.model_dir


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
