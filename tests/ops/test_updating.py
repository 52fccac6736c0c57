"""Updates as functions, natively and in stock ops, against NumPy in float64."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.ops import native
from keras_alexnet.ops.updating import (
    adam_update,
    average_update,
    momentum_update,
    unwidened,
    updates_natively,
)

KERNELS = pytest.mark.parametrize("kernels", ["auto", "native", "composite"])
SHAPES = pytest.mark.parametrize("shape", [[], [0], [5], [3, 67], [3, 3, 256, 97]])
RATE, M, C, K = 0.1, 0.9, 0.02, 0.998
BETA2, EPSILON, PART, F = 0.99, 1e-3, 0.25, 0.5

Numbers = list[np.ndarray]


def momentum(w: np.ndarray, v: np.ndarray, g: np.ndarray) -> Numbers:
    v = M * v - RATE * (F * g + C * w)
    return [K * w + v, v]


def nesterov(w: np.ndarray, v: np.ndarray, g: np.ndarray) -> Numbers:
    step = RATE * (F * g + C * w)
    v = M * v - step
    return [K * w + M * v - step, v]


def adam(w: np.ndarray, m: np.ndarray, v: np.ndarray, g: np.ndarray) -> Numbers:
    g = F * g
    m, v = M * m + (1 - M) * g, BETA2 * v + (1 - BETA2) * g * g
    return [K * w - RATE * m / (np.sqrt(v) + EPSILON), m, v]


def average(a: np.ndarray, w: np.ndarray) -> Numbers:
    return [(1 - PART) * a + PART * w]


def by_momentum(*tensors: tf.Tensor, **how: object) -> list[tf.Tensor]:
    given = {"rate": RATE, "momentum": M, "coupled": C, "kept": K, "factor": F}
    return momentum_update(*tensors, **given, **how)


def by_adam(*tensors: tf.Tensor, **how: object) -> list[tf.Tensor]:
    given = {"rate": RATE, "beta1": M, "beta2": BETA2, "epsilon": EPSILON}
    return adam_update(*tensors, **given, kept=K, factor=F, **how)


def by_average(*tensors: tf.Tensor, **how: object) -> list[tf.Tensor]:
    return [average_update(*tensors, part=PART, **how)]


def by_nesterov(*tensors: tf.Tensor, **how: object) -> list[tf.Tensor]:
    return by_momentum(*tensors, nesterov=True, **how)


RULES: dict[str, tuple[Callable, Callable, int]] = {
    "momentum": (momentum, by_momentum, 3),
    "nesterov": (nesterov, by_nesterov, 3),
    "adam": (adam, by_adam, 4),
    "average": (average, by_average, 2),
}
RULE = pytest.mark.parametrize("rule", RULES)


def operands(shape: list[int], count: int) -> list[tf.Tensor]:
    rng = np.random.default_rng(0)
    return [tf.constant(rng.uniform(0.5, 2, shape), tf.float32) for _ in range(count)]


def wide(tensors: list[tf.Tensor]) -> Numbers:
    return [np.asarray(each, np.float64) for each in tensors]


@pytest.mark.compat
@KERNELS
@RULE
@SHAPES
def test_updates_are_their_formulas(
    kernels: str, rule: str, shape: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_ALEXNET_KERNELS", kernels)
    formula, update, count = RULES[rule]
    tensors = operands(shape, count)
    expected = formula(*wide(tensors))
    graph = tf.function(lambda *given: update(*given))
    spec = tf.TensorSpec([None] * len(shape))
    dynamic = tf.function(graph, input_signature=[spec] * count)
    for run in (update, graph, dynamic):
        for found, theirs in zip(run(*tensors), expected, strict=True):
            assert found.shape == shape
            np.testing.assert_allclose(found, theirs, rtol=2e-6)


@pytest.mark.compat
@KERNELS
@pytest.mark.parametrize("rule", ["momentum", "nesterov", "adam"])
def test_a_gradient_in_bfloat16_is_as_if_it_were_widened(
    kernels: str, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_ALEXNET_KERNELS", kernels)
    _, update, count = RULES[rule]
    *state, gradient = operands([7, 67], count)
    narrow = tf.cast(gradient, tf.bfloat16)
    wide = tf.cast(narrow, tf.float32)

    @tf.function
    def widened(*state: tf.Tensor) -> list[tf.Tensor]:
        same = tf.identity_n([tf.cast(narrow, tf.float32), state[0]])
        assert unwidened(same[0]).dtype == tf.bfloat16
        assert unwidened(same[1]) is same[1]
        return update(*state, same[0])

    for one, other in zip(widened(*state), update(*state, wide), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.compat
@KERNELS
@RULE
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_applied_changes_no_bit(
    kernels: str, rule: str, bad: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_ALEXNET_KERNELS", kernels)
    _, update, count = RULES[rule]
    *state, gradient = operands([3, 67], count)
    for run in (update, tf.function(update)):
        found = run(*state, tf.fill(gradient.shape, bad), applied=tf.constant(False))
        for new, old in zip(found, state, strict=True):
            np.testing.assert_array_equal(new, old)


@pytest.mark.compat
@RULE
def test_variables_keep_what_others_have_read(rule: str) -> None:
    """The new weights take the gradient's memory, never that of a value in use."""
    _, update, count = RULES[rule]
    tensors = operands([300, 301], count)
    variables = [tf.Variable(each) for each in tensors[:-1]]

    @tf.function
    def step(gradient: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        before = [each.read_value() for each in variables]
        own = gradient * 1.0
        for each, new in zip(variables, update(*before, own), strict=True):
            each.assign(new)
        return before, own

    before, gradient = step(tensors[-1])
    for found, given in zip([*before, gradient], tensors, strict=True):
        np.testing.assert_array_equal(found, given)


def test_it_is_the_native_op_that_runs_on_a_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, rules, run = tf.ones([3]), [], native.update

    def recorded(rule: str, *given: object) -> list[tf.Tensor]:
        rules.append(rule)
        return run(rule, *given)

    monkeypatch.setattr(native, "update", recorded)
    for _, update, count in RULES.values():
        update(*operands([3], count))
    assert rules == list(RULES)
    assert updates_natively(x)
    assert not updates_natively(tf.ones([3], tf.float64))
    on_a_gpu: list[bool] = []

    @tf.function
    def trace(x: tf.Tensor) -> None:
        with tf.device("GPU:0"):
            on_a_gpu.append(updates_natively(x))

    trace.get_concrete_function(x)
    assert on_a_gpu == [False]


def test_xla_compiles_the_formula() -> None:
    tensors = operands([4, 9], 3)
    found = tf.function(by_momentum, jit_compile=True)(*tensors)
    for one, other in zip(found, momentum(*wide(tensors)), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-6)


@pytest.mark.compat
@RULE
def test_a_saved_graph_holds_stock_ops(rule: str, tmp_path: Path) -> None:
    _, update, count = RULES[rule]
    module = tf.Module()
    tensors = operands([4, 9], count)
    module.update = tf.function(
        lambda *given: update(*given), input_signature=[tf.TensorSpec([4, 9])] * count
    )
    tf.saved_model.save(module, str(tmp_path))
    assert b"KerasAlexnet>" not in (tmp_path / "saved_model.pb").read_bytes()
    loaded = tf.saved_model.load(str(tmp_path)).update(*tensors)
    for found, ours in zip(loaded, update(*tensors), strict=True):
        np.testing.assert_allclose(found, ours, rtol=1e-6)


@pytest.mark.parametrize(
    ("rule", "shapes", "numbers", "said"),
    [
        ("adamw", [[3], [3]], 5, "rule must be momentum, nesterov, adam or average"),
        ("momentum", [[3]], 6, "state must hold 2 tensors"),
        ("momentum", [[3], [4]], 6, r"got state \[3\] \[4\]"),
        ("momentum", [[3], [3]], 5, r"numbers \[5\]"),
        ("momentum", [[1, 3], [1, 3]], 6, r"gradient \[3\]"),
    ],
)
def test_the_native_op_refuses_what_does_not_fit(
    rule: str, shapes: list[list[int]], numbers: int, said: str
) -> None:
    state = [tf.ones(shape) for shape in shapes]
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        native.update(rule, state, tf.ones([3]), tf.ones([numbers]))
