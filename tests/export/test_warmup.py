"""Warm-up requests: as TensorFlow Serving's own messages have them."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_alexnet.export import warmup

SPECS = {"serving_default": {"image_bytes": tf.TensorSpec([None], tf.string)}}


@pytest.mark.compat
def test_a_server_finds_requests_for_every_signature(
    export: Path, signatures: dict
) -> None:
    logs = pytest.importorskip(
        "tensorflow_serving.apis.prediction_log_pb2",
        reason="pip install tensorflow-serving-api",
    )
    path = export / "assets.extra" / "tf_serving_warmup_requests"
    sizes: dict[str, list[int]] = {}
    for record in tf.data.TFRecordDataset([str(path)]):
        log = logs.PredictionLog.FromString(record.numpy())
        assert log.WhichOneof("log_type") == "predict_log"
        spec = log.predict_log.request.model_spec
        assert spec.name == export.parent.name
        (tensor,) = log.predict_log.request.inputs.values()
        batch = tensor.tensor_shape.dim[0].size
        sizes.setdefault(spec.signature_name, []).append(batch)
    assert sizes == {name: [1, 8] for name in signatures}


def test_the_pictures_are_jpegs_and_pngs(tmp_path: Path) -> None:
    *_, (_, inputs) = warmup.requests(SPECS)
    for number, coded in enumerate(inputs["image_bytes"]):
        (tmp_path / "picture").write_bytes(coded)
        with Image.open(tmp_path / "picture") as opened:
            assert opened.format == ("JPEG", "PNG")[number % 2]
            assert np.asarray(opened).std() > 5


def test_without_the_package_a_warning_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow_serving.apis", None)
    with caplog.at_level(logging.WARNING, "keras_alexnet"):
        warmup.write(tmp_path, SPECS, "alexnet")
    assert "keras-alexnet[serving]" in caplog.text
    assert len(caplog.records) == 1
    assert not warmup.has_requests(tmp_path)
