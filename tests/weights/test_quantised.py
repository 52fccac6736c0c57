"""Models that Keras 3 has changed within their layers: quantised, or with a LoRA."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

import keras_alexnet
from keras_alexnet import AlexNet, architectures
from keras_alexnet.models import build
from keras_alexnet.weights import open_weights
from keras_alexnet.weights.loading import load_weights

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*look untrained:UserWarning"),
    # Keras says of every layer without weights that it has none to quantise.
    pytest.mark.filterwarnings("ignore::UserWarning:keras"),
]
KINDS = ("weights.h5", "keras")
MODES = ("int8", "int4", "float8")
RECORD = dataclasses.replace(architectures.get("owt"), dense=(8, 8))
QUANTISED = r"of a model that Keras has quantised; save it before model\.quantize"


def narrow() -> keras.Model:
    return build(RECORD, input_shape=(63, 63, 3), classes=5)


def save(model: keras.Model, path: Path) -> Path:
    if path.suffix == ".keras":
        model.save(path)
    else:
        model.save_weights(str(path))
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
def test_a_quantised_model_is_refused(kind: str, mode: str, tmp_path: Path) -> None:
    model = narrow()
    model.quantize(mode)
    path = save(model, tmp_path / f"{mode}.{kind}")
    for variant in (None, "owt"):
        with pytest.raises(ValueError, match=QUANTISED) as caught:
            AlexNet(variant, weights=path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=QUANTISED):
        open_weights(path).read(RECORD)


@pytest.mark.parametrize("kind", KINDS)
def test_a_lora_is_part_of_the_kernel(kind: str, tmp_path: Path) -> None:
    model = narrow()
    layer = model.get_layer("fc6")
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(np.ones(layer.lora_kernel_b.shape))
    path = save(model, tmp_path / f"lora.{kind}")
    other = narrow()
    load_weights(other, open_weights(path), RECORD)
    x = np.random.default_rng(0).normal(0, 50, (1, 63, 63, 3)).astype("float32")
    np.testing.assert_allclose(other(x), model(x), rtol=1e-4)


FORM: dict[str, Any] = {"class_names": list("abcde"), "preprocessing": "owt"}


@pytest.mark.parametrize("mode", MODES)
def test_a_quantised_model_is_exported_as_it_is(mode: str, tmp_path: Path) -> None:
    model = narrow()
    model.quantize(mode)
    path = keras_alexnet.export_saved_model(
        model, tmp_path / "servable", warmup=False, **FORM
    )
    assert keras_alexnet.check_saved_model(path, model).difference < 1e-5
    message = r"precision must be 'float32' for a model that Keras has quantised.*"
    for precision in ("bfloat16", "float16", "int8"):
        with pytest.raises(ValueError, match=f"{message}precision='{precision}'"):
            keras_alexnet.export_saved_model(
                model, tmp_path / "servable", precision=precision, **FORM
            )
    assert not (tmp_path / "servable" / "2").exists()


@pytest.mark.parametrize("mode", MODES)
def test_a_quantised_model_is_no_tflite_file(mode: str, tmp_path: Path) -> None:
    model = narrow()
    model.quantize(mode)
    for precision in ("float32", "float16", "int8"):
        with pytest.raises(ValueError, match=r"before model\.quantize\(…\)") as caught:
            keras_alexnet.export_tflite(
                model, tmp_path / "x.tflite", precision=precision, **FORM
            )
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
