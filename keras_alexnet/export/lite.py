"""`export_tflite`: a file for LiteRT, as TensorFlow Lite is called now."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.data import Source
from keras_alexnet.data.sources import TRAIN
from keras_alexnet.export.heads import scores_of
from keras_alexnet.export.network import Given, Network
from keras_alexnet.export.targets import file_target
from keras_alexnet.half_precision import is_quantised
from keras_alexnet.ops.normalization import in_one_op
from keras_alexnet.reasons import must_be
from keras_alexnet.recipe import Recipe
from keras_alexnet.weights.names import tensorflow_variable

PRECISIONS = ("float32", "float16", "int8")
CALIBRATION_PICTURES = 200


def export_tflite(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing: Given = None,
    precision: str = "float32",
    calibration: Any = None,
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
            `"int8"`, with which TFLite also rounds the inputs of each layer, by their
            range in each picture.
        calibration: For `"int8"`: pictures as a `Recipe` takes them, a hundred or more
            that are like those to come; or a data set, of which 200 training pictures
            are taken. Their ranges are then kept in the file, and all layers but
            normalisation are computed in int8, as accelerators of phones need it.

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
    if calibration is not None and precision != "int8":
        raise must_be("precision", "'int8' with calibration=", precision)
    model = network.model
    if is_quantised(model):
        raise ValueError(
            "a TFLite file must be made from a model before model.quantize(…), since "
            "TFLite has no ops for quantised layers; precision='int8' quantises it for "
            f"TFLite. Received: the model {model.name!r}, which Keras has quantised"
        )
    scores_of(model)  # raises ValueError for logits
    squares = None
    if calibration is not None:
        squares = calibration_squares(network.recipe, calibration)
    flat = _converted(network, precision, squares)
    names = "".join(f"{name}\n" for name in network.class_names)
    with files.whole_file(path) as partial:
        partial.write_bytes(flat)
        beside = partial.with_suffix(".txt")
        beside.write_text(names, encoding="utf-8")
        os.replace(beside, path.with_suffix(".txt"))
    return path


def calibration_squares(recipe: Recipe, pictures: Any) -> np.ndarray:
    """The central views of pictures: uint8 `[pictures, side, side, 3]`.

    Args:
        recipe: The recipe of the pictures.
        pictures: As a `Recipe` takes them, or a data set.
    """
    if not isinstance(pictures, Source):
        return recipe.centre().batch(pictures).numpy()
    count = min(CALIBRATION_PICTURES, pictures.sizes.get(TRAIN, 0))
    if not count:
        raise must_be("calibration", "data with training pictures", pictures.spec)
    view = recipe.views_of(pictures).centre
    # In the order of a run, in which all classes come early.
    examples = pictures.stream(TRAIN, 0, 0, count).take(count)
    views = examples.map(lambda each: view(each["image"]))
    return next(views.batch(count).as_numpy_iterator())


def _converted(network: Network, precision: str, squares: np.ndarray | None) -> bytes:
    model, preprocessing = network.model, network.recipe.preprocessing
    spec = tf.TensorSpec([1, network.side, network.side, 3], tf.uint8, "images")

    @tf.function(input_signature=[spec])
    def predict(images: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = model(preprocessing(images), training=False)
        return {"probabilities": tf.cast(scores, tf.float32)}

    module = tf.Module()
    module.held = [tensorflow_variable(weight) for weight in model.weights]
    # In eight bits the sums of squares lose what distinguishes them. As one op, which
    # TFLite has in float32 alone, normalisation is not quantised.
    kept = contextlib.nullcontext() if squares is None else in_one_op()
    # Through a SavedModel, which has stock ops only.
    with tempfile.TemporaryDirectory() as folder:
        with kept:
            tf.saved_model.save(module, folder, signatures=predict)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if squares is not None:
            converter.representative_dataset = lambda: (
                {"images": each[None]} for each in squares
            )
        return converter.convert()
