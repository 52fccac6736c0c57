"""SavedModels that take a picture's bytes and give names, in stock TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet import architectures, files
from keras_alexnet.data.views import centre_view, centre_views
from keras_alexnet.inputs import classifier_sizes
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.weights.names import tensorflow_variable


def export_saved_model(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    class_names: Sequence[str],
    preprocessing: str | Preprocessing = "paper",
    top_k: int = 5,
    version: int | None = None,
) -> Path:
    """Writes `path/<version>/`, whole or not at all, as TensorFlow Serving reads it.

    The graph decodes, scales, crops and prepares the pictures itself and holds
    stock TensorFlow ops only: no custom op, nothing that XLA must compile, and
    grouped convolutions in the form that runs without oneDNN.

    `serving_default` and `classify_bytes` take `image_bytes` (string `[B]`: JPEG or
    PNG) and give `classes` (string `[B, k]`) and `scores` (float32 `[B, k]`);
    `predict_images` takes `images` (uint8 `[B, height, width, 3]`, RGB) and gives
    `probabilities` (float32 `[B, classes]`).

    Args:
        model: Gives probabilities `[batch, classes]` for prepared pictures.
        path: The servable's directory.
        class_names: Name of each class, in the order of the model's outputs.
        preprocessing: What the model's pictures go through: the name of a variant,
            or a record.
        top_k: How many classes `classify_bytes` gives, at most as many as there are.
        version: Number of the version; the next free one if not given.

    Returns:
        The path written to.

    Raises:
        ValueError: If the model does not take square pictures or give probabilities,
            the names are not as many as the classes, `top_k` is below 1, the path
            cannot be written to, or the version is there already.

    Example:

    >>> names = [f"class {i}" for i in range(10)]
    >>> model = AlexNet(input_shape=(64, 64, 3), classes=10)
    >>> export_saved_model(model, "servable", class_names=names)  # doctest: +SKIP
    PosixPath('servable/1')
    """
    if isinstance(preprocessing, str):
        preprocessing = architectures.get(preprocessing).preprocessing
    side, classes = classifier_sizes(model)
    if len(class_names) != classes:
        raise ValueError(
            f"class_names must be {classes}, one for each output of the model. "
            f"Received: {len(class_names)} names"
        )
    if top_k < 1:
        raise ValueError(f"top_k must be at least 1. Received: top_k={top_k}")
    _check_probabilities(model)
    target = _version_directory(Path(path), version)
    served = _Served(model, side, class_names, preprocessing, min(top_k, classes))
    with files.whole_directory(target) as begun:
        tf.saved_model.save(served, str(begun), signatures=served.signatures())
    return target


def _check_probabilities(model: keras.Model) -> None:
    side, _ = classifier_sizes(model)
    scores = np.asarray(model(np.zeros([1, side, side, 3], np.float32)), np.float64)
    if (scores < 0).any() or abs(scores.sum() - 1) > 0.02:  # bfloat16 has 8 bits
        raise ValueError(
            "the model must give probabilities: build it with "
            "classifier_activation='softmax'. Received: a model whose scores for a "
            f"picture add up to {scores.sum():.3g}"
        )


def _version_directory(path: Path, version: int | None) -> Path:
    files.check_directory("export_dir", path)
    there = path.iterdir() if path.is_dir() else ()
    taken = [int(each.name) for each in there if each.name.isdecimal()]
    if version is None:
        version = max(taken, default=0) + 1
    if version in taken or version < 0:
        raise ValueError(
            f"version must be a new number, 0 or more. Received: version={version}, "
            f"and {str(path)!r} holds {sorted(taken)}"
        )
    return path / str(version)


class _Served(tf.Module):
    """What a SavedModel does: functions of pictures over the model's variables."""

    def __init__(
        self,
        model: keras.Model,
        side: int,
        class_names: Sequence[str],
        preprocessing: Preprocessing,
        top_k: int,
    ) -> None:
        super().__init__(name="alexnet")
        # The variables alone: tracking the Keras object would save its own traces.
        self.weights = [tensorflow_variable(weight) for weight in model.weights]
        self._predict = lambda images: model(preprocessing(images), training=False)
        self._class_names = tf.constant(list(class_names))
        self._size = side
        self._top_k = top_k

    def signatures(self) -> dict[str, tf.types.experimental.GenericFunction]:
        return {
            "serving_default": self.classify_bytes,
            "classify_bytes": self.classify_bytes,
            "predict_images": self.predict_images,
        }

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def classify_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        view = tf.TensorSpec([self._size, self._size, 3], tf.uint8)
        images = tf.map_fn(
            lambda image: centre_view(image, self._size),
            image_bytes,
            fn_output_signature=view,
        )
        scores, indices = tf.math.top_k(self._predict(images), self._top_k)
        return {"classes": tf.gather(self._class_names, indices), "scores": scores}

    @tf.function(
        input_signature=[tf.TensorSpec([None, None, None, 3], tf.uint8, "images")]
    )
    def predict_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": self._predict(centre_views(images, self._size))}
