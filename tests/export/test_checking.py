"""`check_saved_model`: each thing that can be wrong is found and named."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from served_models import graph_def, served_model

import keras_alexnet
from keras_alexnet.export.graphs import check_graph
from keras_alexnet.ops.convolution import grouped_runs


@pytest.mark.compat
def test_a_good_export_is_reported(export: Path, network: keras.Model) -> None:
    report = keras_alexnet.check_saved_model(export, network)
    assert report.difference < 1e-5
    assert {"Conv2D", "DecodeJpeg"} <= report.ops
    assert report.warmup in (10, None)  # None without tensorflow-serving-api
    assert "float32" in str(report)


@pytest.fixture
def copy(export: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(export, tmp_path / "1"))


def graph_of(function: tf.types.experimental.GenericFunction, path: Path) -> object:
    tf.saved_model.save(tf.Module(), str(path), signatures=function)
    return graph_def(path)


def images_to(body: object, channels: int = 4) -> tf.types.experimental.GenericFunction:
    spec = tf.TensorSpec([None, 8, 8, channels], name="x")
    return tf.function(lambda x: {"y": body(x)}, input_signature=[spec])


@pytest.mark.compat
def test_xla_python_and_custom_ops_are_found(tmp_path: Path) -> None:
    compiled = images_to(tf.function(lambda x: x + 1, jit_compile=True))
    with pytest.raises(ValueError, match="which XLA must compile"):
        check_graph(graph_of(compiled, tmp_path / "xla"))
    python = images_to(lambda x: tf.numpy_function(np.abs, [x], tf.float32))
    with pytest.raises(ValueError, match=r"Received: the op '.*PyFunc.*'"):
        check_graph(graph_of(python, tmp_path / "python"))
    graph = graph_of(images_to(tf.abs), tmp_path / "custom")
    function = graph.library.function[0]
    function.node_def.add(op="KerasAlexnet>CrossConnect", name="seam")
    with pytest.raises(ValueError, match="the op 'KerasAlexnet>CrossConnect'"):
        check_graph(graph)


def test_a_grouped_convolution_is_found(tmp_path: Path) -> None:
    assert grouped_runs("CPU", tf.float32)  # with oneDNN, which the tests run with
    grouped = images_to(lambda x: tf.nn.conv2d(x, tf.ones([3, 3, 2, 4]), 1, "SAME"))
    with pytest.raises(ValueError, match=r"the grouped convolution '.*', 4 maps by 2"):
        check_graph(graph_of(grouped, tmp_path))


@pytest.mark.compat
def test_a_missing_or_damaged_file_is_named(copy: Path) -> None:
    (copy / "assets.extra" / "keras_alexnet.json").write_text("{}")
    with pytest.raises(ValueError, match=re.escape("keras_alexnet.json")):
        keras_alexnet.check_saved_model(copy)
    (copy / "saved_model.pb").write_bytes(b"\xff\xff")
    with pytest.raises(ValueError, match=re.escape("saved_model.pb")):
        keras_alexnet.check_saved_model(copy)
    with pytest.raises(ValueError, match="Received: 'none'"):
        keras_alexnet.check_saved_model("none")


def test_damaged_warm_up_requests_are_named(copy: Path) -> None:
    pytest.importorskip(
        "tensorflow_serving.apis.prediction_log_pb2",
        reason="pip install tensorflow-serving-api",
    )
    path = copy / "assets.extra" / "tf_serving_warmup_requests"
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    with pytest.raises(ValueError, match="a TFRecord of PredictionLog"):
        keras_alexnet.check_saved_model(copy)
    with tf.io.TFRecordWriter(str(path)) as file:
        file.write(b"\xff\xff\xff")
    with pytest.raises(ValueError, match="a TFRecord of PredictionLog"):
        keras_alexnet.check_saved_model(copy)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="warm-up requests"):
        keras_alexnet.check_saved_model(copy)


class Signatures(tf.Module):
    """Signatures that are nearly those of an export."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def answer(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"classes": image_bytes, "scores": tf.strings.length(image_bytes)}


@pytest.mark.compat
@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["serving_default"], r"'serving_default' must be from image_bytes \(string\)"),
        ([], r"must have the signature 'serving_default'. Received: \[\]"),
    ],
)
def test_other_signatures_are_found(
    copy: Path, tmp_path: Path, names: list[str], message: str
) -> None:
    module, other = Signatures(), tmp_path / "other"
    named = dict.fromkeys(names, module.answer)
    tf.saved_model.save(module, str(other), signatures=named)
    shutil.copytree(copy / "assets.extra", other / "assets.extra")
    with pytest.raises(ValueError, match=message):
        keras_alexnet.check_saved_model(other)


@pytest.mark.compat
def test_another_model_is_found(export: Path) -> None:
    other = served_model()
    kernel, bias = other.get_layer("conv1").get_weights()
    other.get_layer("conv1").set_weights([-kernel, bias])
    with pytest.raises(ValueError, match=r"must equal the model's within 0\.0001"):
        keras_alexnet.check_saved_model(export, other)
    for change in ({"classes": 3}, {"input_shape": (96, 96, 3)}):
        with pytest.raises(ValueError, match=r"Received: \(80, 7\) of the export"):
            keras_alexnet.check_saved_model(export, served_model(**change))
