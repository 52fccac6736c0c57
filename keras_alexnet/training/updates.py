"""The update rules of the trainer, each one pass over the weights and no more.

They work on the variables of one replica, with gradients that are summed over all of
them, and with a rate for each variable. Keras' optimizers reduce gradients within the
update, so that a step could not be left out once its gradient was seen.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, ClassVar

import tensorflow as tf

WITHOUT_DECAY = ("bias", "gamma", "beta")


class UpdateRule(abc.ABC):
    """Changes variables by their gradients, and keeps what it needs for that.

    Make it under the strategy of the variables, and apply it in its replicas.

    Args:
        variables: What is trained.
        decays: Weight decay of each.
        momentum: Share of the last step that a step keeps.
    """

    slot_names: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        variables: Sequence[tf.Variable],
        decays: Sequence[float],
        momentum: float,
    ) -> None:
        self._variables = variables
        self._decays = decays
        self._momentum = momentum
        # Steps that were applied: one that is left out does not count.
        self.iterations = tf.Variable(0, trainable=False, dtype=tf.int64)
        self.slots = {
            name: [_zeros_beside(variable) for variable in variables]
            for name in self.slot_names
        }

    def apply(self, gradients: Sequence[tf.Tensor], rates: tf.Tensor) -> None:
        """Changes the variables of the replica that this is called in.

        Args:
            gradients: One for each variable, summed over the replicas.
            rates: float32 `[variables]`.
        """
        count = assign(self.iterations, self.iterations.read_value() + 1)
        each = zip(gradients, tf.unstack(rates), strict=True)
        for index, (gradient, rate) in enumerate(each):
            with tf.device(self._variables[index].device):
                self._update(index, gradient, rate, count)

    @abc.abstractmethod
    def _update(
        self, index: int, gradient: tf.Tensor, rate: tf.Tensor, count: tf.Tensor
    ) -> None:
        """Changes the variable of this number; `count` steps with this one."""

    def _decay(self, index: int, rate: tf.Tensor) -> None:
        """w ← w − ε · λ · w, apart from the gradient, as Keras decays."""
        if self._decays[index]:
            variable = self._variables[index]
            share = 1.0 - rate * self._decays[index]
            assign(variable, variable.read_value() * share)

    def _handle(self, slot: str, index: int) -> Any:
        return self.slots[slot][index].handle


class PaperUpdate(UpdateRule):
    """`v ← m · v − λ · ε · w − ε · g`, `w ← w + v` (paper, section 5).

    λ is the decay and ε the rate. `keras_alexnet.optimizers.PaperSGD` is the same
    rule as an optimizer of Keras.
    """

    slot_names = ("velocity",)

    def _update(
        self, index: int, gradient: tf.Tensor, rate: tf.Tensor, count: tf.Tensor
    ) -> None:
        variable = self._variables[index]
        if self._decays[index]:
            gradient = gradient + self._decays[index] * variable.read_value()
        _momentum_step(self, index, gradient, rate)


class SGDW(UpdateRule):
    """`w ← w − ε · λ · w`, `v ← m · v − ε · g`, `w ← w + v`.

    As `keras.optimizers.SGD(weight_decay=λ)`; the decay stays out of the momentum
    (Loshchilov and Hutter 2019).
    """

    slot_names = ("velocity",)

    def _update(
        self, index: int, gradient: tf.Tensor, rate: tf.Tensor, count: tf.Tensor
    ) -> None:
        self._decay(index, rate)
        _momentum_step(self, index, gradient, rate)


class AdamW(UpdateRule):
    """Adam with decoupled decay, as `keras.optimizers.AdamW` has it.

    `w ← w − ε · λ · w`, `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`,
    `w ← w − ε · √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + 10⁻⁷)` (Loshchilov and Hutter
    2019), with β₁ the momentum and β₂ = 0.999.
    """

    slot_names = ("mean", "square")
    _beta2 = 0.999
    _epsilon = 1e-7

    def _update(
        self, index: int, gradient: tf.Tensor, rate: tf.Tensor, count: tf.Tensor
    ) -> None:
        self._decay(index, rate)
        steps = tf.cast(count, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=self._variables[index].handle,
            m=self._handle("mean", index),
            v=self._handle("square", index),
            beta1_power=tf.pow(self._momentum, steps),
            beta2_power=tf.pow(self._beta2, steps),
            lr=rate,
            beta1=self._momentum,
            beta2=self._beta2,
            epsilon=self._epsilon,
            grad=gradient,
            use_locking=True,
        )


def _momentum_step(
    rule: UpdateRule, index: int, gradient: tf.Tensor, rate: tf.Tensor
) -> None:
    """v ← m · v − ε · g, w ← w + v, in one pass where Keras' own ops take five.

    At a rate of 0 v becomes 0: a layer that is frozen stands still at once, and does
    not run out on its momentum (`_epsW > 0` in `weights.cu` of cuda-convnet).
    """
    tf.raw_ops.ResourceApplyKerasMomentum(
        var=rule._variables[index].handle,
        accum=rule._handle("velocity", index),
        lr=rate,
        grad=gradient,
        momentum=tf.where(rate > 0, rule._momentum, 0.0),
        use_locking=True,
    )


class MovingAverage:
    """`a ← m · a + (1 − m) · w` after each step; after the first one `a = w`.

    The meaning of `use_ema` in Keras' optimizers.

    Args:
        variables: What is averaged.
        momentum: m.
    """

    def __init__(self, variables: Sequence[tf.Variable], momentum: float) -> None:
        self._variables = variables
        self._momentum = momentum
        self.averages = [_zeros_beside(variable) for variable in variables]

    def apply(self, count: tf.Tensor) -> None:
        """Takes in the variables of a replica, after `count` steps."""
        share = 1 - tf.where(count == 1, 0.0, self._momentum)
        for average, variable in zip(self.averages, self._variables, strict=True):
            with tf.device(variable.device):
                behind = average.read_value() - variable.read_value()
                tf.raw_ops.AssignSubVariableOp(
                    resource=average.handle, value=share * behind
                )


RULES: dict[str, type[UpdateRule]] = {
    "paper_sgd": PaperUpdate,
    "sgdw": SGDW,
    "adamw": AdamW,
}
AVERAGES: dict[str, type[MovingAverage] | None] = {
    "none": None,
    "moving_average": MovingAverage,
}


def _zeros_beside(variable: tf.Variable) -> tf.Variable:
    with tf.device(variable.device):
        zeros = tf.zeros(variable.shape, tf.float32)
        return tf.Variable(zeros, trainable=False)


def assign(variable: tf.Variable, value: tf.Tensor) -> tf.Tensor:
    """Sets the replica's own copy of a variable, and returns the value.

    All replicas compute the same value, so there is nothing to aggregate, which is
    what `variable.assign` would ask for.
    """
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)
    return value
