"""The network of 2012 in stock Keras layers, and what is measured of a network."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from keras_alexnet.training import PaperSGD

SIDE, CLASSES = 227, 1000


class StockLRN(keras.layers.Layer):
    """`tf.nn.local_response_normalization` within each of two towers."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        # Its kernel has no bfloat16.
        halves = tf.split(tf.cast(x, tf.float32), 2, axis=-1)
        norm = tf.nn.local_response_normalization
        parts = [norm(half, 2, 2.0, 1e-4, 0.75) for half in halves]
        return tf.cast(tf.concat(parts, axis=-1), x.dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape


def stock_network() -> keras.Model:
    """The same network in Keras' own layers, with grouped convolutions."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3))])
    for filters, size, strides, groups, norm, pool in (
        (96, 11, 4, 1, True, True),
        (256, 5, 1, 2, True, True),
        (384, 3, 1, 1, False, False),
        (384, 3, 1, 2, False, False),
        (256, 3, 1, 2, False, True),
    ):
        padding = "valid" if strides > 1 else "same"
        options = {"strides": strides, "padding": padding, "groups": groups}
        model.add(layers.Conv2D(filters, size, activation="relu", **options))
        if norm:
            model.add(StockLRN())
        if pool:
            model.add(layers.MaxPooling2D(3, 2))
    model.add(layers.Flatten())
    for _ in range(2):
        model.add(layers.Dense(4096, activation="relu"))
        model.add(layers.Dropout(0.5))
    model.add(layers.Dense(CLASSES))
    return model


def inference(
    model: keras.Model, x: tf.Tensor, jit_compile: bool | None = None
) -> Callable[[], object]:
    run = tf.function(lambda x: model(x, training=False), jit_compile=jit_compile)
    return lambda: run(x).numpy()


def training(
    model: keras.Model,
    x: tf.Tensor,
    jit_compile: bool | None = None,
    optimizer: keras.optimizers.Optimizer | None = None,
) -> Callable[[], object]:
    """A step on a batch; the rule is the paper's unless there is another optimizer."""
    classes = model.output_shape[-1]
    labels = tf.random.stateless_uniform([len(x)], [3, 4], 0, classes, tf.int32)
    optimizer = optimizer or PaperSGD(1e-4)
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=jit_compile)
    def step(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(tf.cast(losses, tf.float32))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(
            zip(gradients, model.trainable_variables, strict=True)
        )
        return loss

    return lambda: step(x).numpy()
