"""`export_saved_model`: writes one version of a servable, complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.export import warmup as warming
from keras_alexnet.export.card import Card
from keras_alexnet.export.heads import scores_of
from keras_alexnet.export.network import Given, Network
from keras_alexnet.export.served import Served
from keras_alexnet.export.targets import version_target
from keras_alexnet.reasons import must_be
from keras_alexnet.tensorflow_paths import check_plain
from keras_alexnet.whole_numbers import as_boolean, whole_number


def export_saved_model(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing: Given = None,
    top_k: int = 5,
    version: int | None = None,
    warmup: bool = True,
    views: int = 1,
    precision: str = "float32",
) -> Path:
    """Writes `path/<version>/` for TensorFlow Serving, complete or not at all.

    The graph decodes, resizes, crops and prepares the pictures itself. It holds only
    stock TensorFlow ops: no custom op, nothing that XLA must compile, and grouped
    convolutions in a form that runs without oneDNN. Its signatures take any number B
    of pictures, also 0:

    - `serving_default` and `classify_bytes`: from `image_bytes` (string `[B]`) to
      `classes` (string `[B, k]`), `scores` (float32 `[B, k]`), `valid` (bool `[B]`);
    - `predict_images`: from `images` (uint8 `[B, height, width, 3]`) to
      `probabilities` (float32 `[B, classes]`) and `classes`, the name of each (string
      `[B, classes]`);
    - `predict_float_images`: the same from float32, since a signature has one type;
    - `features`: from `image_bytes` to `fc6`, `fc7` (float32 `[B, 4096]`), `valid`.

    `image_bytes` are JPEG or PNG files of any size up to 50 megapixels. For other or
    truncated files `valid` is false, the class names are empty and the numbers 0; the
    rest of the batch is not affected. `images` are RGB in 0-255, also as float32; they
    are rounded. `features` are of the central view, after the ReLU; a model without
    `fc6` and `fc7` has no such signature.

    In Python, `loaded = tf.saved_model.load(path)` can be called: `loaded(images)` is
    the answer of `predict_images` to uint8 or float32.

    Args:
        model: A model from prepared pictures to probabilities `[batch, classes]`:
            those of a softmax, or independent ones of a sigmoid, if several labels may
            be true for a picture. The card and `check_saved_model` state which.
        path: The servable's directory.
        class_names: Name of each class, in the order of the model's outputs; those
            that the model records by default.
        preprocessing: The model's recipe, by default that which it records: a
            `Recipe`, or what `keras_alexnet.weights.recipe_of` takes: the name of a
            variant or of published weights, a run, or a `Preprocessing`.
        top_k: Number of classes that `classify_bytes` returns, or all if fewer.
        version: Number of the version; the next free one by default.
        warmup: Whether to write requests for a server's warm-up. They need the
            package `tensorflow-serving-api`; without it the log says so.
        views: 1 for the central view, 10 for the mean over the ten views of the
            paper's section 4.1, at ten times the work.
        precision: What the kernels are stored in: `"float32"`; `"bfloat16"` (half the
            size), in which layers compute as well, for servers whose CPUs multiply it
            (AVX-512 BF16, AMX; others run it slowly); `"float16"` (half) or `"int8"` (a
            quarter, with a scale for each output channel), which are widened in each
            call: the export is smaller, not faster.

    Returns:
        The path of the version.

    Raises:
        ValueError: If the model does not take square pictures or return probabilities,
            there is not one name for each class, an argument is out of range, the path
            cannot be written to, or the version exists already.

    Example:

    >>> names = [f"class {i}" for i in range(10)]
    >>> model = AlexNet(input_shape=(64, 64, 3), classes=10)
    >>> export_saved_model(  # doctest: +SKIP
    ...     model, "servable", class_names=names, preprocessing="paper"
    ... )
    PosixPath('servable/1')

    Reference:
        - https://www.tensorflow.org/tfx/serving/serving_basic, on versions.
    """
    network = Network.of(model, class_names, preprocessing, views)
    if as_boolean(warmup) is None:
        raise must_be("warmup", "True or False", warmup)
    top_k = whole_number("top_k", top_k)
    names = network.class_names
    card = Card(
        network.recipe,
        len(names),
        min(top_k, len(names)),
        precision,
        scores_of(network.model),
        names,
    )
    served = Served(network.model, network.recipe, names, card.top_k, precision)
    target = version_target(path, version)
    check_plain("export_dir", target.parent)
    with files.whole_directory(target) as partial:
        _write(served, card, partial, target.parent.name if warmup else None)
    return target


def _write(served: Served, card: Card, folder: Path, warm_up_as: str | None) -> None:
    signatures = served.signatures()
    tf.saved_model.save(served, str(folder), signatures=signatures)
    card.write(folder)
    if warm_up_as is not None:
        specs = {
            name: {spec.name: spec for spec in function.input_signature}
            for name, function in signatures.items()
        }
        warming.write(folder, specs, warm_up_as)
