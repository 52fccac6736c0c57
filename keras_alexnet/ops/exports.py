"""Keeps what not every server can run out of SavedModels.

Saving a `tf.function` or a Keras model traces it anew, and `being_saved` is true
meanwhile: an op that asks takes its portable form then. A ConcreteFunction that was
traced earlier and is handed over as a signature is written as it is. But TensorFlow
also traces, while it saves, the gradient of every custom gradient in the graphs that it
writes: `refuse_export` marks a tensor with one that objects. (Not where a person
switches that off, with `SaveOptions(experimental_custom_gradients=False)`.)
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
from tensorflow.python.saved_model import save_context


def being_saved() -> bool:
    """Whether TensorFlow is tracing for a SavedModel."""
    return save_context.in_save_context()


def refuse_export(tensor: tf.Tensor, what: str) -> tf.Tensor:
    """Returns `tensor`, marked so that no SavedModel can be written that holds it.

    Args:
        tensor: The outcome of something that not every server can run.
        what: Its name, for the message.

    Returns:
        The same tensor; in a graph an identity of it.
    """
    if tf.executing_eagerly():
        return tensor

    @tf.custom_gradient
    def marked(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            if being_saved():
                # TensorFlow wraps this in its own advice, which must be answered.
                raise ValueError(
                    "a SavedModel must run on every server; hand over the model or "
                    "the tf.function itself, which is traced anew for saving "
                    "(experimental_custom_gradients=False would not make it portable). "
                    "Received: a ConcreteFunction that was traced before and holds "
                    f"{what}"
                )
            return upstream

        return tf.identity(x), gradient

    return marked(tensor)
