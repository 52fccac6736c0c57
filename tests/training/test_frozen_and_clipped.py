"""Layers that are not trained, and gradients that are not let become too long."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from finished_runs import assert_same, dies_after, quiet, trained

from keras_alexnet import architectures, freeze
from keras_alexnet.data.colour import IMAGENET
from keras_alexnet.models import build
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.training.network import network_of
from keras_alexnet.training.state import TrainState
from keras_alexnet.training.step import StepInputs, TrainStep
from keras_alexnet.weights.names import named_weights
from keras_alexnet.weights.run_weights import read_weights
from keras_alexnet.weights.runs import newest_checkpoint

RATE = 1.0


def batch(rows: int, side: int = 67) -> dict[str, tf.Tensor]:
    rng = np.random.default_rng(0)
    return {
        "image": tf.constant(rng.integers(0, 256, (rows, side, side, 3)), tf.uint8),
        "label": tf.constant(np.arange(rows) % 3, tf.int64),
        "noise": tf.zeros([rows, 3]),
    }


def step_of(config: TrainingConfig, **settings: object) -> TrainStep:
    settings = {"momentum": 0.0, "weight_decay": 0.0, "image_size": 67, **settings}
    config = dataclasses.replace(config, initialization="he", **settings)
    strategy = tf.distribute.get_strategy()
    return TrainStep(network_of(config), 3, IMAGENET, strategy)


def change(train_step: TrainStep, rate: float = RATE) -> list[np.ndarray]:
    """What a step of plain descent takes from each weight: rate times gradient."""
    before = [each.numpy() for each in train_step.train_state.trained]
    rates = np.full(len(before), rate, np.float32)
    train_step.step(batch(8), StepInputs(1, rates))
    after = [each.numpy() for each in train_step.train_state.trained]
    return [(b - a).astype(np.float64) for b, a in zip(before, after, strict=True)]


def norm_of(gradients: list[np.ndarray]) -> float:
    return float(np.sqrt(sum(np.sum(each**2) for each in gradients)))


def assert_near(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    """The same but for the rounding of the weights that were changed, and of sums."""
    apart = [one - other for one, other in zip(found, expected, strict=True)]
    assert norm_of(apart) < 1e-3 * norm_of(expected)


@pytest.mark.compat
def test_a_long_gradient_is_scaled_to_the_norm(config: TrainingConfig) -> None:
    """As `g · c / ‖g‖` in float64, and as TensorFlow's own clip_by_global_norm."""
    free = change(step_of(config))
    largest = norm_of(free) / 3
    found = change(step_of(config, clip_norm=largest))
    assert norm_of(found) == pytest.approx(largest, rel=1e-3)
    theirs, _ = tf.clip_by_global_norm([tf.constant(each) for each in free], largest)
    assert_near(found, [each / 3 for each in free])
    assert_near(found, [each.numpy() for each in theirs])


