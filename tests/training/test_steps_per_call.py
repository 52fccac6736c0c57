"""Several steps in a call of TensorFlow: the same run to the bit, however it ends."""

from __future__ import annotations

import dataclasses
import os
import signal
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from finished_runs import Killed, assert_same, quiet

from keras_alexnet.data.colour import IMAGENET
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.training.loop import Loop
from keras_alexnet.training.network import network_of
from keras_alexnet.training.state import TrainState
from keras_alexnet.training.step import StepInputs, TrainStep, stacked
from keras_alexnet.training.stopping import Stopped
from keras_alexnet.weights.runs import newest_checkpoint


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many steps each call has taken."""
    taken: list[int] = []
    step, steps = TrainStep.step, TrainStep.steps

    def one(self: TrainStep, *arguments: object) -> object:
        taken.append(1)
        return step(self, *arguments)

    def several(self: TrainStep, batches: list, inputs: list) -> object:
        taken.append(len(batches))
        return steps(self, batches, inputs)

    monkeypatch.setattr(TrainStep, "step", one)
    monkeypatch.setattr(TrainStep, "steps", several)
    return taken


@pytest.fixture
def long(config: TrainingConfig) -> TrainingConfig:
    return dataclasses.replace(
        config,
        epochs=2,
        steps_per_epoch=10,
        checkpoint_steps=None,
        # All that changes from step to step.
        schedule="cosine",
        warmup_steps=3,
        layer_rates="conv1=0.5@1,fc8=10",
        average="moving_average",
        average_window=0.3,
        colour_noise_epochs=1,
        # And all that is drawn for a picture, and done with a gradient.
        crop="resized",
        rand_augment=1,
        erasing=0.3,
        mixup=0.4,
        cutmix=1.0,
        mixed=0.8,
        accumulate=2,
        clip_norm=1.0,
        freeze="conv3",
        keep_optimizer=True,
    )


def state(run: str) -> dict[str, np.ndarray]:
    """All that a run resumes from, with momentum and averages."""
    reader = tf.train.load_checkpoint(newest_checkpoint(Path(run)))
    names = reader.get_variable_to_shape_map().keys() - {"_CHECKPOINTABLE_OBJECT_GRAPH"}
    return {name: np.asarray(reader.get_tensor(name)) for name in names}


def assert_same_bits(one: str, other: str) -> None:
    assert_same(one, other)
    first, second = state(one), state(other)
    assert first.keys() == second.keys()
    assert any(name.startswith("optimizer/velocity") for name in first)
    assert [n for n in first if first[n].tobytes() != second[n].tobytes()] == []


@pytest.mark.parametrize(
    "variant", ["paper", pytest.param("modern", marks=pytest.mark.compat)]
)
def test_the_number_of_steps_in_a_call_changes_no_bit(
    long: TrainingConfig,
    narrow: Callable[[str], str],
    calls: list[int],
    tmp_path: Path,
    variant: str,
) -> None:
    long = dataclasses.replace(
        long, architecture=narrow(variant), image_size=67, model_dir=str(tmp_path / "1")
    )
    Trainer(long, quiet()).fit()
    assert calls == [1] * 20
    calls.clear()
    eight = dataclasses.replace(
        long, steps_per_call=8, model_dir=str(tmp_path / "8"), checkpoint_steps=13
    )
    Trainer(eight, quiet()).fit()
    assert calls == [8, 1, 1, 1, 1, 1, *[1] * 7]
    calls.clear()
    three = dataclasses.replace(
        eight, steps_per_call=3, model_dir=str(tmp_path / "3"), profile_steps="16,17"
    )
    Trainer(three, quiet()).fit()
    assert calls == [3, 3, 3, 1, 3, 1, 1, 1, 1, 3]
    for other in (eight, three):
        assert_same_bits(long.model_dir, other.model_dir)


TWO = """
import io, sys
from rich.console import Console
from keras_alexnet.training import Trainer, TrainingConfig
for count in (1, 3):
    config = TrainingConfig(
        data=sys.argv[1], architecture=sys.argv[2], image_size=67, batch_size=8,
        epochs=1, steps_per_epoch=7, model_dir=f"{sys.argv[3]}/{count}",
        steps_per_call=count, devices="CPU:0,CPU:1", deterministic=True,
        keep_optimizer=True)
    Trainer(config, Console(file=io.StringIO())).fit()
