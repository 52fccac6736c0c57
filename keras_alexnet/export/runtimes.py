"""Runs exported files in the runtimes that they are made for.

Files are given by their content where a runtime takes it: their names may be no UTF-8.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from keras_alexnet.export.openvino_ir import FILE
from keras_alexnet.optional_packages import needed

_EXPECTED = "an exported file that is run"


class Runtime(NamedTuple):
    """A file in its runtime.

    Args:
        name: Name and version of the runtime.
        run: From `images`, as the file takes them, to probabilities `[batch, classes]`.
        prepared: Whether the file takes prepared pictures, channels first; else RGB in
            uint8, `[batch, side, side, 3]`.
    """

    name: str
    run: Callable[[np.ndarray], np.ndarray]
    prepared: bool


def opened(path: Path) -> Runtime:
    """A file of `export_onnx`, `export_openvino` or `export_tflite`, ready to run.

    Args:
        path: The file; of OpenVINO the directory of the version.

    Raises:
        ValueError: If the runtime is not installed.
    """
    if path.is_dir():
        return _openvino(path)
    return _onnx(path) if path.suffix == ".onnx" else _lite(path)


def _onnx(path: Path) -> Runtime:
    library = needed("onnxruntime", "onnx", _EXPECTED)
    session = library.InferenceSession(
        path.read_bytes(), providers=["CPUExecutionProvider"]
    )
    (taken,) = session.get_inputs()
    return Runtime(
        f"ONNX Runtime {library.__version__}",
        lambda images: session.run(None, {taken.name: images})[0],
        taken.type != "tensor(uint8)",
    )


def _openvino(path: Path) -> Runtime:
    library = needed("openvino", "openvino", _EXPECTED)
    # Where a processor has bfloat16, OpenVINO computes in it unless it is told.
    hint = {"INFERENCE_PRECISION_HINT": "f32"}
    core = library.Core()
    compiled = core.compile_model(core.read_model(path / FILE), "CPU", hint)
    (taken,) = compiled.inputs
    return Runtime(
        f"OpenVINO {library.__version__.partition('-')[0]}, in float32",
        lambda images: compiled(images)[0],
        taken.element_type != library.Type.u8,
    )


def _lite(path: Path) -> Runtime:
    name, interpreter = lite_interpreter(path)
    predict = interpreter.get_signature_runner("serving_default")

    def run(images: np.ndarray) -> np.ndarray:
        # The file takes one picture at a time.
        return np.concatenate(
            [predict(images=each[None])["probabilities"] for each in images]
        )

    return Runtime(name, run, False)


def lite_interpreter(path: Path) -> tuple[str, Any]:
    """An interpreter of TFLite files, and its name: LiteRT's where it is installed.

    TensorFlow's own is deprecated; it is used where there is no other.
    """
    try:
        litert = needed("ai_edge_litert.interpreter", "litert", _EXPECTED)
    except ValueError:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of TensorFlow's own deprecations
            own = tf.lite.Interpreter(model_content=path.read_bytes())
            return f"TensorFlow {tf.__version__}", own
    version = importlib.metadata.version("ai-edge-litert")
    return f"LiteRT {version}", litert.Interpreter(model_content=path.read_bytes())
