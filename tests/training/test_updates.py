"""The trainer's update rules against Keras', tensorflow-addons' and the formula."""

from __future__ import annotations

import dataclasses
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet import architectures
from keras_alexnet.data.colour import IMAGENET
from keras_alexnet.optimizers import PaperSGD
from keras_alexnet.training import TrainingConfig
from keras_alexnet.training.addons import AddonsUpdate
from keras_alexnet.training.loss import LossScale
from keras_alexnet.training.network import network_of
from keras_alexnet.training.state import TrainState
from keras_alexnet.training.step import StepInputs, TrainStep
from keras_alexnet.training.updates import RULES, MovingAverage

STEPS, RATES = 8, (0.1, 0.1, 0.05, 0.05, 0.05, 0.01, 0.01, 0.01)
DECAY, MOMENTUM = 0.02, 0.8


@pytest.fixture(autouse=True, params=["auto", "composite"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test runs with the native op, and with the ops that a GPU has."""
    monkeypatch.setenv("KERAS_ALEXNET_KERNELS", request.param)


def start() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype("float32") for shape in ((3, 4), (4,))]


def gradients() -> list[list[tf.Tensor]]:
    rng = np.random.default_rng(1)
    shapes = ((3, 4), (4,))
    return [
        [tf.constant(rng.normal(size=shape), tf.float32) for shape in shapes]
        for _ in range(STEPS)
    ]


def ours(
    rule: str, average: float | None = None, *given: tf.Tensor
) -> tuple[list, list]:
    """Weights and averages of a kernel, which decays, and a bias, which does not."""
    variables = [tf.Variable(each) for each in start()]
    update = RULES[rule](variables, [DECAY, 0.0], MOMENTUM)
    mean = MovingAverage(variables)
    for each, rate in zip(gradients(), RATES, strict=True):
        update.apply(each, tf.constant([rate, rate]), *given)
        mean.apply(update.iterations.read_value(), tf.constant(average or 0.0), *given)
    return [v.numpy() for v in variables], [a.numpy() for a in mean.averages]


def keras_fit(optimizer: keras.optimizers.Optimizer) -> list[np.ndarray]:
    layer = keras.layers.Dense(4)
    layer.build((None, 3))
    layer.set_weights(start())
    variables = layer.trainable_variables
    if not isinstance(optimizer, PaperSGD):
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    for each, rate in zip(gradients(), RATES, strict=True):
        optimizer.learning_rate = rate
        optimizer.apply_gradients(zip(each, variables, strict=True))
    return layer.get_weights()


def close(one: list, other: list) -> None:
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)


@pytest.mark.compat
def test_sgdw_is_keras_sgd_with_its_decay() -> None:
    theirs = keras.optimizers.SGD(0.1, momentum=MOMENTUM, weight_decay=DECAY)
    close(ours("sgdw")[0], keras_fit(theirs))


@pytest.mark.compat
def test_adamw_is_keras() -> None:
    theirs = keras.optimizers.AdamW(0.1, weight_decay=DECAY, beta_1=MOMENTUM)
    close(ours("adamw")[0], keras_fit(theirs))


@pytest.mark.compat
def test_the_papers_rule_is_that_of_the_keras_optimizer() -> None:
    theirs = PaperSGD(0.1, momentum=MOMENTUM, decay=DECAY, bias_rate=1.0)
    close(ours("paper_sgd")[0], keras_fit(theirs))


# Not on Keras 2, whose average begins with the first weights.
def test_the_average_is_keras_3() -> None:
    theirs = keras.optimizers.SGD(
        0.1, MOMENTUM, weight_decay=DECAY, use_ema=True, ema_momentum=0.7
    )
    keras_fit(theirs)
    averages = [np.asarray(each) for each in theirs._model_variables_moving_average]
    close(ours("sgdw", average=0.7)[1], averages)


@pytest.mark.compat
@pytest.mark.parametrize("rule", RULES)
def test_an_update_without_a_branch_is_the_same(rule: str) -> None:
    for found, expected in zip(
        ours(rule, 0.7, tf.constant(True)), ours(rule, 0.7), strict=True
    ):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)


@pytest.mark.compat
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("before", [0, 3])
def test_without_a_branch_a_bad_batch_changes_no_bit(
    rule: str, bad: float, before: int
) -> None:
    variables = [tf.Variable(each) for each in start()]
    update = RULES[rule](variables, [DECAY, 0.0], MOMENTUM)
    mean = MovingAverage(variables)
    rates, weight = tf.constant([0.1, 0.1]), tf.constant(0.7)
    for each in gradients()[:before]:
        update.apply(each, rates, tf.constant(True))
        mean.apply(update.iterations.read_value(), weight, tf.constant(True))
    kept = tf.nest.flatten([variables, update.slots, mean.averages, update.iterations])
    values = [each.numpy().tobytes() for each in kept]
    gradient = [tf.fill(each.shape, bad) for each in variables]
    update.apply(gradient, rates, tf.constant(False))
    mean.apply(update.iterations.read_value(), weight, tf.constant(False))
    assert [each.numpy().tobytes() for each in kept] == values
    update.apply(gradients()[before], rates, tf.constant(True))
    assert all(
        each.numpy().tobytes() != value
        for each, value in zip(variables, values, strict=False)
    )


@pytest.mark.parametrize("rule", ["paper_sgd", "sgdw", "adamw"])
def test_what_is_frozen_stands_still_at_once(rule: str) -> None:
    variable = tf.Variable([1.0])
    update = RULES[rule]([variable], [0.5], 0.5)
    update.apply([tf.constant([1.0])], tf.constant([0.1]))
    moved = float(variable[0])
    assert moved < 1
    for _ in range(2):
        update.apply([tf.constant([1.0])], tf.constant([0.0]))
        assert float(variable[0]) == moved


@pytest.mark.compat
def test_the_graph_of_a_step_holds_native_updates_itself(
    request: pytest.FixtureRequest,
) -> None:
    """Not calls of functions, which would keep the gradients in memory."""
    narrow = dataclasses.replace(architectures.get("paper"), dense=(16,))
    config = TrainingConfig(image_size=64, batch_size=2)
    network = network_of(config, narrow)
    step = TrainStep(network, 3, IMAGENET, tf.distribute.get_strategy())
    pictures = {
        "image": tf.zeros([2, 64, 64, 3], tf.uint8),
        "label": tf.zeros([2], tf.int64),
        "noise": tf.zeros([2, 3]),
    }
    rates = np.zeros(len(step.train_state.trained), np.float32)
    inputs = StepInputs(1, rates).tensors()
    graph = step._step.get_concrete_function(pictures, inputs).graph.as_graph_def()
    # With those of the branch in which a good batch is applied.
    branches = [node for each in graph.library.function for node in each.node_def]
    nodes = [*graph.node, *branches]
    updates = [node for node in nodes if node.op == "KerasAlexnet>Update"]
    natively = request.node.callspec.params["kernels"] == "auto"
    assert len(updates) == (2 * len(rates) if natively else 0)


@pytest.fixture
def addons() -> None:
    """For tests of tensorflow-addons' own: TensorFlow 2.15 with the extra."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It tells of its own end.
        pytest.importorskip("tensorflow_addons")


@pytest.mark.compat
def test_addons_sgdw_is_ours_with_the_decay_over_the_rate(addons: None) -> None:
    rates = tf.constant([0.1, 0.1])  # Theirs decays by λ · w whatever they are.
    variables, same = ([tf.Variable(each) for each in start()] for _ in range(2))
    theirs = AddonsUpdate(variables, [0.1 * DECAY, 0.0], MOMENTUM)
    rule = RULES["sgdw"](same, [DECAY, 0.0], MOMENTUM)
    for each in gradients():
        theirs.apply(each, rates)
        rule.apply(each, rates)
    close([v.numpy() for v in variables], [v.numpy() for v in same])


@pytest.mark.compat
def test_addons_average_begins_with_weights_that_were_replaced(addons: None) -> None:
    config = TrainingConfig(
        image_size=64,
        update_rule="addons_sgdw",
        bias_rate=1,
        average="addons_moving_average",
    )
    narrow = dataclasses.replace(architectures.get("paper"), dense=(16,))
    state = TrainState(network_of(config, narrow), classes=3)
    for variable in state.trained:
        variable.assign(variable + 1)
    state.restart_averages()
    for layer, averages in state.variables()["average"].items():
        for name, average in averages.items():
            expected = state.variables()["model"][layer][name]
            np.testing.assert_array_equal(average, expected)


@pytest.mark.compat
def test_addons_average_is_ours_from_the_second_step_on(addons: None) -> None:
    variables = [tf.Variable(each) for each in start()]
    theirs = AddonsUpdate(variables, [0.0, 0.0], MOMENTUM, average=0.7)
    mean = MovingAverage(variables)
    for step, each in enumerate(gradients(), start=1):
        theirs.apply(each, tf.constant([0.1, 0.1]))
        mean.apply(tf.constant(step, tf.int64), tf.constant(0.7))
        if step > 1:
            continue
        pairs = zip(theirs.averages, start(), mean.averages, strict=True)
        for average, first, own in pairs:  # 0.7 of the first weights, 0.3 of the next
            expected = 0.7 * first + 0.3 * own.numpy()
            np.testing.assert_allclose(average, expected, rtol=1e-5)
            own.assign(average)
    close([a.numpy() for a in theirs.averages], [a.numpy() for a in mean.averages])


def test_without_addons_the_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_addons", None)
    with pytest.raises(ValueError, match=r"pip install 'keras-alexnet\[addons\]'"):
        AddonsUpdate([tf.Variable([1.0])], [0.0], 0.9)


def test_the_loss_scale_halves_and_grows() -> None:
    scale = LossScale(dynamic=True)
    first = float(scale.scale)
    scale.adapt(tf.constant(False))
    assert float(scale.scale) == first / 2
    scale.steps.assign(1999)
    scale.adapt(tf.constant(True))
    assert (float(scale.scale), int(scale.steps)) == (first, 0)
    assert not bool(scale.exhausted())
    assert bool(LossScale(dynamic=False).exhausted())
