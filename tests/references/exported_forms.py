"""Every form of an export beside the SavedModel: how it is written, and run.

The runtimes are those of other people: ONNX Runtime, OpenVINO, LiteRT.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import openvino
from ai_edge_litert.interpreter import Interpreter

import keras_alexnet

Run = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Form:
    """A form of an export.

    Args:
        write: From a model and a path to what was written.
        name: Of the file, or of the directory of versions.
        module: The package that it needs, and the extra that installs it.
        extra: The extra.
    """

    write: Callable[..., Path]
    name: str
    module: str = ""
    extra: str = ""


def _lite(model: keras.Model, path: Path, **options: object) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TensorFlow's own deprecations
        return keras_alexnet.export_tflite(model, path, **options)


FORMS = {
    "tflite": Form(_lite, "alexnet.tflite"),
    "onnx": Form(keras_alexnet.export_onnx, "alexnet.onnx", "onnx", "onnx"),
    "openvino": Form(keras_alexnet.export_openvino, "versions", "openvino", "openvino"),
    "safetensors": Form(
        keras_alexnet.export_safetensors,
        "alexnet.safetensors",
        "safetensors.numpy",
        "safetensors",
    ),
    "keras": Form(keras_alexnet.export_keras, "alexnet.keras"),
}


def onnx_runtime(path: Path) -> Run:
    """The function of an ONNX file."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda images: session.run(["probabilities"], {"images": images})[0]


def openvino_runtime(path: Path) -> Run:
    """The function of an OpenVINO network, in float32."""
    core = openvino.Core()
    read = core.read_model(path / "alexnet.xml")
    model = core.compile_model(read, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: model({"images": images})["probabilities"]


def lite_runtime(path: Path) -> Run:
    """The function of a TFLite file, a picture at a time."""
    predict = Interpreter(str(path)).get_signature_runner("serving_default")
    return lambda images: np.concatenate(
        [predict(images=each[None])["probabilities"] for each in images]
    )


RUNTIMES: dict[str, Callable[[Path], Run]] = {
    "onnx": onnx_runtime,
    "openvino": openvino_runtime,
    "tflite": lite_runtime,
}
