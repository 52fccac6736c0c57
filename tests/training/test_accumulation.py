"""A gradient that is computed in parts, one after the other, is that of the batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet import architectures
from keras_alexnet.data.colour import IMAGENET
from keras_alexnet.training import TrainingConfig
from keras_alexnet.training.network import network_of
from keras_alexnet.training.step import StepInputs, TrainStep
from keras_alexnet.weights.run_weights import read_weights
from keras_alexnet.weights.runs import newest_checkpoint

ROWS, SIDE = 8, 64


def step_of(**settings: object) -> TrainStep:
    record = dataclasses.replace(architectures.get("paper"), dense=(16, 16))
    given = {"image_size": SIDE, "batch_size": ROWS, "initialization": "he", **settings}
    network = network_of(TrainingConfig(**given), record)
    return TrainStep(network, 3, IMAGENET, tf.distribute.get_strategy())


def batch(number: int) -> dict[str, tf.Tensor]:
    rng = np.random.default_rng(number)
    boxes = np.array([[0, 0, SIDE, SIDE], [3, 0, 40, 30]] * (ROWS // 2), np.int32)
    return {
        "image": tf.constant(rng.integers(0, 256, (ROWS, SIDE, SIDE, 3)), tf.uint8),
        "label": tf.constant(rng.integers(0, 3, ROWS), tf.int64),
        "noise": tf.constant(rng.normal(size=(ROWS, 3)), tf.float32),
        "amount": tf.constant(rng.random(ROWS), tf.float32),
        "box": tf.constant(boxes),
    }


def trained(train_step: TrainStep, steps: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """How all weights have changed after some steps, and the sums of the scores."""

    def values() -> np.ndarray:
        each = [each.numpy().ravel() for each in train_step.train_state.trained]
        return np.concatenate(each).astype(np.float64)

    before = values()
    rates = np.full(len(train_step.train_state.trained), 1e-3, np.float32)
    for step in range(1, steps + 1):
        train_step.step(batch(step), StepInputs(step, rates))
    return values() - before, train_step.totals.numpy()


@pytest.mark.compat
@pytest.mark.parametrize(
    "settings",
    [
        {},  # with dropout, whose masks are those of the rows in the whole batch
        {"mixup": 1.0, "label_smoothing": 0.1, "clip_norm": 0.5, "freeze": "conv2"},
    ],
)
def test_parts_are_as_one_batch_of_their_size(settings: dict) -> None:
    whole, scores = trained(step_of(**settings))
    found, theirs = trained(step_of(**settings, accumulate=4))
    assert np.linalg.norm(found - whole) < 1e-3 * np.linalg.norm(whole)
    np.testing.assert_allclose(theirs, scores, rtol=1e-4)
    assert theirs[3] == 3 * ROWS


@pytest.mark.compat
def test_a_part_is_begun_when_the_gradient_of_the_one_before_is_there() -> None:
    """Else all parts could be in memory at the same time."""
    train_step = step_of(accumulate=4)
    rates = np.zeros(len(train_step.train_state.trained), np.float32)
    inputs = StepInputs(1, rates).tensors()
    graph = train_step._step.get_concrete_function(batch(1), inputs).graph

    def ancestors(op: tf.Operation) -> set[tf.Operation]:
        seen: set[tf.Operation] = set()
        left = [op]
        while left:
            following = left.pop()
            if following not in seen:
                seen.add(following)
                left += [each.op for each in following.inputs]
                left += following.control_inputs
        return seen

    kernel = train_step.model.get_layer("conv1").kernel.shape
    ops = graph.get_operations()
    first = [op for op in ops if op.type == "Conv2D" and op.inputs[1].shape == kernel]
    gradients = {
        op
        for op in ops
        if op.type == "Conv2DBackpropFilter" and op.outputs[0].shape == kernel
    }
    assert len(first) == len(gradients) == 4
    assert sorted(len(ancestors(op) & gradients) for op in first) == [0, 1, 2, 3]


DEVICES = """
import sys, io
from rich.console import Console
from keras_alexnet.training import Trainer, TrainingConfig
config = TrainingConfig(
    data=sys.argv[1], architecture=sys.argv[2], image_size=64, batch_size=8,
    epochs=1, steps_per_epoch=3, model_dir=sys.argv[3], devices=sys.argv[4],
    accumulate=int(sys.argv[5]), initialization="he", mixup=0.5)
Trainer(config, Console(file=io.StringIO())).fit()
"""


def test_each_device_computes_its_rows_in_parts(
    python: Callable[..., str],
    narrow: Callable[[str], str],
    pictures: Path,
    tmp_path: Path,
) -> None:
    found = []
    for devices, parts in (("CPU:0", "1"), ("CPU:0,CPU:1", "2")):
        run = tmp_path / parts
        given = [f"folder:{pictures}", narrow("paper"), str(run), devices, parts]
        python(DEVICES, *given)
        found.append(read_weights(newest_checkpoint(run)))
    for layer, weights in found[0].items():
        for name, value in weights.items():
            np.testing.assert_allclose(found[1][layer][name], value, atol=1e-5)


@pytest.mark.parametrize("given", [{"accumulate": 3}, {"accumulate": 0}])
def test_parts_that_cannot_be_are_refused(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"accumulate must be .*Received: accumulate="):
        TrainingConfig(batch_size=8, **given)


def test_parts_of_single_pictures_cannot_be_mixed() -> None:
    with pytest.raises(
        ValueError, match=r"a multiple of 16: 1 device.* in pairs to mix"
    ):
        step_of(accumulate=8, mixup=1.0)
