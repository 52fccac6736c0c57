"""Update rules as functions: new weights and state by a gradient, in one pass.

TensorFlow's own ops change variables in place, and there is none for decay or for an
average of weights: each takes two to four passes over memory more. The native op reads
weights, state and gradient once. What it returns is assigned to the variables without a
copy; the new weights are in the gradient's memory, which nothing needs any more.
"""

from __future__ import annotations

import functools
from typing import TypeAlias

import tensorflow as tf

from keras_alexnet.ops import native
from keras_alexnet.ops.dispatch import native_in_graphs, use_native
from keras_alexnet.ops.swapping import Function, swapped

Number: TypeAlias = float | tf.Tensor | None  # None stands for 1


def updates_natively(like: tf.Tensor | tf.Variable) -> bool:
    """Whether the functions here run natively on such tensors: float32, on a CPU.

    Elsewhere TensorFlow's ops on variables are as fast, or faster.
    """
    return like.dtype == tf.float32 and use_native("auto", [like])


def momentum_update(
    weights: tf.Tensor,
    velocity: tf.Tensor,
    gradient: tf.Tensor,
    *,
    rate: Number,
    momentum: Number,
    coupled: Number = 0.0,
    kept: Number = None,
    nesterov: bool = False,
    factor: Number = None,
    applied: Number = None,
) -> list[tf.Tensor]:
    """`v' = m v − ε (f g + c w)`, `w' = k w + v'`.

    Args:
        weights: w, float32.
        velocity: v, of the same shape.
        gradient: g, of the same shape.
        rate: ε.
        momentum: m.
        coupled: c, decay that goes through the momentum.
        kept: k, what decay beside the momentum leaves of the weights.
        nesterov: Whether `w' = k w + m v' − ε (f g + c w)`.
        factor: f, of the gradient.
        applied: 0 to leave weights and velocity as they are, whatever the gradient.

    Returns:
        w' and v'.
    """
    rule = "nesterov" if nesterov else "momentum"
    numbers = _numbers(factor, rate, momentum, coupled, kept, applied)
    return _run(rule, [weights, velocity], gradient, numbers)


def adam_update(
    weights: tf.Tensor,
    mean: tf.Tensor,
    square: tf.Tensor,
    gradient: tf.Tensor,
    *,
    rate: Number,
    beta1: Number,
    beta2: Number,
    epsilon: Number,
    kept: Number = None,
    factor: Number = None,
    applied: Number = None,
) -> list[tf.Tensor]:
    """`m' = m + p (g − m)`, `v' = v + q (g² − v)`, `w' = k w − ε m' / (√v' + s)`.

    Here p = 1 − β₁ and q = 1 − β₂, and g is the gradient times `factor`.

    Args:
        weights: w, float32.
        mean: m, of the same shape.
        square: v, of the same shape.
        gradient: The gradient, of the same shape.
        rate: ε, with what corrects the bias of m and v.
        beta1: β₁.
        beta2: β₂.
        epsilon: s.
        kept: k, what the decay leaves of the weights.
        factor: What the gradient is multiplied by.
        applied: 0 to leave all three as they are, whatever the gradient.

    Returns:
        w', m' and v'.
    """
    numbers = _numbers(factor, rate, beta1, beta2, epsilon, kept, applied)
    return _run("adam", [weights, mean, square], gradient, numbers)


def average_update(
    average: tf.Tensor, weights: tf.Tensor, *, part: Number, applied: Number = None
) -> tf.Tensor:
    """`a' = a + p (w − a)`.

    Args:
        average: a, float32.
        weights: w, of the same shape.
        part: p.
        applied: 0 to leave the average as it is.

    Returns:
        a'.
    """
    return _run("average", [average], weights, _numbers(part, applied))[0]


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
    rule: str, state: list[tf.Tensor], gradient: tf.Tensor, numbers: tf.Tensor
) -> list[tf.Tensor]:
    gradient = unwidened(gradient)
    stock = functools.partial(_stock, rule)
    if not updates_natively(state[0]):
        return stock(*state, gradient, numbers)
    call = swapped(
        f"keras_alexnet update by {rule}",
        stock,
        functools.partial(_native, rule),
        in_graphs=native_in_graphs("auto"),
    )
    return call(*state, gradient, numbers)


def _native(rule: str, *inputs: tf.Tensor) -> list[tf.Tensor]:
    *state, gradient, numbers = inputs
    return native.update(rule, state, gradient, numbers)


def _stock(rule: str, *inputs: tf.Tensor) -> list[tf.Tensor]:
    *state, gradient, numbers = inputs
    *numbers, applied = tf.unstack(numbers)
    updated = _FORMULAS[rule](*state, tf.cast(gradient, tf.float32), *numbers)
    return [
        tf.where(applied != 0, new, old)
        for new, old in zip(updated, state, strict=True)
    ]


def _momentum(
    w: tf.Tensor,
    v: tf.Tensor,
    g: tf.Tensor,
    factor: tf.Tensor,
    rate: tf.Tensor,
    momentum: tf.Tensor,
    coupled: tf.Tensor,
    kept: tf.Tensor,
    nesterov: bool = False,
) -> list[tf.Tensor]:
    step = rate * (factor * g + coupled * w)
    v = momentum * v - step
    return [kept * w + (momentum * v - step if nesterov else v), v]


def _adam(
    w: tf.Tensor,
    m: tf.Tensor,
    v: tf.Tensor,
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
    "momentum": _momentum,
    "nesterov": functools.partial(_momentum, nesterov=True),
    "adam": _adam,
    "average": lambda a, w, part: [a + part * (w - a)],
}
