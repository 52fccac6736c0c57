"""`export_safetensors` and `export_keras`: files that hold the weights as they are."""

from __future__ import annotations

import os
from pathlib import Path

import keras
import numpy as np

from keras_alexnet import files
from keras_alexnet.export.network import described
from keras_alexnet.export.targets import file_target
from keras_alexnet.inputs import check_model
from keras_alexnet.optional_packages import needed
from keras_alexnet.reasons import must_be
from keras_alexnet.two_towers import as_packed
from keras_alexnet.weights.described import description_of
from keras_alexnet.weights.formats.faults import one_line
from keras_alexnet.weights.formats.keras_files import (
    DESCRIPTION,
    arrays,
    check_layers,
)


def export_safetensors(model: keras.Model, path: str | os.PathLike) -> Path:
    """Writes the weights of an AlexNet as a `.safetensors` file.

    Tensors are named by layer and weight, `conv1/kernel`, `conv1/bias` to `fc8/bias`,
    and have the shapes of Keras: kernels of convolutions are `[height, width, inputs,
    outputs]`. The metadata hold under the key `keras_alexnet` the recipe of the
    pictures, the names of the classes and the variant, as JSON.

    Args:
        model: A model that `AlexNet` built.
        path: The file, for example `alexnet.safetensors`; one that exists is replaced.

    Returns:
        The path of the file; its values are float32.

    Raises:
        ValueError: If the model is no AlexNet, `path` no place for a file, or the
            package `safetensors` is not installed.
        OSError: If the file cannot be written.

    Example:

    >>> export_safetensors(AlexNet("caffe"), "a.safetensors")  # doctest: +SKIP
    PosixPath('a.safetensors')

    Reference:
        - https://github.com/huggingface/safetensors, "Format".
    """
    check_model(model)
    model = as_packed(model)
    with one_line("a network whose weights are written by name", model.name):
        check_layers(model)
    library = needed("safetensors.numpy", "safetensors", "a .safetensors file")
    target = file_target(path, "alexnet.safetensors")
    tensors = {
        f"{layer}/{name}": np.ascontiguousarray(value, np.float32)
        for layer, weights in arrays(model).items()
        for name, value in weights.items()
    }
    about = {DESCRIPTION: described(model, description_of(model))}
    with files.whole_file(target) as partial:
        partial.write_bytes(library.save(tensors, about))
    return target


def export_keras(model: keras.Model, path: str | os.PathLike) -> Path:
    """Writes a model as a `.keras` file, complete or not at all.

    It is what `model.save(path)` writes, with the recipe of the pictures and the names
    of the classes in it; towers on separate devices are packed, so that any machine
    opens it. The Keras that reads it must be of the same generation and have this
    package.

    Args:
        model: A `keras.Model`.
        path: The file, for example `alexnet.keras`; one that exists is replaced.

    Returns:
        The path of the file.

    Raises:
        ValueError: If it is no model, or `path` no place for a `.keras` file.
        OSError: If the file cannot be written.

    Example:

    >>> export_keras(AlexNet("caffe"), "alexnet.keras")  # doctest: +SKIP
    PosixPath('alexnet.keras')
    """
    check_model(model)
    target = file_target(path, "alexnet.keras")
    if target.suffix != ".keras":
        raise must_be("path", "a name that ends with .keras", str(path))
    with files.whole_file(target) as partial:
        as_packed(model).save(partial)
    return target
