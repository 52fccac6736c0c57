"""What the replicas of a training step send to each other."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

# One step of the trainer on two logical CPUs, each with its part of the batch.
STEP = """
import json, sys
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
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
config = TrainingConfig(image_size=67, batch_size=4)
record = architectures.read_json(sys.argv[1])
train_step = TrainStep(network_of(config, record), 3, IMAGENET, strategy)

def dealt(shape, dtype):
    def part(context):
        with tf.device(f"CPU:{context.replica_id_in_sync_group}"):
            return tf.zeros(shape, dtype)
    return strategy.experimental_distribute_values_from_function(part)

batch = {"image": dealt([2, 67, 67, 3], tf.uint8), "label": dealt([2], tf.int64),
         "noise": dealt([2, 3], tf.float32)}
rates = np.zeros(len(train_step.train_state.names), np.float32)
inputs = StepInputs(1, rates).tensors()
sent, parts = partitioned(train_step._step, batch, inputs)
graph = train_step._step.get_concrete_function(batch, inputs).graph
sums = [op.inputs[0].shape.num_elements() for op in graph.get_operations()
        if op.type.startswith("CollectiveReduce") and "CPU:0" in op.device]
print(json.dumps([[[each.tensor, each.bytes] for each in sent], sums, len(rates)]))
"""


@pytest.fixture
def crossed(
    python: Callable[..., str], narrow: Callable[[str], str]
) -> Callable[[str], tuple[list, list, int]]:
    """Of a narrow form of a variant: what crosses, what is summed, its variables."""

    def run(variant: str) -> tuple[list, list, int]:
        references = str(Path(__file__).parent.parent / "references")
        given = os.environ.get("PYTHONPATH")  # an empty entry would be the checkout
        path = os.pathsep.join(filter(None, [references, given]))
        return json.loads(python(STEP, narrow(variant), PYTHONPATH=path))

    return run


@pytest.mark.parametrize(
    "variant", ["paper", pytest.param("modern", marks=pytest.mark.compat)]
)
def test_beside_sums_only_the_inputs_of_a_step_cross(
    crossed: Callable, variant: str
) -> None:
    sent, _, variables = crossed(variant)
    # The largest is the learning rates: one number for each variable.
    assert sent
    assert max(size for _, size in sent) <= 4 * variables
    assert sum(size for _, size in sent) < 1024


def test_batch_normalisation_sums_once_forward_and_once_backward(
    crossed: Callable,
) -> None:
    _, sums, _ = crossed("modern")
    small = Counter(size for size in sums if size < 1000)
    # Two numbers a channel and the count, of each layer, both ways.
    assert sum(count for size, count in small.items() if size % 2 and size > 6) == 10
