"""Update rules: they change weights, and what is kept beside them, by a gradient.

TensorFlow's own ops change variables in place, and there is none for decay or for an
average of weights: each takes two to four passes over memory more. What the native op
returns is assigned to the variables without a copy, and is in memory that nothing needs
any more, if it can: the new velocity in that of the gradient, and then the new weights
in that of the old velocity.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

from keras_alexnet.ops import native
from keras_alexnet.ops.dispatch import native_in_graphs, use_native
from keras_alexnet.ops.swapping import Function, swapped_changes

Number: TypeAlias = float | tf.Tensor | None  # None stands for 1
# Rule, state, what is beside it, gradient, numbers -> the new state (`native.update`).
_Update: TypeAlias = Callable[
    [str, list[tf.Tensor], tf.Tensor, tf.Tensor, tf.Tensor], list[tf.Tensor]
]


def updates_natively(like: tf.Tensor | tf.Variable) -> bool:
    """Whether the functions here run natively on such tensors: float32, on a CPU.

    Elsewhere TensorFlow's ops on variables are as fast, or faster.
    """
    return like.dtype == tf.float32 and use_native("auto", [like])


def update_by_momentum(
    weights: Any,
    velocity: Any,
    gradient: tf.Tensor,
    *,
    rate: Number,
    momentum: Number,
    coupled: Number = 0.0,
    kept: Number = None,
    nesterov: bool = False,
    factor: Number = None,
    applied: Number = None,
) -> None:
    """`v ← m v − ε (f g + c w)`, `w ← k w + v`.

    Args:
        weights: w, a variable of TensorFlow, float32.
        velocity: v, a variable of the same shape.
        gradient: g, of the same shape.
        rate: ε.
        momentum: m.
        coupled: c, decay that goes through the momentum.
        kept: k, what decay beside the momentum leaves of the weights.
        nesterov: Whether `w ← k w + m v − ε (f g + c w)`, with the new v. Computed as
            `k w + v + m (v − u)`, with u the velocity before.
        factor: f, of the gradient.
        applied: 0 to leave both as they are, whatever the gradient.
    """
    rule = "nesterov" if nesterov else "moved"
    of_weights = [kept, momentum, applied] if nesterov else [kept, applied]
    _run(
        functools.partial(_momentum_step, rule),
        f"momentum, {rule}",
        [weights, velocity],
        gradient,
        _numbers(factor, rate, momentum, coupled, applied),
        _numbers(*of_weights),
    )


def update_by_adam(
    weights: Any,
    mean: Any,
    square: Any,
    gradient: tf.Tensor,
    *,
    rate: Number,
    beta1: Number,
    beta2: Number,
    epsilon: Number,
    kept: Number = None,
    factor: Number = None,
    applied: Number = None,
) -> None:
    """`m ← m + p (g − m)`, `v ← v + q (g² − v)`, `w ← k w − ε m / (√v + s)`.

    Here p = 1 − β₁ and q = 1 − β₂, and g is the gradient times `factor`.

    Args:
        weights: w, a variable of TensorFlow, float32.
        mean: m, a variable of the same shape.
        square: v, a variable of the same shape.
        gradient: The gradient, of the same shape.
        rate: ε, with what corrects the bias of m and v.
        beta1: β₁.
        beta2: β₂.
        epsilon: s.
        kept: k, what the decay leaves of the weights.
        factor: What the gradient is multiplied by.
        applied: 0 to leave all three as they are, whatever the gradient.
    """
    numbers = _numbers(factor, rate, beta1, beta2, epsilon, kept, applied)
    _run(_adam_step, "adam", [weights, mean, square], gradient, numbers)


def update_average(
    average: Any, weights: tf.Tensor, *, part: Number, applied: Number = None
) -> None:
    """`a ← a + p (w − a)`.

    Args:
        average: a, a variable of TensorFlow, float32.
        weights: w, of the same shape.
        part: p.
        applied: 0 to leave the average as it is.
    """
    _run(_average_step, "average", [average], weights, _numbers(part, applied))


def unwidened(gradient: tf.Tensor) -> tf.Tensor:
    """The bfloat16 tensor that a gradient of a graph was widened from, if it was.

    That of a variable which a layer narrows is widened at the end. The native op widens
    it in registers: then a graph need not do it, and TensorFlow leaves it out.
    """
    if not tf.is_symbolic_tensor(gradient):
        return gradient
    found = gradient
    while found.op.type in ("Identity", "IdentityN"):  # of a Keras optimizer
        found = found.op.inputs[found.value_index]
    if found.op.type != "Cast" or found.op.inputs[0].dtype != tf.bfloat16:
        return gradient
    return found.op.inputs[0]


def _numbers(*numbers: Number) -> tf.Tensor:
    given = [1.0 if each is None else each for each in numbers]
    return tf.stack([tf.cast(each, tf.float32) for each in given])


def _run(
    step: Function,
    name: str,
    variables: list[Any],
    gradient: tf.Tensor,
    *numbers: tf.Tensor,
) -> None:
    run: Function = functools.partial(step, _formula)
    if updates_natively(gradient):
        run = swapped_changes(
            f"keras_alexnet update by {name}",
            run,
            functools.partial(step, native.update),
            in_graphs=native_in_graphs("auto"),
        )
    run(*[each.handle for each in variables], unwidened(gradient), *numbers)


def _momentum_step(
    rule: str,
    update: _Update,
    weights: tf.Tensor,
    velocity: tf.Tensor,
    gradient: tf.Tensor,
    of_velocity: tf.Tensor,
    of_weights: tf.Tensor,
) -> None:
    w, v = _read(weights), _read(velocity)
    _assign(velocity, update("velocity", [v], w, gradient, of_velocity)[0])
    # Read again, so that the next update waits until the variable has left v's memory.
    moved = update(rule, [w], _read(velocity), v, of_weights)
    _assign(weights, moved[0])


def _adam_step(
    update: _Update,
    weights: tf.Tensor,
    mean: tf.Tensor,
    square: tf.Tensor,
    gradient: tf.Tensor,
    numbers: tf.Tensor,
) -> None:
    handles = [weights, mean, square]
    state = [_read(each) for each in handles]
    new = update("adam", state, state[0], gradient, numbers)
    for handle, value in zip(handles, new, strict=True):
        _assign(handle, value)


def _average_step(
    update: _Update, average: tf.Tensor, weights: tf.Tensor, numbers: tf.Tensor
) -> None:
    held = _read(average)
    _assign(average, update("average", [held], held, weights, numbers)[0])


def _read(handle: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32)


def _assign(handle: tf.Tensor, value: tf.Tensor) -> None:
    tf.raw_ops.AssignVariableOp(resource=handle, value=value)


def _formula(
    rule: str,
    state: list[tf.Tensor],
    beside: tf.Tensor,
    gradient: tf.Tensor,
    numbers: tf.Tensor,
) -> list[tf.Tensor]:
    """`native.update` in stock ops."""
    *given, applied = tf.unstack(numbers)
    updated = _FORMULAS[rule](*state, beside, tf.cast(gradient, tf.float32), *given)
    return [
        tf.where(applied != 0, new, old)
        for new, old in zip(updated, state, strict=True)
    ]


def _velocity(
    v: tf.Tensor,
    w: tf.Tensor,
    g: tf.Tensor,
    factor: tf.Tensor,
    rate: tf.Tensor,
    momentum: tf.Tensor,
    coupled: tf.Tensor,
) -> list[tf.Tensor]:
    return [momentum * v - rate * (factor * g + coupled * w)]


def _nesterov(
    w: tf.Tensor, v: tf.Tensor, before: tf.Tensor, kept: tf.Tensor, momentum: tf.Tensor
) -> list[tf.Tensor]:
    return [kept * w + (v + momentum * (v - before))]


def _adam(
    w: tf.Tensor,
    m: tf.Tensor,
    v: tf.Tensor,
    beside: tf.Tensor,
    g: tf.Tensor,
    factor: tf.Tensor,
    rate: tf.Tensor,
    beta1: tf.Tensor,
    beta2: tf.Tensor,
    epsilon: tf.Tensor,
    kept: tf.Tensor,
) -> list[tf.Tensor]:
    g = factor * g
    m += (1 - beta1) * (g - m)
    v += (1 - beta2) * (g * g - v)
    return [kept * w - rate * m / (tf.sqrt(v) + epsilon), m, v]


_FORMULAS: dict[str, Function] = {
    "velocity": _velocity,
    "moved": lambda w, v, before, kept: [kept * w + v],
    "nesterov": _nesterov,
    "adam": _adam,
    "average": lambda a, beside, w, part: [a + part * (w - a)],
}
