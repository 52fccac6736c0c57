"""Every form in which a graph leaves the process runs where the package is missing.

`BUILD.md` lists the same forms, and those that were tried by hand.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
import tf2onnx
from served_models import graph_def
from tensorflow.python.framework import convert_to_constants

from keras_alexnet.layers import (
    CrossConnection,
    GroupedConv2D,
    LocalResponseNormalization,
)
from keras_alexnet.ops import cross_connect, grouped_conv2d
from keras_alexnet.weights.names import tensorflow_variable

SPEC = tf.TensorSpec([2, 8, 8, 4], tf.float32, "x")
X = np.random.default_rng(0).normal(0, 2, (2, 8, 8, 4)).astype("float32")


def person_model(kernels: str = "auto") -> keras.Model:
    """A user's model with all the ops that run faster here than elsewhere."""
    inputs = keras.Input((8, 8, 4))
    x = GroupedConv2D(12, 3, groups=2, padding="same")(inputs)
    x = LocalResponseNormalization(3, 1.0, 0.1, towers=2, kernels=kernels)(x)
    x = GroupedConv2D(8, 3, groups=4, use_bias=False)(x)
    x = CrossConnection(2, pool_size=3, pool_strides=2, kernels=kernels)(x)
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(x)))
    model.compile("sgd", loss="mse")
    model.fit(X, np.ones((2, 3)), verbose=0)  # it was used before anybody exports it
    model.predict(X, verbose=0)
    return model


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return person_model()


def traced(model: keras.Model) -> Any:
    """A function that was traced, and has run, before anybody thought of exports."""
    function = tf.function(lambda x: model(x, training=False), input_signature=[SPEC])
    function(X)
    return function.get_concrete_function()


def frozen(model: keras.Model, **options: bool) -> Any:
    freeze = convert_to_constants.convert_variables_to_constants_v2
    return freeze(traced(model), **options).graph.as_graph_def()


def ops_in(graph: Any) -> set[str]:
    """The ops of a GraphDef, those of its functions too."""
    inner = (node.op for each in graph.library.function for node in each.node_def)
    return {*(node.op for node in graph.node), *inner}


def check_stock(graph: Any) -> None:
    assert not [op for op in ops_in(graph) if not hasattr(tf.raw_ops, op)]


# A process without the package and without oneDNN, which refuses what neither a stock
# server nor a plain build of TensorFlow can run.
STOCK = """
import sys
import numpy as np, tensorflow as tf
x = np.random.default_rng(0).normal(0, 2, (2, 8, 8, 4)).astype("float32")
for path in sys.argv[1:]:
    if path.endswith(".pb"):
        graph = tf.compat.v1.GraphDef.FromString(open(path, "rb").read())
        with tf.Graph().as_default(), tf.compat.v1.Session() as session:
            last = f"{graph.node[-1].name}:0"
            (y,) = tf.import_graph_def(graph, {"x": x}, [last])
            values = session.run(y)
    else:
        serve = tf.saved_model.load(path).signatures["serving_default"]
        (name,) = serve.structured_input_signature[1]
        (y,) = serve(**{name: tf.constant(x)}).values()
        values = y.numpy()
    print(*values.ravel())
"""


def save(model: keras.Model, path: Path) -> None:
    tf.saved_model.save(model, str(path))


def save_function(model: keras.Model, path: Path) -> None:
    function = tf.function(model, input_signature=[SPEC])
    function(X)
    tf.saved_model.save(model, str(path), signatures=function)


def save_concrete_function(model: keras.Model, path: Path) -> None:
    tf.saved_model.save(model, str(path), signatures=traced(model))


def save_without_gradients(model: keras.Model, path: Path) -> None:
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(model, str(path), traced(model), options)


def save_module(model: keras.Model, path: Path) -> None:
    module = tf.Module()
    module.model = model
    module.serve = tf.function(model.call, input_signature=[SPEC])
    module.serve(X)
    tf.saved_model.save(module, str(path))


def keras_export(model: keras.Model, path: Path) -> None:
    with redirect_stdout(io.StringIO()):
        model.export(str(path))


def frozen_graph(model: keras.Model, path: Path) -> None:
    path.write_bytes(frozen(model).SerializeToString())


def frozen_as_converters_do(model: keras.Model, path: Path) -> None:
    graph = frozen(model, lower_control_flow=False, aggressive_inlining=True)
    path.write_bytes(graph.SerializeToString())


SAVED: dict[str, Callable[[keras.Model, Path], None]] = {
    "saved": save,
    "function": save_function,
    "concrete": save_concrete_function,
    "no_gradients": save_without_gradients,
    "module": save_module,
    "exported": keras_export,
    "frozen.pb": frozen_graph,
    "inlined.pb": frozen_as_converters_do,
}


@pytest.mark.compat
def test_tensorflow_alone_runs_what_tensorflow_wrote(
    model: keras.Model, tmp_path: Path, python
) -> None:
    paths = [tmp_path / name for name in SAVED]
    for path in paths:
        SAVED[path.name](model, path)
        if path.is_dir():
            check_stock(graph_def(path))
        else:
            check_stock(tf.compat.v1.GraphDef.FromString(path.read_bytes()))
    lines = python(STOCK, *map(str, paths), TF_ENABLE_ONEDNN_OPTS="0").splitlines()
    for path, line in zip(paths, lines, strict=True):
        values = np.array(line.split(), float)
        np.testing.assert_allclose(
            values, np.ravel(model(X)), atol=1e-5, err_msg=path.name
        )


