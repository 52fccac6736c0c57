"""Batch normalisation over the whole batch of all replicas."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from keras_alexnet.whole_numbers import number


@keras.saving.register_keras_serializable(package="keras_alexnet")
class SynchronizedBatchNormalization(keras.layers.BatchNormalization):
    """`BatchNormalization(synchronized=True)`, with one sum over the replicas a pass.

    `y = gamma · (x − mean) / √(variance + epsilon) + beta`, where mean and variance
    are those of each channel over all pictures of all replicas.

    Keras sums three tensors over the replicas forward and two backward, each in a
    collective of its own, though they are so small that a collective costs its
    latency. Here they are one tensor. Outside of training, on one replica, and where
    channels are not the last axis, it is Keras' layer.

    Args:
        **kwargs: Those of `keras.layers.BatchNormalization`.

    Input shape:
        `(batch, …, channels)`.

    Output shape:
        The input's.

    Returns:
        A tensor of the shape and compute type of the input.

    Raises:
        ValueError: If `momentum` or `epsilon` is no finite number.

    Example:

    >>> layer = SynchronizedBatchNormalization()
    >>> float(layer(tf.constant([[0.0], [2.0]]), training=True)[1, 0]) > 0.99
    True

    Reference:
        - Ioffe and Szegedy 2015, algorithm 1.
    """

    def __init__(self, **kwargs: Any) -> None:
        for name in ("momentum", "epsilon"):
            if name in kwargs:
                kwargs[name] = number(name, kwargs[name])
        super().__init__(**{**kwargs, "synchronized": True})

    def call(
        self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None
    ) -> tf.Tensor:
        replicas = tf.distribute.get_replica_context()
        several = replicas is not None and replicas.num_replicas_in_sync > 1
        usual = mask is None and self._is_usual(inputs.shape.rank)
        if not (several and training and self.trainable and usual):
            return super().call(inputs, training=training, mask=mask)
        wide = tf.float64 if inputs.dtype == tf.float64 else tf.float32
        x = tf.cast(inputs, wide)
        mean, variance = _moments(x, replicas)
        self._move(self.moving_mean, mean)
        self._move(self.moving_variance, variance)
        y = tf.nn.batch_normalization(
            x,
            mean,
            variance,
            tf.cast(self.beta, wide) if self.center else None,
            tf.cast(self.gamma, wide) if self.scale else None,
            self.epsilon,
        )
        return tf.cast(y, inputs.dtype)

    def _is_usual(self, rank: int) -> bool:
        axis = self.axis if isinstance(self.axis, int) else self.axis[0]
        return axis in (-1, rank - 1) and not getattr(self, "renorm", False)

    def _move(self, moving: Any, value: tf.Tensor) -> None:
        kept = tf.cast(moving, value.dtype) * self.momentum
        moving.assign(tf.cast(kept + value * (1.0 - self.momentum), moving.dtype))


def _moments(
    x: tf.Tensor, replicas: tf.distribute.ReplicaContext
) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of each channel over all replicas, of one all-reduce."""
    axes = list(range(x.shape.rank - 1))
    # Replicas may hold different numbers of pictures.
    count = tf.cast(tf.reduce_prod(tf.shape(x)[:-1]), x.dtype)
    sums = [tf.reduce_sum(x, axes), tf.reduce_sum(tf.square(x), axes), count[None]]
    summed = replicas.all_reduce(tf.distribute.ReduceOp.SUM, tf.concat(sums, axis=0))
    channels = x.shape[-1]
    total, squares, count = tf.split(summed, [channels, channels, 1])
    mean = total / count
    return mean, tf.maximum(squares / count - tf.square(mean), 0.0)
