"""Exports: stock ops, names out, whole or not at all."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

import keras_alexnet
from keras_alexnet.layers import (
    CrossConnection,
    GroupedConv2D,
    LocalResponseNormalization,
)
from keras_alexnet.training.run_directory import RunDirectory

# In a process that has no keras_alexnet and no Keras loaded.
SERVE = """
import json, sys
import tensorflow as tf
loaded = tf.saved_model.load(sys.argv[1])
pictures = tf.constant([open(path, "rb").read() for path in sys.argv[2:]])
answer = loaded.signatures["serving_default"](image_bytes=pictures)
assert not [name for name in sys.modules if name.startswith("keras_alexnet")]
names = [[name.decode() for name in row] for row in answer["classes"].numpy()]
print(json.dumps({"classes": names, "scores": answer["scores"].numpy().tolist()}))
"""


def nodes(path: Path) -> list:
    graph = saved_model_pb2.SavedModel()
    graph.ParseFromString((path / "saved_model.pb").read_bytes())
    (meta,) = graph.meta_graphs
    functions = meta.graph_def.library.function
    return [*meta.graph_def.node, *(node for f in functions for node in f.node_def)]


def functions(path: Path) -> list:
    graph = saved_model_pb2.SavedModel()
    graph.ParseFromString((path / "saved_model.pb").read_bytes())
    return list(graph.meta_graphs[0].graph_def.library.function)


@pytest.fixture(scope="module")
def exports(run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same trained network, exported each way that a person may take."""
    model = keras_alexnet.AlexNet(weights=run, input_shape=(64, 64, 3), classes=3)
    model(np.zeros((1, 64, 64, 3), "float32"))  # used before it is exported
    root = tmp_path_factory.mktemp("exports")
    tf.saved_model.save(model, str(root / "saved"))
    if hasattr(model, "export"):
        model.export(str(root / "exported"))
    return {"ours": run / "servable" / "1", **{p.name: p for p in root.iterdir()}}


@pytest.mark.compat
def test_exports_hold_stock_ops_that_run_anywhere(exports: dict[str, Path]) -> None:
    assert set(exports) == {"ours", "saved", "exported"}
    for path in exports.values():
        for node in nodes(path):
            assert ">" not in node.op, node.op
            assert node.op in tf.raw_ops.__dict__, node.op
            assert not node.attr["_XlaMustCompile"].b, node.name
        for function in functions(path):
            assert not function.attr["_XlaMustCompile"].b


def test_grouped_convolutions_are_split(exports: dict[str, Path]) -> None:
    # conv1 and conv3, and twice conv2, conv4 and conv5.
    for path in exports.values():
        counts = [
            sum(node.op == "Conv2D" for node in function.node_def)
            for function in functions(path)
        ]
        assert max(counts) == 8
        assert 5 not in counts


@pytest.mark.compat
def test_it_serves_where_the_package_is_not_loaded(run: Path, python) -> None:
    pictures = [str(run / "example.jpg")] * 2
    answer = json.loads(python(SERVE, str(run / "servable" / "1"), *pictures))
    directory = RunDirectory(str(run))
    model = keras_alexnet.AlexNet(weights=run, input_shape=(64, 64, 3), classes=3)
    view = keras_alexnet.data.views.centre_view(
        tf.io.read_file(str(run / "example.jpg")), 64
    )
    expected = model(keras_alexnet.preprocess_input(view[None])).numpy()[0]
    order = np.argsort(-expected)
    for names, scores in zip(answer["classes"], answer["scores"], strict=True):
        assert names == [directory.class_names()[i] for i in order]
        np.testing.assert_allclose(scores, expected[order], atol=1e-6)


def test_without_onednn_it_gives_the_same(run: Path, python) -> None:
    arguments = (SERVE, str(run / "servable" / "1"), str(run / "example.jpg"))
    on, off = (
        json.loads(python(*arguments, TF_ENABLE_ONEDNN_OPTS=value)) for value in "10"
    )
    assert on["classes"] == off["classes"]
    np.testing.assert_allclose(on["scores"], off["scores"], atol=1e-5)


def test_decoded_pictures_give_the_same_as_bytes(run: Path) -> None:
    loaded = tf.saved_model.load(str(run / "servable" / "1"))
    image = tf.io.encode_png(
        np.random.default_rng(0).integers(0, 256, (90, 120, 3), "uint8")
    )
    pixels = tf.io.decode_png(image)[None]
    named = loaded.signatures["classify_bytes"](image_bytes=image[None])
    plain = loaded.signatures["predict_images"](images=pixels)["probabilities"]
    np.testing.assert_allclose(named["scores"][0], np.sort(plain[0])[::-1], atol=1e-6)


