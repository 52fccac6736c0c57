"""`export_tflite`: a file for LiteRT, as TensorFlow Lite is called now."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.export.heads import scores_of
from keras_alexnet.export.network import Given, Network
from keras_alexnet.export.precision import is_quantised
from keras_alexnet.export.targets import file_target
from keras_alexnet.recipe import Recipe
from keras_alexnet.weights.names import tensorflow_variable

PRECISIONS = ("float32", "float16", "int8")


def export_tflite(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing: Given = None,
    precision: str = "float32",
) -> Path:
    """Writes a TFLite file of built-in ops, and the class names beside it.

    Its signature `serving_default` takes `images`, uint8 `[1, side, side, 3]`, RGB: a
    picture that the phone's own libraries have cropped and resized to the network's
    size. It returns `probabilities`, float32 `[1, classes]`.

    Args:
        model: A model from prepared pictures to probabilities `[batch, classes]`, of a
            softmax or a sigmoid, as for `export_saved_model`.
        path: The file, for example `alexnet.tflite`; the names go to `alexnet.txt`,
            one a line.
        class_names: Name of each class, in the order of the model's outputs; those
            that the model records by default.
        preprocessing: The model's preprocessing, as for `export_saved_model`; that
            which the model records by default. Resizing is up to the caller.
        precision: The type in which weights are stored: `"float32"`, `"float16"`, or
            `"int8"`, with which TFLite also rounds the inputs of each layer.

    Returns:
        The path of the file.

    Raises:
        ValueError: If the model is no classifier of square pictures, or an argument
            is out of range.

    Example:

    >>> export_tflite(  # doctest: +SKIP
    ...     model, "alexnet.tflite", class_names=names, preprocessing="paper"
    ... )
    PosixPath('alexnet.tflite')

    Reference:
        - https://ai.google.dev/edge/litert, post-training quantization.
    """
    network = Network.of(model, class_names, preprocessing)
    path = file_target(path, "alexnet.tflite")
    if precision not in PRECISIONS:
        raise ValueError(
            f"precision of a TFLite file must be one of {PRECISIONS}. "
            f"Received: precision={precision!r}"
        )
    model = network.model
    if is_quantised(model):
        raise ValueError(
            "a TFLite file must be made from a model before model.quantize(…), since "
            "TFLite has no ops for quantised layers; precision='int8' quantises it for "
            f"TFLite. Received: the model {model.name!r}, which Keras has quantised"
        )
    scores_of(model)  # raises ValueError for logits
    flat = _converted(model, network.recipe, network.side, precision)
    names = "".join(f"{name}\n" for name in network.class_names)
    with files.whole_file(path) as partial:
        partial.write_bytes(flat)
        files.write_text(path.with_suffix(".txt"), names)
    return path


def _converted(model: keras.Model, recipe: Recipe, side: int, precision: str) -> bytes:
    spec = tf.TensorSpec([1, side, side, 3], tf.uint8, "images")

    @tf.function(input_signature=[spec])
    def predict(images: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = model(recipe.preprocessing(images), training=False)
        return {"probabilities": tf.cast(scores, tf.float32)}

    module = tf.Module()
    module.held = [tensorflow_variable(weight) for weight in model.weights]
    # Through a SavedModel, which has stock ops only.
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=predict)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()
