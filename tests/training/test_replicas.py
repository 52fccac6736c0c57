"""Replicas sum their gradients while they compute others: what the graph says of it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

# A step of two replicas.
STEP = """
import dataclasses, json, sys
import numpy as np
import tensorflow as tf
from keras_alexnet import architectures
from keras_alexnet.data.batches import distribute
from keras_alexnet.data.colour import IMAGENET
from keras_alexnet.training import TrainingConfig
from keras_alexnet.training.devices import open_strategy
from keras_alexnet.training.network import network_of
from keras_alexnet.training.step import StepInputs, TrainStep

variant, units, precision = sys.argv[1], int(sys.argv[2]), sys.argv[3]
strategy = open_strategy("auto", "CPU:0,CPU:1", 4)
record = dataclasses.replace(architectures.get(variant), dense=(units, units))
config = TrainingConfig(image_size=67, batch_size=4, precision=precision)
train_step = TrainStep(network_of(config, record), 3, IMAGENET, strategy)
rows = {"image": tf.zeros([2, 67, 67, 3], tf.uint8),
        "label": tf.zeros([2], tf.int64), "noise": tf.zeros([2, 3])}
stream = tf.data.Dataset.from_tensors(rows).repeat()
batch = next(iter(distribute(strategy, lambda rows: stream, 4, endless=True)))
rates = np.zeros(len(train_step.train_state.names), np.float32)
inputs = StepInputs(1, rates).tensors()
"""

# Its collective operations, in the order in which they run, with the gradients of
# kernels of convolutions that each waits for.
SUMS = """
graph = train_step._step.get_concrete_function(batch, inputs).graph

trained = [v.shape for v in train_step.train_state.trained]
kernels = [shape for shape in trained if len(shape) == 4]

def is_gradient(op):
    # Those of convolutions in groups are functions, which the process swaps.
    return op.type == "Conv2DBackpropFilter" or (
        op.type == "PartitionedCall" and op.outputs[0].shape in kernels)

def ancestors(op):
    seen, left = set(), [op]
    while left:
        next_op = left.pop()
        if next_op not in seen:
            seen.add(next_op)
            left += [each.op for each in next_op.inputs] + list(next_op.control_inputs)
    return seen

found = []
for op in graph.get_operations():
    if op.type == "CollectiveReduceV2" and op.device.endswith("CPU:0"):
        before = ancestors(op)
        found.append({
            "bytes": op.inputs[0].shape.num_elements() * op.inputs[0].dtype.size,
            "type": op.inputs[0].dtype.name,
            "gradients": sum(map(is_gradient, before)),
            "before": sum(other.type == "CollectiveReduceV2" for other in before) - 1,
        })
print(json.dumps([found, 4 * sum(shape.num_elements() for shape in trained)]))
"""

# What it sends from device to device otherwise, in the form that GPUs have: the names,
# and how many values each has; None where nothing but the order is sent.
SENT = """
from tensorflow.python.eager import context
from keras_alexnet.training.state import TrainState
TrainState.branches = False
context.enable_run_metadata()
train_step._step(batch, inputs)
parts = [part for run in context.export_run_metadata().function_graphs
         for part in run.partition_graphs]
context.disable_run_metadata()
sent = {}
for part in parts:
    nodes = {node.name: node for node in part.node}
    for node in part.node:
        attr = node.attr
        if node.op == "_Send" and attr["send_device"] != attr["recv_device"]:
            source = nodes[node.input[0].partition(":")[0]]
            shapes = source.attr["_output_shapes"].list.shape
            order = "/ctrl/" in source.name
            sent[source.name] = None if order else max(
                tf.TensorShape(each).num_elements() for each in shapes)
print(json.dumps([sent, len(rates)]))
"""


@pytest.mark.parametrize(
    ("variant", "units", "precision", "count"),
    [
        pytest.param("paper", 16, "float32", 2, marks=pytest.mark.compat),
        # More than 32 MiB: fc7 and fc8 need not wait for fc6.
        ("paper", 4096, "float32", 3),
        ("paper", 16, "mixed_float16", 2),
        ("modern", 16, "float32", 2),
    ],
)
def test_the_dense_layers_are_summed_before_any_convolution_is_known(
    python: Callable[..., str], variant: str, units: int, precision: str, count: int
) -> None:
    found, weights = json.loads(python(STEP + SUMS, variant, str(units), precision))
    # TensorFlow runs them one after the other.
    assert [each["before"] for each in found] == list(range(len(found)))
    (loss,) = [each for each in found if each["type"] == "float64"]
    assert loss["gradients"] == 0
    packs = found[-count:]
    assert sum(each["bytes"] for each in packs) == weights
    assert [each["gradients"] for each in packs[:-1]] == [0] * (count - 1)
    assert packs[-1]["gradients"] >= 5  # in groups that are split there are more
    # One after the other with the sums of the loss, but for batch normalisation's.
    between = found.index(packs[0]) - found.index(loss)
    assert between == 1 or variant == "modern"


def test_replicas_exchange_small_values_alone_beside_the_sums(
    python: Callable[..., str],
) -> None:
    sent, variables = json.loads(python(STEP + SENT, "paper", "16", "float32"))
    sizes = [size for size in sent.values() if size is not None]
    # Step, noise, the numbers of three sums; two signals; a rate for each variable.
    assert sorted(sizes) == [*[1] * 5, 2, variables]