@pytest.mark.compat
def test_a_short_one_stays_to_the_bit(config: TrainingConfig) -> None:
    free = change(step_of(config))
    found = change(step_of(config, clip_norm=1.01 * norm_of(free)))
    for one, other in zip(found, free, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", ["CPU", "GPU"])
def test_what_is_not_finite_is_not_clipped_but_seen(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "GPU":
        monkeypatch.setattr(TrainState, "branches", False)
    train_step = step_of(config, clip_norm=1.0)
    values = [each.numpy() for each in train_step.train_state.trained]
    bad = {**batch(8), "noise": tf.fill([8, 3], np.inf)}
    rates = np.full(len(values), RATE, np.float32)
    train_step.step(bad, StepInputs(1, rates))
    assert train_step.skipped.numpy()[0] == 1
    for variable, value in zip(train_step.train_state.trained, values, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)


def test_squares_that_overflow_are_not_taken_for_a_gradient(
    config: TrainingConfig,
) -> None:
    """Clipped by an infinite norm, a gradient would silently be 0."""
    train_step = step_of(config, clip_norm=1.0)
    kernel = train_step.model.get_layer("fc8").kernel
    kernel.assign(kernel * 0 + 1e25 * np.array([1, -1, 1], "float32"))
    train_step.step(batch(8), StepInputs(1, np.zeros(16, np.float32)))
    assert train_step.skipped.numpy()[0] == 1


DEVICES = """
import sys
import numpy as np
import tensorflow as tf
from keras_alexnet import architectures
from keras_alexnet.data.batches import distribute
from keras_alexnet.data.colour import IMAGENET
from keras_alexnet.training import TrainingConfig
from keras_alexnet.training.devices import open_strategy
from keras_alexnet.training.network import network_of
from keras_alexnet.training.step import StepInputs, TrainStep
strategy = open_strategy("auto", sys.argv[2], 8)
config = TrainingConfig(image_size=67, batch_size=8, momentum=0.0, weight_decay=0.0,
                        initialization="he", clip_norm=0.05)
record = architectures.read_json(sys.argv[1])
train_step = TrainStep(network_of(config, record), 3, IMAGENET, strategy)
rng = np.random.default_rng(0)
whole = {"image": rng.integers(0, 256, (8, 67, 67, 3)).astype(np.uint8),
         "label": np.arange(8) % 3, "noise": np.zeros((8, 3), np.float32)}

def stream(rows):
    part = {name: each[rows.start:rows.stop] for name, each in whole.items()}
    return tf.data.Dataset.from_tensors(part).repeat()

def values():
    return [each.numpy().astype(np.float64) for each in train_step.train_state.trained]

before = values()
batch = next(iter(distribute(strategy, stream, 8, endless=True)))
train_step.step(batch, StepInputs(1, np.ones(len(before), np.float32)))
change = [(b - a).ravel() for b, a in zip(before, values())]
np.save(sys.argv[3], np.concatenate(change))
"""


@pytest.mark.compat
def test_the_norm_is_that_of_the_sum_over_all_devices(
    python: Callable[..., str], narrow: Callable[[str], str], tmp_path: Path
) -> None:
    one, two = (tmp_path / name for name in ("one.npy", "two.npy"))
    python(DEVICES, narrow("paper"), "CPU:0", str(one))
    python(DEVICES, narrow("paper"), "CPU:0,CPU:1", str(two))
    assert norm_of([np.load(one)]) == pytest.approx(0.05, rel=1e-3)
    assert_near([np.load(two)], [np.load(one)])


@pytest.mark.compat
@pytest.mark.parametrize(
    ("variant", "given", "frozen"),
    [
        ("paper", "conv1, conv3", {"conv1", "conv3"}),
        ("modern", "conv1,conv2", {"conv1", "bn1", "conv2", "bn2"}),
        ("modern", "bn3", {"bn3"}),
        ("paper", "conv1,conv2,conv3,conv4,conv5,fc8", None),
    ],
)
def test_nothing_of_a_frozen_layer_changes_and_all_else_does(
    config: TrainingConfig,
    narrow: Callable[[str], str],
    variant: str,
    given: str,
    frozen: set[str] | None,
) -> None:
    config = dataclasses.replace(
        config,
        architecture=narrow(variant),
        image_size=67,
        initialization="he",
        average="moving_average",
        keep_optimizer=True,
        epochs=1,
        freeze=given,
    )
    start = named(step_of(config).model)
    said = trained(config)
    assert f"note: freeze={given} keeps the random values" in said
    end = read_weights(newest_checkpoint(Path(config.model_dir)))
    same = {
        layer
        for layer, weights in start.items()
        if all(np.array_equal(end[layer][name], each) for name, each in weights.items())
    }
    assert same == (frozen or set(given.split(",")))
    state = tf.train.load_checkpoint(newest_checkpoint(Path(config.model_dir)))
    kept = {
        name.split("/")[2]
        for name in state.get_variable_to_shape_map()
        if name.startswith("optimizer/velocity/")
    }
    assert kept == start.keys() - same


def named(model: keras.Model) -> dict[str, dict[str, np.ndarray]]:
    return {
        layer: {name: each.numpy() for name, each in weights.items()}
        for layer, weights in named_weights(model).items()
    }


def test_the_others_learn_as_if_nothing_was_frozen(config: TrainingConfig) -> None:
    free, part = step_of(config), step_of(config, freeze="conv2,fc7")
    whole = dict(zip(free.train_state.names, change(free), strict=True))
    found = dict(zip(part.train_state.names, change(part), strict=True))
    assert whole.keys() - found.keys() == {
        (layer, name) for layer in ("conv2", "fc7") for name in ("kernel", "bias")
    }
    assert_near(list(found.values()), [whole[name] for name in found])


@pytest.mark.parametrize("layers", ["fc8", "conv1"])
def test_towers_on_devices_freeze_their_parts(
    config: TrainingConfig, layers: str
) -> None:
    train_step = step_of(config, freeze=layers, tower_devices="CPU:0,CPU:0")
    before = named(train_step.model)
    change(train_step)
    after = named(train_step.model)
    same = {
        layer
        for layer in before
        if np.array_equal(before[layer]["kernel"], after[layer]["kernel"])
    }
    assert same == ({"fc8"} if layers == "fc8" else {"conv1a", "conv1b"})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "conv1,conv9",
            r"freeze must be names of layers.*did you mean.*freeze='conv9'",
        ),
        ("relu1", "freeze must be names of layers with weights"),
        ("conv1,", "freeze must be names.*freeze=''"),
        (
            "conv1,conv2,conv3,conv4,conv5,fc6,fc7,fc8",
            "freeze must be of some layers, not of all",
        ),
    ],
)
def test_what_cannot_be_frozen_is_one_line(
    config: TrainingConfig, given: str, message: str
) -> None:
    config = dataclasses.replace(config, freeze=given)
    with pytest.raises(ValueError, match=message) as caught:
        Trainer(config, quiet()).fit()
    assert "\n" not in str(caught.value)
    assert not (Path(config.model_dir) / "config.flags").exists()


def test_a_resumed_run_keeps_both(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = dataclasses.replace(config, freeze="conv1,fc7", clip_norm=0.01)
    with monkeypatch.context() as patch:
        dies_after(3, patch, config)
    with pytest.raises(ValueError, match=r"whose run has freeze=conv1,fc7, not $"):
        Trainer(dataclasses.replace(config, freeze=""), quiet()).fit()
    Trainer.of_run(config.model_dir, quiet()).fit()
    whole = dataclasses.replace(config, model_dir=str(tmp_path / "whole"))
    Trainer(whole, quiet()).fit()
    assert_same(whole.model_dir, config.model_dir)


@pytest.mark.compat
def test_keras_own_training_leaves_a_frozen_layer() -> None:
    record = dataclasses.replace(architectures.get("modern"), dense=(16, 16))
    model = build(record, input_shape=(67, 67, 3), classes=3)
    assert freeze(model, ["conv1", "conv3"]) == ["conv1", "bn1", "conv3", "bn3"]
    before = named(model)
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).normal(0, 50, (4, 67, 67, 3)).astype("float32")
    model.fit(x, np.arange(4) % 3, verbose=0)
    after = named(model)
    for layer, weights in before.items():
        same = [np.array_equal(after[layer][name], weights[name]) for name in weights]
        assert all(same) == (layer in ("conv1", "bn1", "conv3", "bn3"))
