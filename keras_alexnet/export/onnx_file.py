"""`export_onnx`: a network in one ONNX file, in ONNX's own operators."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import keras

from keras_alexnet import files
from keras_alexnet.export.heads import scores_of
from keras_alexnet.export.network import Given, Network
from keras_alexnet.export.onnx_graph import Graph, add_preprocessing
from keras_alexnet.export.onnx_network import add_network
from keras_alexnet.export.targets import file_target
from keras_alexnet.half_precision import is_quantised
from keras_alexnet.reasons import must_be
from keras_alexnet.weights.formats.keras_files import DESCRIPTION

INPUTS = ("pictures", "prepared")


def export_onnx(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing: Given = None,
    inputs: str = "pictures",
) -> Path:
    """Writes a network as one ONNX file of operator set 17, without a converter.

    The grouped convolutions are ONNX's own, `Conv` with `group`, and so are pooling and
    dense layers; normalisation is a `Conv` of 1×1 over squares, which ONNX Runtime and
    OpenVINO run faster than ONNX's `LRN`. The output is `probabilities`, float32
    `[batch, classes]`, for any batch. The file records the recipe of the pictures, the
    names of the classes and the variant, as JSON under the key `keras_alexnet` of its
    metadata.

    Args:
        model: A model from prepared pictures to probabilities `[batch, classes]`, of a
            softmax or a sigmoid, as for `export_saved_model`, whose layers are in a
            row.
        path: The file, for example `alexnet.onnx`; one that exists is replaced.
        class_names: Name of each class, in the order of the model's outputs; those
            that the model records by default.
        preprocessing: The model's preprocessing, as for `export_saved_model`; that
            which the model records by default. Resizing is up to the caller.
        inputs: What the input `images` is: `"pictures"`, uint8 `[batch, side, side,
            3]`, RGB, cropped and resized, whose colours the graph prepares; or
            `"prepared"`, float32 `[batch, 3, side, side]`, what the model itself takes
            but channels first, as is usual in ONNX.

    Returns:
        The path of the file.

    Raises:
        ValueError: If the model is no such classifier, it has layers that this does not
            know, an argument is out of range, or the package `onnx` is not installed.
        OSError: If the file cannot be written.

    Example:

    >>> export_onnx(model, "alexnet.onnx")  # doctest: +SKIP
    PosixPath('alexnet.onnx')

    Reference:
        - https://onnx.ai/onnx/operators
    """
    if inputs not in INPUTS:
        raise must_be("inputs", f"one of {INPUTS}", inputs)
    network = Network.of(model, class_names, preprocessing)
    target = file_target(path, "alexnet.onnx")
    content = onnx_bytes(network, inputs)
    with files.whole_file(target) as partial:
        partial.write_bytes(content)
    return target


def onnx_bytes(network: Network, inputs: str) -> bytes:
    """The ONNX file of a network; arguments and errors as for `export_onnx`."""
    model, side = network.model, network.side
    scores_of(model)  # raises ValueError for logits
    if is_quantised(model):
        raise ValueError(
            "an ONNX file must be made from a model before model.quantize(…). "
            f"Received: the model {model.name!r}, which Keras has quantised"
        )
    graph = Graph("images", "probabilities")
    if inputs == "pictures":
        add_preprocessing(graph, network.recipe.preprocessing)
        kind, sides = "UINT8", (side, side, 3)
    else:
        kind, sides = "FLOAT", (3, side, side)
    add_network(graph, model)
    about = {DESCRIPTION: network.described()}
    return graph.model(kind, sides, len(network.class_names), **about)