def onnx_by_keras(model: keras.Model, path: Path) -> None:
    if hasattr(keras, "version"):  # Keras 2 has no such export
        with redirect_stdout(io.StringIO()):
            model.export(str(path), format="onnx")
    else:
        onnx_from_keras(model, path)


def onnx_from_keras(model: keras.Model, path: Path) -> None:
    tf2onnx.convert.from_keras(model, [SPEC], output_path=str(path))


def onnx_from_function(model: keras.Model, path: Path) -> None:
    function = tf.function(lambda x: model(x, training=False), input_signature=[SPEC])
    function(X)
    tf2onnx.convert.from_function(function, [SPEC], output_path=str(path))


def onnx_from_graph_def(model: keras.Model, path: Path) -> None:
    tf2onnx.convert.from_graph_def(
        frozen(model),
        input_names=["x:0"],
        output_names=["Identity:0"],
        output_path=str(path),
    )


@pytest.mark.compat
@pytest.mark.parametrize(
    "write",
    [onnx_by_keras, onnx_from_keras, onnx_from_function, onnx_from_graph_def],
)
def test_onnx_runtime_runs_what_converters_make(
    model: keras.Model, write: Callable, tmp_path: Path
) -> None:
    path = tmp_path / "model.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the converter's own
        write(model, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (wanted,) = session.get_inputs()
    (y,) = session.run(None, {wanted.name: X})
    np.testing.assert_allclose(y, model(X), atol=1e-5)


def lite_from_keras_model(model: keras.Model, path: Path) -> Any:
    return tf.lite.TFLiteConverter.from_keras_model(model)


def variables_of(model: keras.Model) -> tf.Module:
    # The converter leaves Keras 3's own variables in its file, without their values.
    module = tf.Module()
    module.held = [tensorflow_variable(weight) for weight in model.weights]
    return module


def lite_from_concrete_functions(model: keras.Model, path: Path) -> Any:
    held = variables_of(model)
    return tf.lite.TFLiteConverter.from_concrete_functions([traced(model)], held)


def lite_from_saved_model(model: keras.Model, path: Path) -> Any:
    tf.saved_model.save(variables_of(model), str(path), traced(model))
    return tf.lite.TFLiteConverter.from_saved_model(str(path))


@pytest.mark.compat
@pytest.mark.parametrize(
    "converter_of",
    [lite_from_keras_model, lite_from_concrete_functions, lite_from_saved_model],
)
def test_tflite_runs_what_converters_make(
    model: keras.Model, converter_of: Callable, tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TensorFlow's own deprecations
        flat = converter_of(model, tmp_path).convert()
        interpreter = tf.lite.Interpreter(model_content=flat)
    (wanted,) = interpreter.get_input_details()
    (given,) = interpreter.get_output_details()
    interpreter.resize_tensor_input(wanted["index"], X.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(wanted["index"], X)
    interpreter.invoke()
    y = interpreter.get_tensor(given["index"])
    np.testing.assert_allclose(y, model(X), atol=1e-5)


KERNEL = np.random.default_rng(1).normal(size=(3, 3, 2, 12)).astype("float32")
BIAS = np.random.default_rng(2).normal(size=12).astype("float32")


def seam_and_groups(x: tf.Tensor) -> tf.Tensor:
    y = grouped_conv2d(x, KERNEL, 2, bias=BIAS)
    return cross_connect(y, towers=2, pool_size=2)


def slope(x: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = seam_and_groups(x)
    return tape.gradient(y, x)


@pytest.mark.compat
def test_graphs_with_their_functions_run_anywhere(tmp_path: Path, python) -> None:
    functions = {"forward": seam_and_groups, "backward": slope}
    paths = [tmp_path / f"{name}.pb" for name in functions]
    for path, function in zip(paths, functions.values(), strict=True):
        graph = tf.function(function).get_concrete_function(SPEC).graph
        tf.io.write_graph(graph, str(tmp_path), path.name, as_text=False)
        check_stock(tf.compat.v1.GraphDef.FromString(path.read_bytes()))
    lines = python(STOCK, *map(str, paths), TF_ENABLE_ONEDNN_OPTS="0").splitlines()
    for line, function in zip(lines, functions.values(), strict=True):
        values = np.array(line.split(), float)
        np.testing.assert_allclose(
            values, np.ravel(function(tf.constant(X))), rtol=1e-4, atol=1e-4
        )


@pytest.mark.compat
def test_the_graph_of_a_training_step_is_of_stock_ops(model: keras.Model) -> None:
    @tf.function(input_signature=[SPEC])
    def step(x: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(x, training=True) ** 2)
        return tape.gradient(loss, model.trainable_variables)

    step(X)
    graph = step.get_concrete_function().graph
    with graph.as_default():
        check_stock(tf.compat.v1.train.export_meta_graph().graph_def)


@pytest.mark.compat
def test_xla_compiles_what_was_traced_before_and_its_hlo_is_plain(
    model: keras.Model,
) -> None:
    before = tf.function(lambda x: model(x, training=False), input_signature=[SPEC])
    before(X)
    compiled = tf.function(lambda x: before(x), jit_compile=True)
    np.testing.assert_allclose(compiled(tf.constant(X)), model(X), atol=1e-5)
    hlo = compiled.experimental_get_compiler_ir(tf.constant(X))(stage="hlo")
    assert "custom-call" not in hlo
    assert "convolution" in hlo


@pytest.mark.compat
def test_kernels_native_puts_the_native_op_into_every_form(tmp_path: Path) -> None:
    model = person_model("native")
    save(model, tmp_path / "saved")
    for graph in (graph_def(tmp_path / "saved"), frozen(model)):
        assert "KerasAlexnet>CrossConnect" in ops_in(graph)
