"""Every form of an export in its own runtime: error and latency, side by side.

    python benchmarks/formats.py [VARIANT]

The network of a variant at full size with drawn weights, for batches of 1 and 8. The
forms take turns, so that other work on the machine slows all of them; printed are
medians, ratios to the SavedModel of the same turn, and the largest differences of a
probability from the model's.

Besides the package it needs `keras-alexnet[onnx,openvino,litert]`. TFLite files take
one picture at a time. OpenVINO computes in bfloat16 on processors that have it, unless
it is asked for float32: both are measured.
"""

from __future__ import annotations

import functools
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from interleaved import interleaved, ratio, show
from runtimes import Run, onnx_session, openvino_model

import keras_alexnet
from keras_alexnet.export.runtimes import opened

TURNS = 9


def drawn_model(variant: str) -> keras.Model:
    """A variant with weights under which its scores depend on the picture."""
    model = keras_alexnet.AlexNet(variant)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            size = layer.kernel.shape
            gain = np.float32((0.1 if layer.name == "fc8" else 1.4) / np.sqrt(size[-2]))
            gain /= np.float32(np.sqrt(np.prod(size[:-2])))
            kernel = gain * rng.standard_normal(size, np.float32)
            layer.set_weights([kernel, *layer.get_weights()[1:]])
    model.describe(class_names=keras_alexnet.class_names("imagenet"))
    return model


def saved_model(path: Path) -> Run:
    predict = tf.saved_model.load(str(path)).signatures["predict_images"]
    return lambda images: predict(images=tf.constant(images))["probabilities"].numpy()


def forms(model: keras.Model, root: Path) -> dict[str, Run]:
    """The function of each form, written below `root`."""
    saved = keras_alexnet.export_saved_model(model, root / "saved", warmup=False)
    onnx = keras_alexnet.export_onnx(model, root / "alexnet.onnx")
    vino = keras_alexnet.export_openvino(model, root / "openvino")
    found: dict[str, Run] = {
        "SavedModel": saved_model(saved),
        "ONNX Runtime": onnx_session(onnx),
        "OpenVINO, float32": opened(vino).run,
        "OpenVINO": openvino_model(vino / "alexnet.xml"),
    }
    pictures = [*np.random.default_rng(1).integers(0, 256, [50, 256, 256, 3], np.uint8)]
    kinds: dict[str, dict[str, Any]] = {
        "LiteRT, float32": {},
        "LiteRT, float16": {"precision": "float16"},
        "LiteRT, int8": {"precision": "int8"},
        "LiteRT, int8, calibrated": {"precision": "int8", "calibration": pictures},
    }
    for name, options in kinds.items():
        path = root / f"{len(found)}.tflite"
        found[name] = opened(keras_alexnet.export_tflite(model, path, **options)).run
    return found


def main(variant: str = "paper") -> None:
    """Prints a row for each form and batch."""
    model = drawn_model(variant)
    with tempfile.TemporaryDirectory() as folder:
        runs = forms(model, Path(folder))
        for batch in (1, 8):
            rng = np.random.default_rng(batch)
            pictures = rng.integers(0, 256, [batch, 256, 256, 3], np.uint8)
            # The SavedModel cuts the pictures itself.
            squares = model.recipe.batch(pictures).numpy()
            given = {n: pictures if n == "SavedModel" else squares for n in runs}
            exact = np.asarray(model(model.recipe.preprocessing(squares)))
            errors = {n: abs(run(given[n]) - exact).max() for n, run in runs.items()}
            cases = {n: functools.partial(run, given[n]) for n, run in runs.items()}
            times = interleaved(cases, TURNS)
            show(f"{variant}, {batch} pictures", times)
            for name, error in errors.items():
                ratio(times, name, "SavedModel")
                print(f"    error {error:.1e}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of TensorFlow's own deprecations
    main(*sys.argv[1:])