def person_model(layer: keras.layers.Layer) -> keras.Model:
    """A model of somebody else with one of our layers in it, compiled and fitted."""
    inputs = keras.Input((8, 8, 4))
    x = keras.layers.Conv2D(4, 3, padding="same")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(layer(x))
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    model.compile("sgd", loss="mse")
    model.fit(np.ones((4, 8, 8, 4)), np.ones((4, 2)), verbose=0)
    return model


@pytest.fixture(params=["seam", "lrn", "grouped"])
def model(request: pytest.FixtureRequest) -> keras.Model:
    layers = {
        "seam": lambda: CrossConnection(2, pool_size=3),
        "lrn": lambda: LocalResponseNormalization(towers=2),
        "grouped": lambda: GroupedConv2D(4, 3, groups=2),
    }
    return person_model(layers[request.param]())


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
def test_a_persons_own_export_runs_anywhere(
    model: keras.Model, tmp_path: Path, python
) -> None:
    tf.saved_model.save(model, str(tmp_path / "saved"))
    function = tf.function(model, input_signature=[tf.TensorSpec([None, 8, 8, 4])])
    function(np.ones((1, 8, 8, 4), "float32"))  # traced, natively, before it is saved
    tf.saved_model.save(model, str(tmp_path / "function"), signatures=function)
    model.export(str(tmp_path / "exported"))
    paths = [str(path) for path in tmp_path.iterdir()]
    out = python(RUN, *paths, TF_ENABLE_ONEDNN_OPTS="0").splitlines()
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")
    for line, path in zip(out, paths, strict=True):
        assert not [node for node in nodes(Path(path)) if "KerasAlexnet" in node.op]
        exact = np.ravel(model(x))
        np.testing.assert_allclose(np.array(line.split(), float), exact, atol=1e-5)


@pytest.mark.compat
def test_a_tflite_file_is_of_stock_ops(model: keras.Model) -> None:
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


@pytest.mark.compat
@pytest.mark.parametrize("name", ["seam", "grouped"])
def test_a_function_that_was_traced_before_is_refused(
    name: str, tmp_path: Path
) -> None:
    layer = CrossConnection(2) if name == "seam" else GroupedConv2D(4, 3, groups=2)
    model = person_model(layer)
    traced = tf.function(model).get_concrete_function(tf.TensorSpec([None, 8, 8, 4]))
    with pytest.raises(ValueError, match="tracing gradients") as caught:
        tf.saved_model.save(model, str(tmp_path), signatures=traced)
    assert "a ConcreteFunction that was traced before" in str(caught.value.__cause__)


def test_who_asks_for_the_native_op_gets_it(tmp_path: Path) -> None:
    model = person_model(CrossConnection(2, kernels="native"))
    tf.saved_model.save(model, str(tmp_path / "saved"))
    found = {node.op for node in nodes(tmp_path / "saved")}
    assert "KerasAlexnet>CrossConnect" in found


def small() -> keras.Model:
    return keras_alexnet.AlexNet(input_shape=(64, 64, 3), classes=2)


def test_versions_count_up_and_are_not_written_over(tmp_path: Path) -> None:
    model, names = small(), ("cat", "dog")
    export = keras_alexnet.export_saved_model
    assert export(model, tmp_path / "pets", class_names=names).name == "1"
    assert export(model, tmp_path / "pets", class_names=names, version=7).name == "7"
    assert export(model, tmp_path / "pets", class_names=names).name == "8"
    with pytest.raises(ValueError, match="Received: version=7"):
        export(model, tmp_path / "pets", class_names=names, version=7)


def test_nothing_is_left_of_an_export_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(OSError, match="no space"):
        keras_alexnet.export_saved_model(
            small(), tmp_path / "new" / "deep", class_names=("a", "b")
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"class_names": ["one"]}, "Received: 1 names"),
        ({"class_names": ["a", "b"], "top_k": 0}, "Received: top_k=0"),
        ({"class_names": ["a", "b"], "preprocessing": "vgg"}, "variant='vgg'"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        keras_alexnet.export_saved_model(small(), tmp_path, **arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"include_top": False}, r"Received: a model from .* to \(None, 1, 1, 256\)"),
        ({"input_shape": (64, 96, 3)}, "square pictures"),
        ({"classifier_activation": None}, "classifier_activation='softmax'"),
    ],
)
def test_a_model_that_is_no_classifier_is_refused(
    arguments: dict, message: str, tmp_path: Path
) -> None:
    model = keras_alexnet.AlexNet(
        **{"input_shape": (64, 64, 3), "classes": 2, **arguments}
    )
    with pytest.raises(ValueError, match=message):
        keras_alexnet.export_saved_model(
            model, tmp_path / "new" / "deep", class_names=["a", "b"]
        )
    assert list(tmp_path.iterdir()) == []
