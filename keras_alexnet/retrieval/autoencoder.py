"""Trains an autoencoder with a layer of bits in its middle."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

BITS = 256  # as Krizhevsky and Hinton 2011 have for their longer codes
HIDDEN = 512
_BATCH = 128
_STEPS = 1600
_EPOCHS = 40  # at most, where vectors are few
_RATE = 1e-3


def trained_encoder(vectors: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The first half of an autoencoder that passes vectors through 256 bits.

    Encoder and decoder have one hidden layer each; the loss is the mean squared error.
    In the forward pass a code is −1 or 1; the gradient is that of tanh, as if nothing
    had been rounded (Krizhevsky and Hinton 2011, "Using very deep autoencoders for
    content-based image retrieval", section 2). The weights follow from vectors and
    seed.

    Args:
        vectors: float32 `[n, values]`, of a mean square near 1.
        seed: Of the first weights and the order of the vectors.

    Returns:
        `kernel1`, `bias1`, `kernel2` and `bias2` of the encoder.

    Reference:
        - Krizhevsky et al. 2012, section 6.1: "training an auto-encoder to compress
          these vectors to short binary codes".
    """
    values, batch = vectors.shape[1], min(_BATCH, len(vectors))
    encoder = _dense([values, HIDDEN, BITS], seed)
    decoder = _dense([BITS, HIDDEN, values], seed + len(encoder))
    variables = [v for layer in encoder + decoder for v in layer.trainable_variables]
    optimizer = keras.optimizers.Adam(_RATE)
    optimizer.build(variables)

    @tf.function
    def step(x: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            soft = tf.tanh(encoder[1](encoder[0](x)))
            signs = tf.where(soft > 0, 1.0, -1.0)
            code = soft + tf.stop_gradient(signs - soft)
            error = tf.reduce_mean(tf.square(decoder[1](decoder[0](code)) - x))
        gradients = tape.gradient(error, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    rng = np.random.default_rng(seed)
    in_epoch = len(vectors) // batch
    steps = min(_STEPS, _EPOCHS * in_epoch)
    order = np.arange(len(vectors))
    for number in range(steps):
        if number % in_epoch == 0:
            order = rng.permutation(len(vectors))
            optimizer.learning_rate.assign(_RATE * (1 - number / steps))
        first = number % in_epoch * batch
        step(tf.constant(vectors[order[first : first + batch]]))
    return {
        f"{what}{number}": values.numpy()
        for number, layer in enumerate(encoder, start=1)
        for what, values in (("kernel", layer.kernel), ("bias", layer.bias))
    }


def _dense(widths: list[int], seed: int) -> list[keras.layers.Dense]:
    """Two dense layers, the first with a ReLU."""
    layers = [
        keras.layers.Dense(
            widths[number + 1],
            activation="relu" if number == 0 else None,
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed + number),
            dtype="float32",
        )
        for number in range(2)
    ]
    for layer, width in zip(layers, widths, strict=False):
        layer.build((None, width))
    return layers
