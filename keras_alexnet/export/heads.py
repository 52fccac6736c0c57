"""The kind of a classifier's scores: a distribution, or independent classes."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.inputs import classifier_sizes

DISTRIBUTION = "distribution"
INDEPENDENT = "independent"
_SIGMOIDS = ("sigmoid", "hard_sigmoid")
_TOLERANCE = 0.02  # of a sum in bfloat16, which has 8 bits


def scores_of(model: keras.Model) -> str:
    """Finds out the kind of a model's scores, by its last activation and its outputs.

    Args:
        model: A model from prepared pictures to scores `[batch, classes]`.

    Returns:
        `"distribution"` for scores that add up to 1, as a softmax's do, or
        `"independent"` for separate scores from 0 to 1, as a sigmoid's are: several
        labels may be true for one picture.

    Raises:
        ValueError: If they are neither, for example logits.

    Example:

    >>> scores_of(AlexNet(input_shape=(64, 64, 3), classes=10))
    'distribution'
    """
    scores, activation = _drawn_scores(model), _last_activation(model)
    sums = scores.sum(axis=1)
    adds_up = (scores >= 0).all() and (np.abs(sums - 1) <= _TOLERANCE).all()
    if adds_up and activation not in _SIGMOIDS:
        return DISTRIBUTION
    within = ((scores >= 0) & (scores <= 1)).all()
    # By chance the logits of an untrained model can be between 0 and 1 as well.
    if within and activation in (None, *_SIGMOIDS):
        return INDEPENDENT
    raise ValueError(
        "the model must give probabilities: build it with classifier_activation="
        "'softmax', or 'sigmoid' if several labels may be true for a picture. "
        f"Received: a model with {activation!r} as its last activation, whose scores "
        f"for a picture are from {scores.min():.3g} to {scores.max():.3g} and add up "
        f"to {sums[0]:.3g}"
    )


def _drawn_scores(model: keras.Model) -> np.ndarray:
    """The scores of a black picture and of three random ones, float64."""
    side, _ = classifier_sizes(model)
    drawn = np.random.default_rng(0).normal(0, 60, [4, side, side, 3])
    drawn[0] = 0
    scores = model(drawn.astype(np.float32), training=False)
    return tf.cast(scores, tf.float64).numpy()


def _last_activation(model: keras.Model) -> str | None:
    """Name of the last layer's activation, if it is one of Keras' own."""
    last = model.layers[-1]
    while hasattr(last, "layers"):
        last = last.layers[-1]
    activation: Any = getattr(last, "activation", None)
    name = getattr(activation, "__name__", None)
    return name if name is not None and hasattr(keras.activations, name) else None
