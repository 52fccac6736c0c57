"""Exports that people write themselves, of models with our layers in them."""

from __future__ import annotations

import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from served_models import SIDE, graph_def, nodes

import keras_alexnet
from keras_alexnet.layers import (
    CrossConnection,
    GroupedConv2D,
    LocalResponseNormalization,
)
from keras_alexnet.weights.runs import class_names


@pytest.mark.compat
def test_exports_hold_stock_ops_that_run_anywhere(
    export: Path, network: keras.Model, tmp_path: Path
) -> None:
    network(np.zeros((1, SIDE, SIDE, 3), "float32"))  # used before it is exported
    tf.saved_model.save(network, str(tmp_path / "saved"))
    network.export(str(tmp_path / "exported"))
    for path in (export, *tmp_path.iterdir()):
        for node in nodes(path):
            assert ">" not in node.op, node.op
            assert node.op in tf.raw_ops.__dict__, node.op
            assert not node.attr["_XlaMustCompile"].b, node.name
        functions = graph_def(path).library.function
        assert not [f for f in functions if f.attr["_XlaMustCompile"].b]
        # conv1 and conv3, and twice conv2, conv4 and conv5.
        counts = [sum(n.op == "Conv2D" for n in f.node_def) for f in functions]
        assert max(counts) == 8
        assert 5 not in counts


def test_a_run_is_exported_with_its_own_classes_and_mean(run: Path) -> None:
    path, known = run / "servable" / "1", class_names(run)
    signatures = tf.saved_model.load(str(path)).signatures
    image = tf.io.read_file(str(run / "example.jpg"))
    answer = signatures["serving_default"](image_bytes=image[None])
    model = keras_alexnet.AlexNet(weights=run, input_shape=(64, 64, 3), classes=3)
    view = keras_alexnet.data.views.Views(64).centre(image)
    expected = model(keras_alexnet.preprocess_input(view[None])).numpy()[0]
    order = np.argsort(-expected)
    names = [name.decode() for name in answer["classes"].numpy()[0]]
    assert names == [known[i] for i in order]
    np.testing.assert_allclose(answer["scores"][0], expected[order], atol=1e-6)


def person_model(layer: keras.layers.Layer) -> keras.Model:
    """A model of somebody else with one of our layers in it, compiled and fitted."""
    inputs = keras.Input((8, 8, 4))
    x = keras.layers.Conv2D(4, 3, padding="same")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(layer(x))
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    model.compile("sgd", loss="mse")
    model.fit(np.ones((4, 8, 8, 4)), np.ones((4, 2)), verbose=0)
    return model


LAYERS = {
    "seam": lambda: CrossConnection(2, pool_size=3),
    "lrn": lambda: LocalResponseNormalization(towers=2),
    "grouped": lambda: GroupedConv2D(4, 3, groups=2),
}


@pytest.fixture(scope="module")
def models() -> dict[str, keras.Model]:
    return {name: person_model(layer()) for name, layer in LAYERS.items()}


# In a process without the package and without oneDNN, which refuses what neither a
# stock server nor a plain build of TensorFlow can run.
RUN = """
import sys
import numpy as np, tensorflow as tf
x = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")
for path in sys.argv[1:]:
    serve = tf.saved_model.load(path).signatures["serving_default"]
    (name,) = serve.structured_input_signature[1]
    (y,) = serve(**{name: x}).values()
    print(*y.numpy().ravel())
"""


@pytest.mark.compat
def test_an_export_of_a_users_own_model_runs_anywhere(
    models: dict[str, keras.Model], tmp_path: Path, python
) -> None:
    paths, exact = [], []
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")
    for name, model in models.items():
        root = tmp_path / name
        tf.saved_model.save(model, str(root / "saved"))
        function = tf.function(model, input_signature=[tf.TensorSpec([None, 8, 8, 4])])
        function(np.ones((1, 8, 8, 4), "float32"))  # traced, natively, before it is
        tf.saved_model.save(model, str(root / "function"), signatures=function)
        model.export(str(root / "exported"))
        paths += root.iterdir()
        exact += 3 * [np.ravel(model(x))]
    lines = python(RUN, *map(str, paths), TF_ENABLE_ONEDNN_OPTS="0").splitlines()
    for path, line, values in zip(paths, lines, exact, strict=True):
        assert not [node for node in nodes(path) if "KerasAlexnet" in node.op]
        np.testing.assert_allclose(np.array(line.split(), float), values, atol=1e-5)


@pytest.mark.compat
@pytest.mark.parametrize("name", LAYERS)
def test_a_tflite_file_has_stock_ops(models: dict[str, keras.Model], name: str) -> None:
    model = models[name]
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TensorFlow's own deprecations
        flat = converter.convert()  # refuses custom ops unless they are allowed
        interpreter = tf.lite.Interpreter(model_content=flat)
    (wanted,) = interpreter.get_input_details()
    interpreter.allocate_tensors()
    x = np.random.default_rng(0).normal(size=(1, 8, 8, 4)).astype("float32")
    interpreter.set_tensor(wanted["index"], x)
    interpreter.invoke()
    (given,) = interpreter.get_output_details()
    np.testing.assert_allclose(
        interpreter.get_tensor(given["index"]), model(x), atol=1e-5
    )
