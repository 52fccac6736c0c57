"""TFLite files, run by LiteRT, which is what became of TFLite."""

from __future__ import annotations

import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from exported_forms import lite_runtime
from served_models import NAMES, SIDE, picture, served_model

import keras_alexnet


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
    np.testing.assert_allclose(lite_runtime(path)(views), exact, atol=tolerance)
    assert path.stat().st_size < bytes_each * network.count_params() + 40_000
    assert path.with_suffix(".txt").read_text().split() == list(NAMES)
    assert len([*path.parent.iterdir()]) == 2


def activations(path: Path) -> list[np.dtype]:
    """The types of the maps that a file computes."""
    interpreter = Interpreter(str(path))
    return [
        each["dtype"]
        for each in interpreter.get_tensor_details()
        if len(each["shape"]) == 4 and each["shape"][0] == 1 and each["name"]
    ]


@pytest.mark.compat
def test_calibrated_layers_compute_in_int8(tmp_path: Path) -> None:
    model = served_model()
    model.describe(class_names=NAMES)
    kernel, bias = model.get_layer("fc8").get_weights()
    model.get_layer("fc8").set_weights([8 * kernel, bias])
    pictures = [picture(seed) for seed in range(100)]
    paths = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        for name, given in {"dynamic": None, "static": pictures}.items():
            paths[name] = keras_alexnet.export_tflite(
                model, tmp_path / f"{name}.tflite", precision="int8", calibration=given
            )
    kinds = {name: activations(path) for name, path in paths.items()}
    assert np.int8 not in kinds["dynamic"]
    # The picture itself, and what normalisation reads and gives.
    assert kinds["static"].count(np.int8) > 2 * kinds["static"].count(np.float32)
    assert paths["static"].stat().st_size < model.count_params() + 60_000

    views = np.stack([picture(seed, (SIDE, SIDE)) for seed in range(200, 240)])
    exact = model(model.recipe.preprocessing(views)).numpy()
    assert np.ptp(exact, axis=0).max() > 0.3
    found = lite_runtime(paths["static"])(views)
    np.testing.assert_allclose(found, exact, atol=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "float16"}, "'int8' with calibration="),
        ({"precision": "int8", "calibration": []}, "Received: none"),
        ({"precision": "int8", "calibration": [b"no picture"]}, "Received: picture 0"),
    ],
)
def test_what_cannot_calibrate_is_one_line(
    network: keras.Model, tmp_path: Path, options: dict, message: str
) -> None:
    form = {"class_names": NAMES, "calibration": [picture(0)], **options}
    with pytest.raises(ValueError, match=f"{message}.*") as caught:
        keras_alexnet.export_tflite(network, tmp_path / "small.tflite", **form)
    assert "\n" not in str(caught.value)
    assert not [*tmp_path.iterdir()]


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
