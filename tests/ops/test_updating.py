"""Updates as functions, natively and in stock ops, against NumPy in float64."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.ops import native
from keras_alexnet.ops.dispatch import graph_that_stays
from keras_alexnet.ops.updating import (
    unwidened,
    update_average,
    update_by_adam,
    update_by_momentum,
    updates_natively,
)
from keras_alexnet.optimizers import momentum_step

KERNELS = pytest.mark.parametrize("kernels", ["auto", "native", "composite"])
SHAPES = pytest.mark.parametrize("shape", [[], [0], [5], [3, 67], [3, 3, 256, 97]])
RATE, M, C, K = 0.1, 0.9, 0.02, 0.998
BETA2, EPSILON, PART, F = 0.99, 1e-3, 0.25, 0.5

Numbers = list[np.ndarray]
How = Literal["eager", "graph", "dynamic"]


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


def by_momentum(*operands: Any, **how: object) -> None:
    given = {"rate": RATE, "momentum": M, "coupled": C, "kept": K, "factor": F}
    update_by_momentum(*operands, **given, **how)


def by_adam(*operands: Any, **how: object) -> None:
    given = {"rate": RATE, "beta1": M, "beta2": BETA2, "epsilon": EPSILON}
    update_by_adam(*operands, **given, kept=K, factor=F, **how)


def by_average(*operands: Any, **how: object) -> None:
    update_average(*operands, part=PART, **how)


def by_nesterov(*operands: Any, **how: object) -> None:
    by_momentum(*operands, nesterov=True, **how)


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


def changed(update: Callable, tensors: list[tf.Tensor], how: How = "eager") -> Numbers:
    """What an update makes of variables that begin as all but the last tensor."""
    *before, gradient = tensors
    variables = [tf.Variable(each) for each in before]

    def run(gradient: tf.Tensor) -> None:
        update(*variables, gradient)

    if how != "eager":
        shape = gradient.shape if how == "graph" else [None] * len(gradient.shape)
        spec = tf.TensorSpec(shape, gradient.dtype)
        run = tf.function(run, input_signature=[spec])
    run(gradient)
    return [each.numpy() for each in variables]


@pytest.mark.compat
@KERNELS
@RULE
@SHAPES
@pytest.mark.parametrize("how", get_args(How))
def test_updates_are_their_formulas(
    kernels: str, rule: str, shape: list[int], how: How, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_ALEXNET_KERNELS", kernels)
    formula, update, count = RULES[rule]
    tensors = operands(shape, count)
    expected = formula(*wide(tensors))
    for found, theirs in zip(changed(update, tensors, how), expected, strict=True):
        assert found.shape == tuple(shape)
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
    widened = tf.cast(narrow, tf.float32)

    def update_by_widened(*given: Any) -> None:
        *variables, narrow = given
        same = tf.identity_n([tf.cast(narrow, tf.float32), widened])
        assert unwidened(same[0]).dtype == tf.bfloat16
        assert unwidened(same[1]) is same[1]
        update(*variables, same[0])

    found = changed(update_by_widened, [*state, narrow], "graph")
    for one, other in zip(found, changed(update, [*state, widened]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.compat
@KERNELS
@RULE
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("how", get_args(How))
def test_what_is_not_applied_changes_no_bit(
    kernels: str, rule: str, bad: float, how: How, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_ALEXNET_KERNELS", kernels)
    _, update, count = RULES[rule]
    *state, gradient = operands([3, 67], count)
    left = functools.partial(update, applied=tf.constant(False))
    found = changed(left, [*state, tf.fill(gradient.shape, bad)], how)
    for new, old in zip(found, state, strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.compat
@RULE
@pytest.mark.parametrize("stays", [False, True])
def test_variables_keep_what_others_have_read(rule: str, stays: bool) -> None:
    """What is new takes memory that nothing needs, never that of a value in use."""
    _, update, count = RULES[rule]
    tensors = operands([300, 301], count)
    variables = [tf.Variable(each) for each in tensors[:-1]]

    @tf.function
    def step(gradient: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        before = [each.read_value() for each in variables]
        own = gradient * 1.0
        with graph_that_stays() if stays else contextlib.nullcontext():
            update(*variables, own)
        return before, own

    before, gradient = step(tensors[-1])
    for found, given in zip([*before, gradient], tensors, strict=True):
        np.testing.assert_array_equal(found, given)
    expected = changed(update, tensors)
    for variable, theirs in zip(variables, expected, strict=True):
        np.testing.assert_allclose(variable, theirs, rtol=1e-6)


@pytest.mark.compat
@pytest.mark.parametrize("how", [{}, {"good": True}, {"kept": K}, {"nesterov": True}])
def test_momentum_needs_no_memory_that_is_not_there(how: dict[str, object]) -> None:
    """v' is in the gradient's memory, and w' in that of the velocity before."""
    weights, velocity, gradient = (tf.Variable(x) for x in operands([300, 301], 3))

    @tf.function
    @graph_that_stays()
    def step() -> None:
        taken = gradient.read_value()
        with tf.control_dependencies([gradient.assign(taken + 1.0)]):
            # Now nothing else needs the memory of `taken`.
            momentum_step(
                weights, velocity, taken, tf.constant(RATE), tf.constant(M), **how
            )

    reused = []
    for _ in range(30):
        before = [address(each) for each in (velocity, gradient)]
        step()
        after = [address(each) for each in (weights, velocity)]
        reused.append([old == new for old, new in zip(before, after, strict=True)])
    # Not always: on a busy machine a thread of TensorFlow may still hold what it has
    # handed on. Without the memory's reuse it would be none of them.
    assert np.any(reused, axis=0).all()


