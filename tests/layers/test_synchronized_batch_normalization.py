"""Batch normalisation over replicas: the formula, Keras' layer, and its collectives."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet import blocks
from keras_alexnet.architectures.records import BatchNorm
from keras_alexnet.layers import SynchronizedBatchNormalization

CHANNELS, EPSILON, MOMENTUM = 3, 1e-3, 0.9

# Both layers on two replicas, one with 2 pictures and one with 3, and one on a device.
REPLICAS = """
import json
from collections import Counter
import keras
import numpy as np
import tensorflow as tf
(cpu,) = tf.config.list_physical_devices("CPU")
halves = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, halves)
from keras_alexnet.layers import SynchronizedBatchNormalization
from keras_alexnet.weights.names import tensorflow_variable

rng = np.random.default_rng(0)
x = rng.normal(1, 2, (5, 4, 4, 3)).astype("float32")
u = rng.normal(size=x.shape).astype("float32")
parts = [slice(0, 2), slice(2, 5)]

def run(strategy, make, dtype):
    with strategy.scope():
        layer = make(momentum=0.9, epsilon=1e-3, dtype=dtype)
        layer.build((None, 4, 4, 3))
        layer.gamma.assign([0.5, 1.0, 2.0])
        layer.beta.assign([0.1, 0.2, 0.3])

    def replica(x, u):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
        trained = [tensorflow_variable(each) for each in (layer.gamma, layer.beta)]
        return [y, *tape.gradient(y, [x, *trained], tf.cast(u, y.dtype))]

    @tf.function
    def step(x, u):
        return strategy.run(replica, (x, u))

    def dealt(values):
        take = lambda context: tf.constant(
            values[parts[context.replica_id_in_sync_group]]
        )
        return strategy.experimental_distribute_values_from_function(take)

    arguments = dealt(x), dealt(u)
    graph = step.get_concrete_function(*arguments).graph
    kinds = Counter(op.type for op in graph.get_operations())
    y, of_x, gamma, beta = map(strategy.experimental_local_results, step(*arguments))
    gather = lambda each: np.concatenate(each).astype("float64").tolist()
    total = lambda each: np.sum(each, axis=0).tolist()
    moving = [
        [np.asarray(one).tolist() for one in strategy.experimental_local_results(
            tensorflow_variable(each))]
        for each in (layer.moving_mean, layer.moving_variance)
    ]
    return {
        "y": gather(y), "of_x": gather(of_x), "gamma": total(gamma),
        "beta": total(beta), "moving": moving,
        "collectives": kinds["CollectiveReduceV2"] / 2,
    }

two = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
stock = lambda **kwargs: keras.layers.BatchNormalization(synchronized=True, **kwargs)
print(json.dumps({
    "x": x.tolist(), "u": u.tolist(),
    "ours": run(two, SynchronizedBatchNormalization, "float32"),
    "half": run(two, SynchronizedBatchNormalization, "mixed_bfloat16"),
    "keras": run(two, stock, "float32"),
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    import subprocess
    import sys

    result = subprocess.run(
        [sys.executable, "-c", REPLICAS],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout)


def formula(x: np.ndarray) -> np.ndarray:
    gamma, beta = np.array([0.5, 1.0, 2.0]), np.array([0.1, 0.2, 0.3])
    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return gamma * (x - mean) / np.sqrt(variance + EPSILON) + beta


@pytest.mark.compat
def test_statistics_are_those_of_the_whole_batch(found: dict) -> None:
    x, ours = np.array(found["x"]), found["ours"]
    np.testing.assert_allclose(ours["y"], formula(x), atol=1e-5)
    start = np.array([0.0, 1.0])[:, None]
    batch = np.stack([x.mean((0, 1, 2)), x.var((0, 1, 2))])
    expected = start * MOMENTUM + batch * (1 - MOMENTUM)
    for replica in range(2):
        moved = [each[replica] for each in ours["moving"]]
        np.testing.assert_allclose(moved, expected, atol=1e-6)


@pytest.mark.compat
def test_the_gradient_is_that_of_finite_differences(found: dict) -> None:
    x, u = np.array(found["x"]), np.array(found["u"])
    for index in [(0, 0, 0, 0), (1, 3, 2, 1), (2, 1, 1, 2), (4, 3, 3, 0)]:
        step = np.zeros_like(x)
        step[index] = 1e-5
        slope = ((formula(x + step) - formula(x - step)) * u).sum() / 2e-5
        assert np.array(found["ours"]["of_x"])[index] == pytest.approx(slope, abs=1e-4)


@pytest.mark.compat
def test_all_is_as_with_the_layer_of_keras(found: dict) -> None:
    for name in ("y", "of_x", "gamma", "beta", "moving"):
        theirs = np.array(found["keras"][name])
        np.testing.assert_allclose(found["ours"][name], theirs, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["half"]["y"], found["keras"]["y"], atol=0.03)


@pytest.mark.compat
def test_each_pass_sums_once_over_the_replicas(found: dict) -> None:
    assert found["keras"]["collectives"] == 5
    assert found["ours"]["collectives"] == found["half"]["collectives"] == 2


def test_on_one_device_it_is_the_layer_of_keras() -> None:
    x = tf.random.stateless_normal([4, 2, 2, CHANNELS], [1, 2])
    ours, keras_own = (
        SynchronizedBatchNormalization(),
        keras.layers.BatchNormalization(),
    )
    for training in (True, False):
        np.testing.assert_allclose(
            ours(x, training=training), keras_own(x, training=training), atol=1e-6
        )


def test_a_network_has_it_where_a_strategy_has_replicas(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def made() -> keras.layers.Layer:
        return blocks._single(1, BatchNorm(), 1, "auto")

    assert type(made()) is keras.layers.BatchNormalization
    several: Callable = type("Strategy", (), {"num_replicas_in_sync": 2})
    monkeypatch.setattr(tf.distribute, "get_strategy", several)
    layer = made()
    assert type(layer) is SynchronizedBatchNormalization
    again = type(layer).from_config(layer.get_config())
    assert (again.momentum, again.epsilon) == (layer.momentum, layer.epsilon)
