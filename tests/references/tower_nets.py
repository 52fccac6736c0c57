"""Nets of towers that a test can afford, and a step of training as the trainer's is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet import architectures, models
from keras_alexnet.layers.stateless_dropout import Place, dropout_at
from keras_alexnet.two_towers.choosing import with_towers
from keras_alexnet.weights.names import named_weights

CLASSES, UNITS, SIDE, BATCH = 10, 64, 96, 4
Slots = dict[str, dict[str, tf.Variable]]
Step = Callable[..., tf.Tensor]


def small_net(
    variant: str = "paper", towers: int | None = None, **options: object
) -> keras.Model:
    """A variant as it is but for the widths of fc6 and fc7 and the size it reads."""
    keras.utils.set_random_seed(0)
    record = with_towers(architectures.get(variant), towers)
    record = dataclasses.replace(record, dense=(UNITS, UNITS))
    options = {"classifier_activation": None, "initialization": "he", **options}
    shape = (SIDE, SIDE, 3)
    return models.build(record, input_shape=shape, classes=CLASSES, **options)


def batch() -> tuple[tf.Tensor, tf.Tensor]:
    """Pictures and labels."""
    rng = np.random.default_rng(0)
    pictures = rng.normal(0, 1, (BATCH, SIDE, SIDE, 3)).astype("float32")
    return tf.constant(pictures), tf.constant(rng.integers(0, CLASSES, BATCH))


def training_step(model: keras.Model) -> tuple[Step, Slots]:
    """A step of SGD with momentum and decay, with repeatable dropout; its velocities.

    The step takes pictures, labels, the number of the step and the rate. Each update is
    made where its variable is, under a name that says which it is.
    """
    named = named_weights(model)
    slots: Slots = {layer: {} for layer in named}
    variables = [
        (layer, name, variable)
        for layer, weights in named.items()
        for name, variable in weights.items()
    ]
    for layer, name, variable in variables:
        with tf.device(variable.device):
            zeros = tf.zeros(variable.shape, variable.dtype)
            slots[layer][name] = tf.Variable(zeros, trainable=False)

    @tf.function
    def step(
        images: tf.Tensor, labels: tf.Tensor, number: tf.Tensor, rate: tf.Tensor
    ) -> tf.Tensor:
        with tf.GradientTape() as tape, dropout_at(Place(5, number, 0)):
            logits = model(images, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, [variable for _, _, variable in variables])
        for (layer, name, variable), gradient in zip(variables, gradients, strict=True):
            with tf.device(variable.device), tf.name_scope(f"update_{layer}_{name}"):
                tf.raw_ops.ResourceApplyKerasMomentum(
                    var=variable.handle,
                    accum=slots[layer][name].handle,
                    lr=rate,
                    grad=gradient + 5e-4 * variable,
                    momentum=0.9,
                )
        return loss

    return step, slots


def arguments(number: int) -> tuple[tf.Tensor, ...]:
    """What a step takes."""
    return (*batch(), tf.constant(number, tf.int64), tf.constant(0.01))
