"""The functions of a SavedModel, from pictures to scores, classes and features."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from keras_alexnet.export.pictures import decode_batch
from keras_alexnet.export.precision import Weights
from keras_alexnet.fine_tuning import features
from keras_alexnet.recipe import Recipe

FEATURES = ("fc6", "fc7")
_BYTES = tf.TensorSpec([None], tf.string, "image_bytes")
_Network = Callable[[tf.Tensor], tf.Tensor]


def _images(dtype: tf.DType) -> tf.TensorSpec:
    return tf.TensorSpec([None, None, None, 3], dtype, "images")


class Served(tf.Module):
    """The signatures of an export; they are traced while it is written.

    Args:
        model: A model from prepared pictures to probabilities `[batch, classes]`.
        recipe: How a picture becomes the model's input.
        class_names: Name of each class.
        top_k: Number of classes in an answer.
        precision: As for `Weights`.
    """

    def __init__(
        self,
        model: keras.Model,
        recipe: Recipe,
        class_names: Sequence[str],
        top_k: int,
        precision: str,
    ) -> None:
        super().__init__(name="alexnet")
        self.weights = Weights(model, precision)
        self._recipe = recipe
        self._class_names = tf.constant(list(class_names))
        self._top_k = top_k
        # Functions: a model among the attributes would be saved as well.
        self._classify = _function(self.weights.model)
        self._describe = _describing(self.weights.model)
        if self._describe is None:
            # Otherwise saving would trace it, although it is no signature.
            self.features = None

    def signatures(self) -> dict[str, tf.types.experimental.GenericFunction]:
        """The functions, by the signature names that requests use."""
        for kind in (tf.uint8, tf.float32):  # what `__call__` is saved for
            self.__call__.get_concrete_function(_images(kind))
        signatures = {
            "serving_default": self.classify_bytes,
            "classify_bytes": self.classify_bytes,
            "predict_images": self.predict_images,
            "predict_float_images": self.predict_float_images,
        }
        if self._describe is not None:
            signatures["features"] = self.features
        return signatures

    @tf.function(input_signature=[_BYTES])
    def classify_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        parts, valid = decode_batch(
            image_bytes, self._recipe.decoded, self._recipe.side
        )
        scores, indices = tf.math.top_k(self._probabilities(parts), self._top_k)
        classes = tf.gather(self._class_names, indices)
        return {
            "classes": tf.where(valid[:, None], classes, ""),
            "scores": tf.where(valid[:, None], scores, 0.0),
            "valid": valid,
        }

    @tf.function(input_signature=[_images(tf.uint8)])
    def predict_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._answer(images)

    @tf.function(input_signature=[_images(tf.float32)])
    def predict_float_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._answer(images)

    @tf.function
    def __call__(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._answer(images)

    def _answer(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        probabilities = self._probabilities(self._recipe.part(images))
        # In rows as the probabilities: over REST all outputs must have as many rows.
        names = tf.broadcast_to(self._class_names, tf.shape(probabilities))
        return {"probabilities": probabilities, "classes": names}

    @tf.function(input_signature=[_BYTES])
    def features(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        assert self._describe is not None  # otherwise it is no signature
        centre = self._recipe.centre()
        parts, valid = decode_batch(image_bytes, centre.decoded, centre.side)
        with self.weights.widened():
            found = self._describe(centre.cut(_at_least_one(parts)))
        outputs: dict[str, tf.Tensor] = {"valid": valid}
        for name, each in zip(FEATURES, found, strict=True):
            rows = tf.cast(each, tf.float32)[: tf.size(valid)]
            outputs[name] = tf.where(valid[:, None], rows, 0.0)
        return outputs

    def _probabilities(self, parts: tf.Tensor) -> tf.Tensor:
        """The mean of the scores over the views, float32 `[batch, classes]`."""
        with self.weights.widened():
            scores = self._classify(self._recipe.cut(_at_least_one(parts)))
        scores = tf.cast(scores, tf.float32)
        if self._recipe.views > 1:
            by_view = [self._recipe.views, -1, scores.shape[-1]]
            scores = tf.reduce_mean(tf.reshape(scores, by_view), axis=0)
        return scores[: tf.shape(parts)[0]]


def _at_least_one(parts: tf.Tensor) -> tf.Tensor:
    """Adds a black picture to an empty batch.

    The graph optimiser fuses a convolution with its bias in an op that returns a wrong
    shape for no pictures.
    """
    missing = tf.cast(tf.equal(tf.shape(parts)[0], 0), tf.int32)
    padding = tf.pad(missing[None, None], [[0, 3], [1, 0]])
    padded = tf.pad(parts, padding)
    return tf.ensure_shape(padded, parts.shape)


def _function(model: keras.Model) -> _Network:
    return lambda images: model(images, training=False)


def _describing(model: keras.Model) -> _Network | None:
    """From prepared pictures to `FEATURES`; None if the network has no such layers."""
    if not {*FEATURES} <= {layer.name for layer in model.layers}:
        return None
    outputs = [features(model, layer).output for layer in FEATURES]
    return _function(keras.Model(model.input, outputs))
