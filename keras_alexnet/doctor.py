"""`keras-alexnet doctor`: what is installed and used, what is missing, what to do."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf

from keras_alexnet._version import __version__
from keras_alexnet.ops import convolution, dispatch, native
from keras_alexnet.terminal import new_console, say

Line = tuple[str, str]
# Of each optional package: its module, its extra, and what needs it.
OPTIONAL = {
    "matplotlib": ("matplotlib", "seeing", "drawings of train and look"),
    "jinja2": ("jinja2", "seeing", "pages of look, train --report and retrieve --html"),
    "scipy": ("scipy", "claims", "claims"),
    "faiss-cpu": ("faiss", "retrieval", "retrieve"),
    "safetensors": (
        "safetensors",
        "safetensors",
        ".safetensors files, as weights and from export",
    ),
    "onnx": ("onnx", "onnx", "weights in .onnx files, export --format=onnx, openvino"),
    "onnxruntime": ("onnxruntime", "onnx", "the check of export --format=onnx"),
    "openvino": ("openvino", "openvino", "export --format=openvino"),
    "ai-edge-litert": ("ai_edge_litert", "litert", "checks of TFLite files"),
    "tensorflow-serving-api": (
        "tensorflow_serving",
        "serving",
        "warm-up requests of export, predict --server=grpc://",
    ),
    "grpcio": ("grpc", "serving", "predict --server=grpc://, with the one above"),
    "tensorflow-addons": (
        "tensorflow_addons",
        "addons",
        "train --update_rule=addons_sgdw",
    ),
}
_LEGACY = "TF_USE_LEGACY_KERAS"


def report() -> list[Line]:
    """Describes the installation, line by line.

    Returns:
        Pairs of a subject and a text. Where the subject is empty, the text is what
        to do about the line above.

    Example:

    >>> dict(report())["TensorFlow"] == tf.__version__
    True
    """
    return [
        *_versions(),
        *_legacy_keras(),
        *_library(),
        *_choice(),
        *_convolution(),
        *_optional(),
    ]


def versions() -> str:
    """The versions of the package, of TensorFlow and of Keras, on one line.

    Example:

    >>> versions().split()[0]
    'keras-alexnet'
    """
    return (
        f"keras-alexnet {__version__} (TensorFlow {tf.__version__}, "
        f"Keras {keras.__version__}, Python {platform.python_version()})"
    )


def _versions() -> Iterator[Line]:
    yield "keras-alexnet", f"{__version__} in {Path(__file__).parent}"
    yield "Python", f"{platform.python_version()} on {platform.platform()}"
    yield "TensorFlow", tf.__version__
    yield "Keras", f"{keras.__version__}, backend {keras.backend.backend()}"
    yield "devices", ", ".join(d.name for d in tf.config.list_physical_devices())


def _legacy_keras() -> Iterator[Line]:
    """The setting that makes tf.keras another Keras than `import keras`."""
    setting = os.environ.get(_LEGACY)
    if setting is None:
        return
    if setting not in ("1", "true", "True"):  # all that TensorFlow's __init__.py takes
        yield _LEGACY, f"{setting}: without effect"
        return
    there = importlib.util.find_spec("tf_keras") is not None
    found = "the package tf_keras" if there else "tf_keras, which is not installed"
    yield _LEGACY, f"{setting}: tf.keras is {found}; keras_alexnet uses keras"
    yield (
        "",
        f"unset {_LEGACY}, or take layers, losses and optimizers from `import keras` "
        "and none from tf.keras: the two do not mix in one model",
    )


def _library() -> Iterator[Line]:
    path = native.native_library()
    if path is None:
        yield "native library", "none"
        return
    yield "native library", path
    for name, value in native.describe().items():
        if value is None:
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield f"  {name.replace('_', ' ')}", shown


def _choice() -> Iterator[Line]:
    setting = os.environ.get(dispatch.VARIABLE)
    yield dispatch.VARIABLE, setting or "not set: auto"
    yield "kernels on this machine", _used()


def _used() -> str:
    """Which form of the ops runs; if not the native one, why, and what to do."""
    try:
        kernels = dispatch.resolved("auto")
    except ValueError as error:
        return f"none: {error}; unset {dispatch.VARIABLE}"
    obstacle = dispatch.why_not_native([tf.zeros([1, 1, 1, 1])])
    if obstacle is not None and obstacle == native.why_not():
        obstacle += f"; {native.what_to_do()}"
    if kernels == "native" and obstacle is not None:
        return f"none: {obstacle}, or unset {dispatch.VARIABLE}"
    if kernels == "composite":
        obstacle = f"{dispatch.VARIABLE} is set; unset it to run natively"
    if obstacle is not None:
        return f"composite, in stock TensorFlow: {obstacle}"
    return f"native, with {native.describe()['isa']}"


def _convolution() -> Iterator[Line]:
    if convolution.grouped_runs("GPU" if dispatch.on_gpu() else "CPU", tf.float32):
        yield "grouped convolution", "TensorFlow's own, all groups in one op"
        return
    yield "grouped convolution", "one group at a time: TensorFlow refuses its gradient"
    yield "", "unset TF_ENABLE_ONEDNN_OPTS to have oneDNN run all groups in one op"


def _optional() -> Iterator[Line]:
    """The packages of the extras: their versions, or how they are installed."""
    for name, (module, extra, purpose) in OPTIONAL.items():
        if extra == "addons" and not tf.__version__.startswith("2.15."):
            continue  # there is none for it
        found = f"optional: pip install 'keras-alexnet[{extra}]'"
        if importlib.util.find_spec(module) is not None:
            found = _version_of(name)
        yield name, f"{found}  ({purpose})"


def _version_of(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:  # as another distribution
        return "installed"


def main() -> None:
    """Prints the report."""
    console = new_console()
    for subject, text in report():
        say(console, f"{subject:24} {text}")


if __name__ == "__main__":
    main()