@pytest.mark.compat
@pytest.mark.parametrize("kernels", ["auto", "composite"])
@pytest.mark.parametrize("rule", [momentum, nesterov])
@pytest.mark.parametrize("good", [None, True, False])
def test_a_step_of_momentum_is_the_formula(
    kernels: str, rule: Callable, good: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_ALEXNET_KERNELS", kernels)
    tensors = operands([7, 67], 3)
    weights, velocity = (tf.Variable(x) for x in tensors[:-1])
    gradient = tensors[-1] if good is not False else tf.fill([7, 67], np.inf)
    momentum_step(
        weights,
        velocity,
        gradient,
        tf.constant(RATE),
        tf.constant(M),
        coupled=C if good is None else 0.0,
        kept=tf.constant(K),
        nesterov=rule is nesterov,
        factor=tf.constant(F),
        good=None if good is None else tf.constant(good),
    )
    w, v, g = wide(tensors)
    if good is None:
        expected = rule(w, v, g)
    elif good:
        expected = rule(w, v, g - C / F * w)  # without the decay through the momentum
    else:
        expected = [w, v]
    for found, theirs in zip([weights, velocity], expected, strict=True):
        np.testing.assert_allclose(found, theirs, rtol=3e-6)


def address(variable: tf.Variable) -> int:
    value = np.asarray(memoryview(variable.read_value()))
    return value.__array_interface__["data"][0]


def test_it_is_the_native_op_that_runs_on_a_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, rules, run = tf.ones([3]), [], native.update

    def recorded(rule: str, *given: object) -> list[tf.Tensor]:
        rules.append(rule)
        return run(rule, *given)

    monkeypatch.setattr(native, "update", recorded)
    for _, update, count in RULES.values():
        changed(update, operands([3], count))
    assert rules == ["velocity", "moved", "velocity", "nesterov", "adam", "average"]
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
    variables = [tf.Variable(each) for each in tensors[:-1]]
    tf.function(lambda g: by_momentum(*variables, g), jit_compile=True)(tensors[-1])
    for one, other in zip(variables, momentum(*wide(tensors)), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-6)


@pytest.mark.compat
@RULE
@pytest.mark.parametrize("traced", [False, True])
def test_a_saved_graph_holds_stock_ops(rule: str, traced: bool, tmp_path: Path) -> None:
    _, update, count = RULES[rule]
    module = tf.Module()
    *state, gradient = operands([4, 9], count)
    module.state = [tf.Variable(each) for each in state]
    module.update = tf.function(
        lambda gradient: update(*module.state, gradient),
        input_signature=[tf.TensorSpec([4, 9])],
    )
    if traced:  # and run: what is saved is the same graph
        module.update(gradient)
    tf.saved_model.save(module, str(tmp_path))
    assert b"KerasAlexnet>" not in (tmp_path / "saved_model.pb").read_bytes()
    loaded = tf.saved_model.load(str(tmp_path))
    loaded.update(gradient)
    module.update(gradient)
    for found, ours in zip(loaded.state, module.state, strict=True):
        np.testing.assert_allclose(found, ours, rtol=1e-6)


@pytest.mark.parametrize(
    ("rule", "shapes", "numbers", "said"),
    [
        ("adamw", [[3], [3]], 5, "rule must be velocity, moved, nesterov, adam or av"),
        ("velocity", [[3], [3]], 5, "state must hold 1 tensor"),
        ("adam", [[3], [3], [4]], 7, r"got state \[3\] \[3\] \[4\]"),
        ("velocity", [[3]], 4, r"numbers \[4\]"),
        ("velocity", [[1, 3]], 5, r"gradient \[3\]"),
    ],
)
def test_the_native_op_refuses_what_does_not_fit(
    rule: str, shapes: list[list[int]], numbers: int, said: str
) -> None:
    state = [tf.ones(shape) for shape in shapes]
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        native.update(rule, state, tf.ones([3]), tf.ones([3]), tf.ones([numbers]))
