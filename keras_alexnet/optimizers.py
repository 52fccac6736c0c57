"""The update rule of 2012 (paper, section 5) as an optimizer of Keras.

It is not part of the trainer: `import keras_alexnet` alone registers it with Keras, so
that a model saved with it can be loaded.
"""

from __future__ import annotations

import inspect
from typing import Any

import keras
import tensorflow as tf

from keras_alexnet.ops.updating import update_by_momentum, updates_natively
from keras_alexnet.whole_numbers import number

__all__ = ["PaperSGD", "momentum_step"]

# Names of the weights that no update rule decays, here and in the trainer.
WITHOUT_DECAY = ("bias", "gamma", "beta")
_WRITTEN_BY_KERAS_2 = "is_legacy_optimizer"  # in its configurations, False


def momentum_step(
    variable: Any,
    velocity: Any,
    gradient: tf.Tensor,
    rate: tf.Tensor,
    momentum: tf.Tensor,
    *,
    coupled: float = 0.0,
    kept: tf.Tensor | None = None,
    nesterov: bool = False,
    factor: tf.Tensor | None = None,
    good: tf.Tensor | None = None,
) -> None:
    """v ← m · v − ε · (f · g + c · w), w ← k · w + v.

    The step of `PaperSGD` and of the trainer's rules `paper_sgd` and `sgdw`, in seven
    reads and writes of memory where the native library runs.

    Args:
        variable: w, a variable of TensorFlow or Keras, or a replica's.
        velocity: v, of the same shape and type.
        gradient: g, of the same shape and type.
        rate: ε, a scalar of the same type.
        momentum: m, a scalar of the same type.
        coupled: c, the decay that goes through the momentum.
        kept: k, what a decay beside the momentum leaves of w; 1 if None.
        nesterov: Whether w takes m · v − ε · (f · g + c · w) in place of v, with the
            new v.
        factor: f; 1 if None.
        good: Whether to change anything, a boolean scalar; always if None. If it is
            false the gradient may be infinite or not numbers.
    """
    if updates_natively(gradient):
        update_by_momentum(
            variable,
            velocity,
            gradient,
            rate=rate,
            momentum=momentum,
            coupled=coupled,
            kept=kept,
            nesterov=nesterov,
            factor=factor,
            applied=good,
        )
        return
    if factor is not None:
        gradient = factor * gradient
    if coupled:
        gradient = gradient + tf.cast(coupled, gradient.dtype) * read(variable)
    decay(variable, kept, good)
    _in_place(variable, velocity, gradient, rate, momentum, nesterov, good)


def _in_place(
    variable: Any,
    velocity: Any,
    gradient: tf.Tensor,
    rate: tf.Tensor,
    momentum: tf.Tensor,
    nesterov: bool,
    good: tf.Tensor | None,
) -> None:
    """v ← m · v − ε · g, w ← w + v, by TensorFlow's ops on variables."""
    if good is None:
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=velocity.handle,
            lr=rate,
            grad=gradient,
            momentum=momentum,
            use_locking=True,
            use_nesterov=nesterov,
        )
        return
    # v ← m · v + g, w ← w − ε · v (for Nesterov w − ε · (g + m · v)), with −ε · g for g
    # and −1 for ε, or 1 for m and 0 for both: one op has the numbers for either.
    gate = tf.cast(good, gradient.dtype)
    tf.raw_ops.ResourceApplyMomentum(
        var=variable.handle,
        accum=velocity.handle,
        lr=-gate,
        grad=tf.math.multiply_no_nan(gradient, -rate * gate),
        momentum=tf.where(good, momentum, 1.0),
        use_locking=True,
        use_nesterov=nesterov,
    )


def decay(variable: Any, kept: tf.Tensor | None, good: tf.Tensor | None) -> None:
    """w ← k · w, unless k is None, or `good` is given and false."""
    if kept is not None:
        factor = kept if good is None else tf.where(good, kept, 1.0)
        assign(variable, read(variable) * factor)


def read(variable: Any) -> tf.Tensor:
    """The value of a variable of TensorFlow or Keras, or of a replica's."""
    dtype = tf.as_dtype(variable.dtype)
    return tf.raw_ops.ReadVariableOp(resource=variable.handle, dtype=dtype)


def assign(variable: Any, value: tf.Tensor) -> tf.Tensor:
    """Sets a variable, on a replica its own copy alone, and returns the value.

    All replicas compute the same value: there is nothing to aggregate, but
    `variable.assign` would require a way to do it.
    """
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)
    return value


