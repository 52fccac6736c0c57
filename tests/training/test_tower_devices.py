"""The trainer with a tower on each device: the same run as with both on one."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from finished_runs import quiet, rows

from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.weights.run_weights import read_weights
from keras_alexnet.weights.runs import newest_checkpoint


def losses(run: str) -> list[float]:
    return [float(row["loss"]) for row in rows(run)]


@pytest.mark.compat
def test_a_run_may_change_between_the_forms(
    config: TrainingConfig, tmp_path: Path
) -> None:
    packed = dataclasses.replace(config, model_dir=str(tmp_path / "packed"))
    Trainer(packed, quiet()).fit()
    # One device twice: two logical ones would have to be made before all tests.
    spread = dataclasses.replace(config, tower_devices="CPU:0,CPU:0")
    first = dataclasses.replace(spread, epochs=3)
    Trainer(first, quiet()).fit()
    np.testing.assert_allclose(
        losses(first.model_dir), losses(packed.model_dir), rtol=1e-4
    )
    (Path(first.model_dir) / "result.json").unlink()
    console = quiet()
    again = dataclasses.replace(first, tower_devices="")
    Trainer(again, console).fit()
    assert "resumed after step 6" in console.file.getvalue()
    ours, theirs = (
        read_weights(newest_checkpoint(Path(run)))
        for run in (again.model_dir, packed.model_dir)
    )
    assert ours["conv2"]["kernel"].shape == (5, 5, 48, 256)
    for layer, weights in theirs.items():
        for name, value in weights.items():
            np.testing.assert_allclose(ours[layer][name], value, atol=1e-5)


def test_a_dry_run_shows_towers_and_exchanges(config: TrainingConfig) -> None:
    console = quiet()
    spread = dataclasses.replace(config, tower_devices="CPU:0,CPU:0")
    Trainer(spread, console).dry_run()
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert ["conv2b", "OnDevice", "7", "×", "7", "×", "128", "153,728"] in lines
    assert ["to_conv3", "Exchange", "3", "×", "3", "×", "256"] in lines


@pytest.mark.parametrize(
    "settings",
    [
        {"strategy": "mirrored"},
        {"devices": "CPU:0"},
    ],
)
def test_towers_and_batches_are_not_shared_together(
    config: TrainingConfig, settings: dict
) -> None:
    both = dataclasses.replace(config, tower_devices="CPU:0,CPU:0", **settings)
    with pytest.raises(ValueError, match="tower_devices must come without"):
        Trainer(both, quiet()).fit()


def test_a_device_that_is_missing_is_one_line(config: TrainingConfig) -> None:
    missing = dataclasses.replace(config, tower_devices="GPU:0,GPU:7")
    with pytest.raises(ValueError, match=r"must exist.*Received: devices=GPU:"):
        Trainer(missing, quiet()).fit()


def test_a_network_of_one_tower_has_none_to_spread(
    config: TrainingConfig, narrow: Callable[[str], str]
) -> None:
    modern = dataclasses.replace(
        config,
        architecture=narrow("modern"),
        image_size=67,
        tower_devices="CPU:0,CPU:0",
    )
    with pytest.raises(ValueError, match="Received: "):
        Trainer(modern, quiet()).fit()


# One step of the trainer's own, on two devices, with all that a step may hold.
STEP = """
import dataclasses, json, sys
import numpy as np
import tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
halves = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, halves)
from keras_alexnet import architectures
from keras_alexnet.data.colour import IMAGENET
from keras_alexnet.training import TrainingConfig
from keras_alexnet.training.network import network_of
from keras_alexnet.training.step import StepInputs, TrainStep
from transfers import partitioned
# It moves casts behind other ops, under names that the step's own graph does not have.
casts = sys.argv[1] != "float32"
tf.config.optimizer.set_experimental_options({"arithmetic_optimization": not casts})
record = dataclasses.replace(architectures.get("paper"), dense=(16, 16))
config = TrainingConfig(image_size=96, batch_size=4, tower_devices="CPU:0,CPU:1",
                        average="moving_average", precision=sys.argv[1])
train_step = TrainStep(network_of(config, record), 3, IMAGENET,
                       tf.distribute.get_strategy())
batch = {"image": tf.zeros([4, 96, 96, 3], tf.uint8),
         "label": tf.zeros([4], tf.int64), "noise": tf.zeros([4, 3])}
rates = np.zeros(len(train_step.train_state.names), np.float32)
sent, _ = partitioned(train_step._step, batch, StepInputs(1, rates).tensors())
print(json.dumps([[each.shape, each.bytes] for each in sent if each.shape]))
"""


@pytest.mark.parametrize("precision", ["float32", "mixed_float16"])
def test_a_step_of_the_trainer_crosses_at_the_seams_only(
    python, precision: str
) -> None:
    references = str(Path(__file__).parent.parent / "references")
    given = os.environ.get("PYTHONPATH")  # an empty entry would be the checkout
    path = os.pathsep.join(filter(None, [references, given]))
    found = json.loads(python(STEP, precision, PYTHONPATH=path))
    # Maps of a 96 px net before conv3 and fc6, both ways, forward and back; fc6's
    # half likewise; fc7's one way each; the pictures with their colour noise.
    assert Counter(tuple(shape) for shape, _ in found) == {
        (4, 96, 96, 3): 1,
        (4, 3): 1,
        (4, 5, 5, 128): 4,
        (4, 2, 2, 128): 4,
        (4, 8): 4 + 2,
    }
    # As the bytes that they are: each device prepares them itself.
    assert max(size for _, size in found) == 4 * 96 * 96 * 3


TWO = """
import io, sys
from rich.console import Console
from keras_alexnet.training import Trainer, TrainingConfig
config = TrainingConfig(data=sys.argv[1], image_size=64, batch_size=8, epochs=2,
                        steps_per_epoch=2, tower_devices="CPU:0,CPU:1",
                        model_dir=sys.argv[2])
Trainer(config, Console(file=io.StringIO())).fit()
"""


def test_two_logical_devices_train_as_one(
    python, run: Path, pictures: Path, tmp_path: Path
) -> None:
    python(TWO, f"folder:{pictures}", str(tmp_path / "two"))
    np.testing.assert_allclose(
        losses(str(tmp_path / "two")), losses(str(run)), rtol=1e-5
    )
