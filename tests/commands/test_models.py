"""`keras-alexnet models`: the networks and weights that there are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import keras_alexnet
from keras_alexnet import commands
from keras_alexnet.weights import cache, published

# Counted by others: torchvision's AlexNet_Weights has 61,100,840 and 0.714·10⁹; the
# sum over the shapes of Caffe's train_val.prototxt.
PUBLISHED = {"owt": (61_100_840, 714_188_480), "caffe": (60_965_224, 724_406_816)}


@pytest.fixture
def models(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., str]:
    """Runs the command within this process; gives its output."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def call(*arguments: str) -> str:
        with pytest.raises(SystemExit) as caught:
            commands.main(["keras-alexnet", "models", *arguments])
        out, err = capsys.readouterr()
        assert (caught.value.code, err) == (0, "")
        return out

    return call


@pytest.fixture
def listed(models: Callable[..., str]) -> dict:
    record = published.get("torchvision_owt")
    cache.location(record).parent.mkdir()
    cache.location(record).touch()
    return json.loads(models("--json"))


def test_every_variant_and_every_weight_set_is_there(
    listed: dict, tmp_path: Path
) -> None:
    variants = {each.pop("name"): each for each in listed["variants"]}
    assert list(variants) == list(keras_alexnet.architectures.names())
    for name, (parameters, multiply_adds) in PUBLISHED.items():
        assert variants[name]["parameters"] == parameters
        assert variants[name]["multiply_adds"] == multiply_adds
    weights = {each.pop("name"): each for each in listed["weights"]}
    assert list(weights) == list(keras_alexnet.weights.names())
    for name, each in weights.items():
        assert name in variants[each["variant"]]["weights"]
        there = name == "torchvision_owt"
        assert (each["cached"] is not None) == there
    assert weights["torchvision_owt"]["cached"].startswith(str(tmp_path))


@pytest.mark.parametrize("name", ["paper", "modern"])
def test_parameters_and_input_are_those_of_the_model(listed: dict, name: str) -> None:
    (shown,) = (each for each in listed["variants"] if each["name"] == name)
    model = keras_alexnet.AlexNet(name)
    trained = sum(np.prod(each.shape) for each in model.trainable_weights)
    assert model.input_shape[1:3] == (shown["input"],) * 2
    assert shown["parameters"] == trained


def test_the_tables_show_them(models: Callable[..., str]) -> None:
    out = models()
    for name in (*keras_alexnet.architectures.names(), *keras_alexnet.weights.names()):
        assert f"\n{name} " in f"\n{out}"
    assert "\nimagenet = bvlc_alexnet " in out
    assert "60,965,224" in out
    assert "57.1 / 80.2" in out