"""


def test_nor_does_it_on_two_devices(
    python: Callable[..., str],
    narrow: Callable[[str], str],
    pictures: Path,
    tmp_path: Path,
) -> None:
    python(TWO, f"folder:{pictures}", narrow("modern"), str(tmp_path))
    assert_same_bits(str(tmp_path / "1"), str(tmp_path / "3"))


HOST = """
import tensorflow as tf, numpy as np
(cpu,) = tf.config.list_physical_devices("CPU")
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from keras_alexnet.training.step import StepInputs, stacked
with tf.device("CPU:1"):
    one = StepInputs(1, np.zeros(3, np.float32))
    for inputs in (one.tensors(), stacked([one, one])):
        for value in inputs.values():
            print(value.device[-5:])
"""


def branches(function: tf.types.experimental.ConcreteFunction) -> set[str]:
    """Types of ops that choose, in a graph and in the functions that it calls."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    return {node.op for node in nodes} & {"If", "StatelessIf", "Case", "StatelessCase"}


@pytest.mark.compat
@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
@pytest.mark.parametrize("kind", ["CPU", "GPU"])
def test_no_branch_lets_the_host_wait_for_a_gpu(
    config: TrainingConfig,
    narrow: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    kind: str,
) -> None:
    """TensorFlow reads the condition of a branch on the host, after all before it."""
    if kind == "GPU":
        monkeypatch.setattr(TrainState, "branches", False)
    config = dataclasses.replace(
        config, architecture=narrow("modern"), image_size=67, precision=precision
    )
    train_step = TrainStep(
        network_of(config), 3, IMAGENET, tf.distribute.get_strategy()
    )
    batch = {
        "image": tf.zeros([8, 67, 67, 3], tf.uint8),
        "label": tf.zeros([8], tf.int64),
        "noise": tf.zeros([8, 3]),
    }
    rates = np.zeros(len(train_step.train_state.names), np.float32)
    inputs = StepInputs(1, rates)
    for function in (
        train_step._step.get_concrete_function(batch, inputs.tensors()),
        train_step._steps.get_concrete_function((batch,) * 2, stacked([inputs] * 2)),
    ):
        assert branches(function) == (set() if kind == "GPU" else {"If"})


@pytest.mark.compat
def test_a_gpus_update_is_no_branch(config: TrainingConfig) -> None:
    state = TrainState(network_of(config), classes=3)
    assert state.branches
    state.trained = [types.SimpleNamespace(device="/job:localhost/device:GPU:0")]
    assert not state.branches


@pytest.mark.compat
def test_small_values_stay_on_the_host(python: Callable[..., str]) -> None:
    """On a GPU each would be a copy of its own; the second CPU is in its place."""
    assert python(HOST).split() == ["CPU:0"] * 10


@pytest.mark.parametrize("again", [1, 8])
@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_run_of_eight_that_ends_early_resumes_to_the_same_bits(
    long: TrainingConfig,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    how: str,
    again: int,
) -> None:
    whole = dataclasses.replace(long, model_dir=str(tmp_path / "whole"))
    Trainer(whole, quiet()).fit()
    eight = dataclasses.replace(long, steps_per_call=8, checkpoint_steps=9)
    steps = Loop._steps

    def dying(self: Loop, batches: object, first: int, count: int) -> None:
        if how == "killed" and first > 8:
            raise Killed
        if how == "stopped":
            os.kill(os.getpid(), signal.SIGTERM)
        steps(self, batches, first, count)

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_steps", dying)
        with pytest.raises((Killed, Stopped)):
            Trainer(eight, quiet()).fit()
    console = quiet()
    Trainer(dataclasses.replace(eight, steps_per_call=again), console).fit()
    done = {"killed": 10, "stopped": 8}[how]
    assert f"resumed after step {done}\n" in console.file.getvalue()
    assert_same_bits(whole.model_dir, eight.model_dir)
