"""tensorflow-addons' own SGDW and moving average, where they still import."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import tensorflow as tf


class AddonsUpdate:
    """`tfa.optimizers.SGDW`, within `tfa.optimizers.MovingAverage` perhaps.

    Their decay is λ · w a step whatever the rate is, where Keras' and our `sgdw`
    take ε · λ · w; their average begins with the first weights, ours and Keras' with
    those after the first step.

    Args:
        variables: What is trained.
        decays: Weight decay of each: one number, or 0.
        momentum: Share of the last step that a step keeps.
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
        # MovingAverage does not hand it on to the optimizer within, which sets it
        # anew at each call of its own.
        decaying = [v for v, decay in zip(variables, decays, strict=True) if decay]
        self._arguments = {"decay_var_list": decaying} if average is None else {}
        self._inner._set_decay_var_list(self._variables, decaying)
        self._optimizer._create_all_weights(self._variables)
        self.iterations = self._optimizer.iterations

    @property
    def slots(self) -> dict[str, list[tf.Variable]]:
        """What the optimizer keeps for each variable but its average, by name."""
        return {name: self._slot(name) for name in self._inner.get_slot_names()}

    @property
    def averages(self) -> list[tf.Variable]:
        """The average of each variable."""
        return self._slot("average")

    def apply(self, gradients: Sequence[tf.Tensor], rates: tf.Tensor) -> None:
        """Changes the variables; all have the first one's rate."""
        self._inner.learning_rate.assign(rates[0])
        pairs = zip(gradients, self._variables, strict=True)
        self._optimizer.apply_gradients(pairs, **self._arguments)

    def _slot(self, name: str) -> list[tf.Variable]:
        owner = self._optimizer if name == "average" else self._inner
        return [owner.get_slot(variable, name) for variable in self._variables]


def _optimizers() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It tells of its own end.
            from tensorflow_addons import optimizers
    except ImportError as error:
        raise ValueError(
            "update_rule=addons_sgdw needs tensorflow-addons, which imports on "
            "TensorFlow 2.15 only: pip install 'keras-alexnet[addons]'. "
            f"Received: TensorFlow {tf.__version__} ({error})"
        ) from error
    return optimizers
