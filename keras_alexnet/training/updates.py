"""The update rules of the trainer, each a single pass over the weights.

They change the variables of one replica, with gradients that are summed over all
replicas, and with a rate for each variable. Keras' optimizers sum the gradients within
the update: a step could not be skipped after a look at its gradient.
"""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import tensorflow as tf

from keras_alexnet.ops.updating import update_average, update_by_adam, updates_natively
from keras_alexnet.optimizers import assign, decay, momentum_step, read


class _Change(NamedTuple):
    """What changes one variable in one step.

    Args:
        gradient: Its gradient.
        rate: Its learning rate.
        count: Number of this step among those that were applied, from 1.
        factor: Of the gradient; 1 if None.
        good: Whether to change anything; always if None.
    """

    gradient: tf.Tensor
    rate: tf.Tensor
    count: tf.Tensor
    factor: tf.Tensor | None
    good: tf.Tensor | None


class UpdateRule(abc.ABC):
    """Changes variables by their gradients, and keeps the variables that this needs.

    Make it in the scope of the strategy, and apply it in the replicas.

    Args:
        variables: The variables to train.
        decays: Weight decay of each variable.
        momentum: Fraction of the last step that a step keeps.
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
        # Steps that were applied; a skipped step does not count.
        self.iterations = tf.Variable(0, trainable=False, dtype=tf.int64)
        self.slots = {
            name: [_zeros_beside(variable) for variable in variables]
            for name in self.slot_names
        }

    def apply(
        self,
        gradients: Sequence[tf.Tensor],
        rates: tf.Tensor,
        good: tf.Tensor | None = None,
        factor: tf.Tensor | None = None,
    ) -> None:
        """Changes the variables of the replica in which this is called.

        Args:
            gradients: One for each variable, summed over the replicas.
            rates: float32 `[variables]`.
            good: Whether to change anything, a boolean scalar; always if None. If it is
                false the gradients may be infinite or not numbers.
            factor: What the gradients are multiplied by; 1 if None.
        """
        done = self.iterations.read_value()
        taken = tf.constant(1, tf.int64) if good is None else tf.cast(good, tf.int64)
        assign(self.iterations, done + taken)
        each = zip(gradients, tf.unstack(rates), strict=True)
        for index, (gradient, rate) in enumerate(each):
            with tf.device(self._variables[index].device):
                self._update(index, _Change(gradient, rate, done + 1, factor, good))

    @abc.abstractmethod
    def _update(self, index: int, change: _Change) -> None:
        """Changes the variable of this index."""

    def _kept(self, index: int, rate: tf.Tensor) -> tf.Tensor | None:
        """1 − ε · λ, what Keras' decay, without the gradient, leaves of a weight."""
        return 1.0 - rate * self._decays[index] if self._decays[index] else None


class _MomentumRule(UpdateRule):
    """A rule with a velocity, which becomes 0 at a rate of 0.

    So a frozen layer stops at once, instead of using up its momentum (`_epsW > 0` in
    `weights.cu` of cuda-convnet). `PaperSGD` does not do that: Keras' SGD does not.
    """

    slot_names = ("velocity",)

    def _step(
        self,
        index: int,
        change: _Change,
        *,
        coupled: float = 0.0,
        kept: tf.Tensor | None = None,
    ) -> None:
        momentum_step(
            self._variables[index],
            self.slots["velocity"][index],
            change.gradient,
            change.rate,
            tf.where(change.rate > 0, self._momentum, 0.0),
            coupled=coupled,
            kept=kept,
            factor=change.factor,
            good=change.good,
        )


class PaperUpdate(_MomentumRule):
    """`v ← m · v − λ · ε · w − ε · g`, `w ← w + v` (paper, section 5).

    λ is the decay and ε the rate. `keras_alexnet.optimizers.PaperSGD` is the same
    rule as an optimizer of Keras; both take `momentum_step`.
    """

    def _update(self, index: int, change: _Change) -> None:
        self._step(index, change, coupled=self._decays[index])


