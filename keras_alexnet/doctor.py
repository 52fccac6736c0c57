"""`keras-alexnet doctor`: what is loaded, what is not, and what to do."""

from __future__ import annotations

import importlib.util
import os
import platform
from collections.abc import Iterator
from pathlib import Path

import keras
import tensorflow as tf

from keras_alexnet._version import __version__
from keras_alexnet.ops import convolution, kernels, native

Line = tuple[str, str]
_LEGACY = "TF_USE_LEGACY_KERAS"


def report() -> list[Line]:
    """Lines of a subject and what there is to say of it.

    Returns:
        Pairs of text; a line whose subject is empty says what to do about the one
        above it.

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
    ]


def _versions() -> Iterator[Line]:
    yield "keras-alexnet", f"{__version__} in {Path(__file__).parent}"
    yield "Python", f"{platform.python_version()} on {platform.platform()}"
    yield "TensorFlow", tf.__version__
    yield "Keras", f"{keras.__version__}, backend {keras.backend.backend()}"
    yield "devices", ", ".join(d.name for d in tf.config.list_physical_devices())


def _legacy_keras() -> Iterator[Line]:
    """The setting that gives TensorFlow another Keras than `import keras`."""
    setting = os.environ.get(_LEGACY)
    if setting is None:
        return
    if setting not in ("1", "true", "True"):  # all that TensorFlow's __init__.py takes
        yield _LEGACY, f"{setting}: without effect"
        return
    there = importlib.util.find_spec("tf_keras") is not None
    found = "the package tf_keras" if there else "tf_keras, which is not installed"
    yield _LEGACY, f"{setting}: tf.keras is {found}; keras_alexnet is of keras"
    yield (
        "",
        f"unset {_LEGACY}, or take layers, losses and optimizers from `import keras` "
        "and none from tf.keras: the two do not mix in one model",
    )


def _library() -> Iterator[Line]:
    path = native.native_library()
    if path is None:
        yield "native library", f"none: {native.why_not()}"
        yield (
            "",
            "the ops run in stock TensorFlow, right but slower; to have it, install a "
            "C++17 compiler and keras-alexnet from its sources (BUILD.md); in a "
            "checkout's own folder Python takes the checkout, which has none",
        )
        return
    yield "native library", path
    for name, value in native.describe().items():
        if value is None:
            continue
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        yield f"  {name.replace('_', ' ')}", shown


def _choice() -> Iterator[Line]:
    setting = os.environ.get(kernels.VARIABLE)
    yield kernels.VARIABLE, setting or "not set: auto"
    try:
        used = kernels.use_native("auto", [tf.zeros([1, 1, 1, 1])])
    except ValueError as error:
        yield "kernels on this machine", f"none: {error}"
        yield "", f"unset {kernels.VARIABLE}, or mend what it says"
        return
    yield "kernels on this machine", "native" if used else "composite"
    if not used and native.native_library() is not None:
        yield "", "a GPU runs the composite; tensors on a CPU would run natively"


def _convolution() -> Iterator[Line]:
    if convolution.grouped_runs(tf.float32):
        yield "grouped convolution", "TensorFlow's own, in one piece"
        return
    yield "grouped convolution", "a group at a time: TensorFlow refuses its gradient"
    yield "", "unset TF_ENABLE_ONEDNN_OPTS to have oneDNN run it in one piece"


def main() -> None:
    """Prints the report."""
    for subject, text in report():
        print(f"{subject:24} {text}")


if __name__ == "__main__":
    main()