@keras.saving.register_keras_serializable(package="keras_alexnet")
class PaperSGD(keras.optimizers.SGD):
    """Stochastic gradient descent as in the paper.

    `v ← momentum · v − decay · ε · w − ε · g`, `w ← w + v`

    with ε the learning rate and g the mean gradient of the batch. Biases have
    `bias_rate` times the rate and no decay; the scale and offset of batch
    normalisation have no decay either. The decay goes through the momentum, unlike
    Keras' `weight_decay` (decoupled). And ε is inside v, unlike in PyTorch's SGD,
    which makes a difference when the rate changes.

    Args:
        learning_rate: ε, a number or a Keras schedule.
        momentum: Fraction of the last step that is kept, from 0 to 1; 0 keeps no v.
        decay: Weight decay, the paper's 0.0005.
        bias_rate: Rate of biases over that of weights; the released source starts
            with 2 (`layer-params-145.cfg`).
        **kwargs: Other arguments of `keras.optimizers.SGD`, with the same meaning:
            `clipnorm`, `use_ema` and so on; with `nesterov`, w takes
            `momentum · v − decay · ε · w − ε · g` in place of v. Not
            `weight_decay`, since there is `decay`. `exclude_from_weight_decay`
            exempts weights from `decay`.

    Raises:
        ValueError: If an argument is out of range, is `weight_decay`, or is unknown
            to this Keras' `SGD`.

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
        _check_options(kwargs)
        momentum = number("momentum", momentum, 0)
        if momentum > 1:
            raise ValueError(
                f"momentum must be from 0 to 1. Received: momentum={momentum}"
            )
        super().__init__(learning_rate, momentum=momentum, name=name, **kwargs)
        self.decay = number("decay", decay, 0)
        self.bias_rate = number("bias_rate", bias_rate, 0)

    def update_step(
        self, gradient: Any, variable: Any, learning_rate: Any = None
    ) -> None:
        # Keras 3 passes the rate, Keras 2 does not.
        rate = self.learning_rate if learning_rate is None else learning_rate
        rate = tf.cast(rate, variable.dtype)
        gradient = tf.convert_to_tensor(gradient)  # an embedding's is IndexedSlices
        name = _name(variable)
        if name == "bias":
            rate = rate * tf.cast(self.bias_rate, rate.dtype)
        decays = name not in WITHOUT_DECAY and self._use_weight_decay(variable)
        coupled = self.decay if decays else 0.0
        if self.momentum == 0:  # for which Keras 3 keeps no velocity
            if coupled:
                gradient = gradient + tf.cast(coupled, variable.dtype) * variable
            variable.assign_sub(rate * gradient)
            return
        momentum_step(
            variable,
            self._velocity(variable),
            gradient,
            rate,
            tf.cast(self.momentum, variable.dtype),
            coupled=coupled,
            nesterov=bool(self.nesterov),
        )

    def _velocity(self, variable: Any) -> tf.Variable:
        if hasattr(self, "_get_variable_index"):  # Keras 3
            return self.momentums[self._get_variable_index(variable)].value
        return self.momentums[self._index_dict[self._var_key(variable)]]

    def get_config(self) -> dict[str, Any]:
        own = {"decay": self.decay, "bias_rate": self.bias_rate}
        return {**super().get_config(), **own}


def _check_options(given: dict[str, Any]) -> None:
    """Raises ValueError for options that would have no effect."""
    if given.get("weight_decay"):
        raise ValueError(
            "weight_decay must not be given: use decay, which goes through the "
            "momentum, or keras.optimizers.SGD for Keras' decoupled weight decay. "
            f"Received: weight_decay={given['weight_decay']!r}"
        )
    known = {*inspect.signature(keras.optimizers.SGD).parameters, _WRITTEN_BY_KERAS_2}
    foreign = {name: value for name, value in given.items() if name not in known}
    if foreign:
        raise ValueError(
            "the arguments of PaperSGD must be its own or those of "
            f"keras.optimizers.SGD in this Keras, {keras.__version__}. Received: "
            + ", ".join(f"{name}={value!r}" for name, value in foreign.items())
        )


def _name(variable: Any) -> str:
    """`kernel` of `kernel:0`, `conv1/kernel:0` and, on a replica, …/replica_1:0."""
    parts = variable.name.split(":")[0].split("/")
    return parts[-2] if parts[-1].startswith("replica_") else parts[-1]