class SGDW(_MomentumRule):
    """`w ← w − ε · λ · w`, `v ← m · v − ε · g`, `w ← w + v`.

    As `keras.optimizers.SGD(weight_decay=λ)`; the decay does not go through the
    momentum (Loshchilov and Hutter 2019).
    """

    def _update(self, index: int, change: _Change) -> None:
        self._step(index, change, kept=self._kept(index, change.rate))


class AdamW(UpdateRule):
    """Adam with decoupled decay, as `keras.optimizers.AdamW`.

    `w ← w − ε · λ · w`, `m ← β₁ m + (1 − β₁) g`, `v ← β₂ v + (1 − β₂) g²`,
    `w ← w − ε · √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + 10⁻⁷)` (Loshchilov and Hutter
    2019), with β₁ the momentum and β₂ = 0.999.
    """

    slot_names = ("mean", "square")
    _beta2 = 0.999
    _epsilon = 1e-7

    def _update(self, index: int, change: _Change) -> None:
        gradient, rate, count, factor, good = change
        variable = self._variables[index]
        mean, square = (self.slots[name][index] for name in self.slot_names)
        steps = tf.cast(count, tf.float32)
        powers = tf.pow(self._momentum, steps), tf.pow(self._beta2, steps)
        beta1, beta2 = tf.constant(self._momentum), tf.constant(self._beta2)
        kept = self._kept(index, rate)
        if updates_natively(gradient):
            update_by_adam(
                variable,
                mean,
                square,
                gradient,
                rate=rate * tf.sqrt(1 - powers[1]) / (1 - powers[0]),
                beta1=beta1,
                beta2=beta2,
                epsilon=self._epsilon,
                kept=kept,
                factor=factor,
                applied=good,
            )
            return
        if factor is not None:
            gradient = factor * gradient
        if good is not None:  # with β₁ = β₂ = 1 and no rate nothing changes
            gate = tf.cast(good, tf.float32)
            beta1, beta2 = (tf.where(good, beta, 1.0) for beta in (beta1, beta2))
            gradient = tf.math.multiply_no_nan(gradient, gate)
            rate = rate * gate
        decay(variable, kept, good)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=mean.handle,
            v=square.handle,
            beta1_power=powers[0],
            beta2_power=powers[1],
            lr=rate,
            beta1=beta1,
            beta2=beta2,
            epsilon=self._epsilon,
            grad=gradient,
            use_locking=True,
        )


class MovingAverage:
    """`a ← m · a + (1 − m) · w` after each step; after the first one `a = w`.

    With one m as `use_ema` in the optimizers of Keras 3.

    Args:
        variables: The variables to average.
    """

    def __init__(self, variables: Sequence[tf.Variable]) -> None:
        self._variables = variables
        self.averages = [_zeros_beside(variable) for variable in variables]

    def apply(
        self, count: tf.Tensor, momentum: tf.Tensor, good: tf.Tensor | None = None
    ) -> None:
        """Updates the averages of a replica by its variables.

        Args:
            count: Number of the step that was just applied, from 1.
            momentum: m.
            good: Whether to change anything, a boolean scalar; always if None.
        """
        part = 1 - tf.where(count == 1, 0.0, momentum)
        for average, variable in zip(self.averages, self._variables, strict=True):
            with tf.device(variable.device):
                weights = read(variable)
                if updates_natively(variable):
                    update_average(average, weights, part=part, applied=good)
                    continue
                taken = part if good is None else tf.where(good, part, 0.0)
                tf.raw_ops.AssignSubVariableOp(
                    resource=average.handle, value=taken * (read(average) - weights)
                )


def clipping_factor(norm: Any, largest: float) -> tf.Tensor:
    """The factor that makes a gradient no longer than `largest`: `c / max(‖g‖, c)`.

    Exactly 1 where it is not longer.

    Args:
        norm: ‖g‖, the root of the sum of all its squares; a float32 scalar.
        largest: c, above 0.

    Example:

    >>> float(clipping_factor(4.0, 1.0)), float(clipping_factor(0.5, 1.0))
    (0.25, 1.0)

    Reference:
        - Pascanu et al. 2013, "On the difficulty of training recurrent neural
          networks", algorithm 1.
    """
    return largest / tf.maximum(norm, largest)


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
