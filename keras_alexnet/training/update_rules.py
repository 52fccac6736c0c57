"""The update rule of 2012 (paper, section 5)."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

_WITHOUT_DECAY = ("bias", "gamma", "beta")


@keras.saving.register_keras_serializable(package="keras_alexnet")
class PaperSGD(keras.optimizers.SGD):
    """Stochastic gradient descent as the paper has it.

    `v ← momentum · v − decay · ε · w − ε · g`, `w ← w + v`

    with ε the learning rate and g the mean gradient of the batch. Biases have
    `bias_rate` times the rate and no decay, nor have the scale and offset of batch
    normalisation. The decay goes through the momentum,
    which sets this rule apart from Keras' `weight_decay` (decoupled), and ε is
    inside v, which sets it apart from PyTorch's SGD after the rate has dropped.

    Args:
        learning_rate: ε, a number or a Keras schedule.
        momentum: Share of the last step that a step keeps.
        decay: Weight decay, the paper's 0.0005.
        bias_rate: Rate of biases over that of weights; the released source starts
            with 2 (`layer-params-145.cfg`).
        **kwargs: Other arguments of `keras.optimizers.SGD`.

    Example:

    >>> model = keras.Sequential([keras.layers.Dense(1)])
    >>> model.compile(PaperSGD(learning_rate=0.01), loss="mse")

    Reference:
        - Krizhevsky et al. 2012, section 5; `weights.cu` of the released source.
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.9,
        decay: float = 0.0005,
        bias_rate: float = 2.0,
        name: str = "paper_sgd",
        **kwargs: Any,
    ) -> None:
        super().__init__(learning_rate, momentum=momentum, name=name, **kwargs)
        self.decay = decay
        self.bias_rate = bias_rate

    def update_step(
        self, gradient: Any, variable: Any, learning_rate: Any = None
    ) -> None:
        # Keras 3 passes the rate, Keras 2 does not.
        rate = self.learning_rate if learning_rate is None else learning_rate
        rate = tf.cast(rate, variable.dtype)
        name = _name(variable)
        if name == "bias":
            rate = rate * tf.cast(self.bias_rate, rate.dtype)
        if name not in _WITHOUT_DECAY:
            gradient = gradient + tf.cast(self.decay, variable.dtype) * variable
        # One pass over the weights where Keras' own ops take five:
        # v <- momentum v - rate g, w <- w + v.
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=self._velocity(variable).handle,
            lr=rate,
            grad=gradient,
            momentum=tf.cast(self.momentum, variable.dtype),
            use_locking=True,
        )

    def _velocity(self, variable: Any) -> tf.Variable:
        if hasattr(self, "_get_variable_index"):  # Keras 3
            return self.momentums[self._get_variable_index(variable)].value
        return self.momentums[self._index_dict[self._var_key(variable)]]

    def get_config(self) -> dict[str, Any]:
        own = {"decay": self.decay, "bias_rate": self.bias_rate}
        return {**super().get_config(), **own}


def _name(variable: Any) -> str:
    """`kernel` of `kernel:0`, `conv1/kernel:0` and, on a replica, …/replica_1:0."""
    parts = variable.name.split(":")[0].split("/")
    return parts[-2] if parts[-1].startswith("replica_") else parts[-1]
