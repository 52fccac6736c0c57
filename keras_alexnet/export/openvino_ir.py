"""`export_openvino`: a network as OpenVINO reads it, an `.xml` and a `.bin` file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import keras

from keras_alexnet import files
from keras_alexnet.export.network import Given, Network
from keras_alexnet.export.onnx_file import INPUTS, onnx_bytes
from keras_alexnet.export.targets import version_target
from keras_alexnet.optional_packages import needed
from keras_alexnet.reasons import must_be, reason
from keras_alexnet.weights.formats.keras_files import DESCRIPTION

FILE = "alexnet.xml"


def export_openvino(
    model: keras.Model,
    path: str | os.PathLike,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing: Given = None,
    inputs: str = "pictures",
    version: int | None = None,
) -> Path:
    """Writes `path/<version>/alexnet.xml` and `.bin`, complete or not at all.

    They are OpenVINO's form of the graph that `export_onnx` writes, in float32; the
    directories are those that OpenVINO's model server reads. What the file records of
    the network is, as JSON, in `get_rt_info("keras_alexnet")` of the model.

    Args:
        model: As for `export_onnx`.
        path: The directory of the versions.
        class_names: As for `export_onnx`.
        preprocessing: As for `export_onnx`.
        inputs: As for `export_onnx`.
        version: Number of the version; the next free one by default.

    Returns:
        The path of the version.

    Raises:
        ValueError: As for `export_onnx`; if the version exists already, or the packages
            `onnx` and `openvino` are not installed.
        OSError: If the files cannot be written.

    Example:

    >>> export_openvino(model, "openvino")  # doctest: +SKIP
    PosixPath('openvino/1')

    Reference:
        - https://docs.openvino.ai, "Model formats" and "Model server".
    """
    if inputs not in INPUTS:
        raise must_be("inputs", f"one of {INPUTS}", inputs)
    openvino = needed("openvino", "openvino", "a model for OpenVINO")
    network = Network.of(model, class_names, preprocessing)
    content = onnx_bytes(network, inputs)
    target = version_target(path, version)
    with files.whole_directory(target) as partial:
        made = openvino.Core().read_model(content)
        made.set_rt_info(network.described(), DESCRIPTION)
        try:
            # By default it would round the weights to float16.
            openvino.save_model(made, partial / FILE, compress_to_fp16=False)
            # On a full disk some versions write a part and say nothing.
            openvino.Core().read_model(partial / FILE)
        except RuntimeError as error:
            raise OSError(
                f"OpenVINO must be able to write there. Received: {str(target)!r} "
                f"({reason(error)})"
            ) from error
    return target
