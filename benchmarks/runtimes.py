"""ONNX Runtime and OpenVINO on exported files, for benchmarks that run them in turns.

Each is imported when it is asked for: whoever has one need not have the other.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

Run = Callable[[np.ndarray], np.ndarray]


def onnx_session(path: Path) -> Run:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # Threads that spin while they wait would slow down the case that runs next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(path, options, providers=providers)
    return lambda images: session.run(None, {"images": images})[0]


def openvino_model(path: Path, precision: str | None = None) -> Run:
    """A model of OpenVINO's or an ONNX file.

    Args:
        path: The file.
        precision: What it computes in, `"f32"` or `"bf16"`; OpenVINO's choice for the
            processor if None.
    """
    import openvino

    core = openvino.Core()
    settings = {"PERFORMANCE_HINT": "LATENCY"}  # all cores for one request
    if precision is not None:
        settings["INFERENCE_PRECISION_HINT"] = precision
    compiled = core.compile_model(core.read_model(path), "CPU", settings)
    return lambda images: compiled(images, share_inputs=True)[0]
