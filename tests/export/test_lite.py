"""TFLite files, run by TensorFlow's own interpreter."""

from __future__ import annotations

import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from served_models import NAMES, SIDE, picture

import keras_alexnet


def run_lite(path: Path, views: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TensorFlow's own deprecations
        interpreter = tf.lite.Interpreter(str(path))
    predict = interpreter.get_signature_runner("serving_default")
    return np.concatenate([predict(images=v[None])["probabilities"] for v in views])


@pytest.mark.compat
@pytest.mark.parametrize(
    ("precision", "bytes_each", "tolerance"),
    [("float32", 4, 1e-5), ("float16", 2, 2e-3), ("int8", 1, 0.05)],
)
def test_a_file_computes_what_the_model_does(
    network: keras.Model,
    tmp_path: Path,
    precision: str,
    bytes_each: int,
    tolerance: float,
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        path = keras_alexnet.export_tflite(
            network,
            tmp_path / "new" / "small.tflite",
            class_names=NAMES,
            preprocessing="caffe",
            precision=precision,
        )
    views = np.stack([picture(seed, (SIDE, SIDE)) for seed in range(4)])
    exact = network(keras_alexnet.preprocess_input(views, "caffe")).numpy()
    np.testing.assert_allclose(run_lite(path, views), exact, atol=tolerance)
    assert path.stat().st_size < bytes_each * network.count_params() + 40_000
    assert path.with_suffix(".txt").read_text().split() == list(NAMES)
    assert len([*path.parent.iterdir()]) == 2


def test_bfloat16_is_refused(network: keras.Model, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Received: precision='bfloat16'"):
        keras_alexnet.export_tflite(
            network,
            tmp_path / "small.tflite",
            class_names=NAMES,
            preprocessing="paper",
            precision="bfloat16",
        )
    assert not [*tmp_path.iterdir()]
