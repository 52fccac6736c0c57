"""tensorflow-addons' own SGDW and moving average, where they still import."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

RULE = "addons_sgdw"  # the value of --update_rule
AVERAGE = "addons_moving_average"  # the value of --average


class AddonsUpdate:
    """`tfa.optimizers.SGDW`, with `tfa.optimizers.MovingAverage` around it if asked.

    It decays by λ · w in each step, whatever the rate is; Keras and the rule `sgdw`
    decay by ε · λ · w. Its average begins with the initial weights, theirs with the
    weights after the first step.

    Args:
        variables: What is trained.
        decays: Weight decay of each: one number, or 0.
        momentum: Fraction of the last step that a step keeps.
        average: Momentum of the moving average; None for none.

    Raises:
        ValueError: If tensorflow-addons cannot be imported.
    """

    def __init__(
        self,
        variables: Sequence[tf.Variable],
        decays: Sequence[float],
        momentum: float,
        average: float | None = None,
    ) -> None:
        self._variables = list(variables)
        optimizers = _optimizers()
        self._inner = optimizers.SGDW(max(decays), momentum=momentum)
        self._optimizer = self._inner
        if average is not None:
            self._optimizer = optimizers.MovingAverage(
                self._inner, average_decay=average
            )
        # MovingAverage does not pass the list on to its inner optimizer, which sets it
        # again at each call of its own.
        decaying = [v for v, decay in zip(variables, decays, strict=True) if decay]
        self._arguments = {"decay_var_list": decaying} if average is None else {}
        self._inner._set_decay_var_list(self._variables, decaying)
        self._optimizer._create_all_weights(self._variables)
        self.iterations = self._optimizer.iterations

    @property
    def slots(self) -> dict[str, list[tf.Variable]]:
        """What the optimizer keeps for each variable, except its average, by name."""
        return {name: self._slot(name) for name in self._inner.get_slot_names()}

    @property
    def averages(self) -> list[tf.Variable]:
        """The average of each variable."""
        return self._slot("average")

    def apply(
        self,
        gradients: Sequence[tf.Tensor],
        rates: tf.Tensor,
        factor: tf.Tensor | None = None,
    ) -> None:
        """Changes the variables; all have the first one's rate."""
        self._inner.learning_rate.assign(rates[0])
        if factor is not None:
            gradients = [factor * gradient for gradient in gradients]
        pairs = zip(gradients, self._variables, strict=True)
        self._optimizer.apply_gradients(pairs, **self._arguments)

    def _slot(self, name: str) -> list[tf.Variable]:
        owner = self._optimizer if name == "average" else self._inner
        return [owner.get_slot(variable, name) for variable in self._variables]


def _optimizers() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the project has ended
            from tensorflow_addons import optimizers
    except ImportError as error:
        raise ValueError(
            f"update_rule={RULE} needs tensorflow-addons, which imports on "
            "TensorFlow 2.15 only: pip install 'keras-alexnet[addons]'. "
            f"Received: TensorFlow {tf.__version__} ({error})"
        ) from error
    return optimizers
