"""BVLC's networks from ONNX, against onnxruntime; other graphs are one line."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import caffe_nets
import numpy as np
import onnx
import onnx_nets
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from keras_alexnet import AlexNet, architectures
from keras_alexnet.weights import open_weights

pytestmark = [
    pytest.mark.compat,
    pytest.mark.filterwarnings("ignore:.*look untrained:UserWarning"),
]


@pytest.fixture(scope="module")
def blobs() -> caffe_nets.Blobs:
    return caffe_nets.random_blobs()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path)  # a quarter of a gigabyte each


@pytest.mark.parametrize("variant", ["caffe", "caffenet"])
def test_the_network_computes_what_onnxruntime_does(
    variant: str, blobs: caffe_nets.Blobs, folder: Path
) -> None:
    path = folder / "alexnet.onnx"
    pool_first = variant == "caffenet"
    onnx.save(onnx_nets.model(blobs, pool_first, softmax=False), str(path))
    model = AlexNet(weights=path, classifier_activation=None)
    x = np.random.default_rng(1).uniform(-128, 128, (2, 227, 227, 3)).astype("float32")
    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    expected = session.run(None, {"data_0": x.transpose(0, 3, 1, 2)})[0]
    found = model.predict(x, verbose=0)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()
    assert open_weights(path).variants == (variant,)


# The network, narrow: its constants are BVLC's.
SHAPES = {
    "conv1": (4, 3, 11, 11),
    "conv2": (4, 2, 5, 5),
    "conv3": (6, 4, 3, 3),
    "conv4": (6, 3, 3, 3),
    "conv5": (4, 3, 3, 3),
    "fc6": (5, 144),
    "fc7": (7, 5),
    "fc8": (3, 7),
}


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> caffe_nets.Blobs:
    """Values of a narrow network, which is one of the variants for a while."""
    for name in ("caffe", "caffenet"):
        record = architectures.get(name)
        convolutions = tuple(
            dataclasses.replace(each, filters=SHAPES[f"conv{index}"][0])
            for index, each in enumerate(record.convolutions, start=1)
        )
        record = dataclasses.replace(record, convolutions=convolutions, dense=(5, 7))
        monkeypatch.setitem(architectures._ARCHITECTURES, name, record)
    return caffe_nets.random_blobs(SHAPES)


@pytest.mark.parametrize("opset", [3, 6, 7, 8, 9, 12])
def test_every_version_of_the_zoo_is_read(
    narrow: caffe_nets.Blobs, opset: int, tmp_path: Path
) -> None:
    path = tmp_path / "x.onnx"
    onnx.save(onnx_nets.model(narrow, opset=opset), str(path))
    found = open_weights(path)
    assert (found.variants, found.classes) == (("caffe",), 3)
    named = found.read(architectures.get("caffe"))
    for layer, (kernel, bias) in narrow.items():
        np.testing.assert_array_equal(named[layer]["bias"], bias)
        if layer.startswith("conv"):
            kernel = kernel.transpose(2, 3, 1, 0)
        elif layer == "fc6":  # its maps are 6×6 of 4 channels, the channels first
            kernel = kernel.reshape(5, 4, 6, 6).transpose(2, 3, 1, 0).reshape(144, 5)
        else:
            kernel = kernel.T
        np.testing.assert_array_equal(named[layer]["kernel"], kernel, err_msg=layer)


def node(model: Any, op: str, index: int = 0) -> Any:
    return [each for each in model.graph.node if each.op_type == op][index]


def change(op: str, index: int = 0, **attributes: Any) -> Callable[[Any], None]:
    """Gives other values to attributes of a node."""

    def made(model: Any) -> None:
        found = node(model, op, index)
        kept = [each for each in found.attribute if each.name not in attributes]
        del found.attribute[:]
        found.attribute.extend(kept)
        found.attribute.extend(
            helper.make_attribute(name, value) for name, value in attributes.items()
        )

    return made


def retype(op: str, other: str, index: int = 0) -> Callable[[Any], None]:
    return lambda model: setattr(node(model, op, index), "op_type", other)


def tensor(model: Any, name: str) -> Any:
    return next(each for each in model.graph.initializer if each.name == name)


def replace(name: str, array: np.ndarray) -> Callable[[Any], None]:
    return lambda model: tensor(model, name).CopyFrom(
        numpy_helper.from_array(array, name)
    )


def reshaped(name: str, dims: list[int]) -> Callable[[Any], None]:
    def made(model: Any) -> None:
        found = tensor(model, name)
        del found.dims[:]
        found.dims.extend(dims)

    return made


def outside(model: Any) -> None:
    """Values in a file that is not the model's."""
    found = tensor(model, "conv1_w_0")
    found.ClearField("raw_data")
    found.data_location = TensorProto.EXTERNAL
    found.external_data.add(key="location", value="../../../../etc/passwd")


def branch(model: Any) -> None:
    model.graph.node[3].input[0] = "data_0"


def two_inputs(model: Any) -> None:
    extra = helper.make_tensor_value_info("more", TensorProto.FLOAT, [1])
    model.graph.input.append(extra)


def other_output(model: Any) -> None:
    model.graph.output[0].name = "fc8_1"


def own_domain(model: Any) -> None:
    model.graph.node[1].domain = "com.example"


def with_function(model: Any) -> None:
    opset = [helper.make_opsetid("", 9)]
    made = helper.make_node("Relu", ["x"], ["y"])
    model.functions.append(
        helper.make_function("own", "Twice", ["x"], ["y"], [made], opset)
    )


def cut(model: Any) -> None:
    del model.graph.node[10:]
    model.graph.output[0].name = model.graph.node[-1].output[0]


OTHERS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "values in another file": (outside, "'conv1_w_0' has its values in another file"),
    "a shape of 2**80 values": (reshaped("fc6_w_0", [2**40, 2**40]), r"x\.onnx"),
    "a shape of 2**50 values": (reshaped("fc6_w_0", [2**25, 2**25]), r"x\.onnx"),
    "a negative shape": (reshaped("fc6_w_0", [-1, 144]), r"has the shape \[-1, 144\]"),
    "a branch": (branch, "'MaxPool' branches off"),
    "two inputs": (two_inputs, "2 inputs, not one"),
    "another answer": (other_output, "other than its last node"),
    "ops of one's own": (own_domain, "'Relu' is of 'com.example'"),
    "functions": (with_function, "functions or sparse values"),
    "the beginning of it": (cut, "node 11 is .*, not Conv"),
    "a quantised network": (
        retype("Conv", "QLinearConv"),
        "of another network: node 1 is QLinearConv, not Conv",
    ),
    "tanh": (retype("Relu", "Tanh", 2), "node 10 is Tanh, not Relu"),
    "another stride": (change("Conv", strides=[2, 2]), r"conv1 has strides=\[2, 2\]"),
    "no padding": (change("Conv", 1, pads=[0, 0, 0, 0]), r"conv2 has pads=\[0, 0"),
    "automatic padding": (change("Conv", auto_pad="VALID"), "conv1 has auto_pad="),
    "dilated": (change("Conv", 2, dilations=[2, 2]), r"conv3 has dilations=\[2, 2\]"),
    "other normalisation": (change("LRN", alpha=2e-4), "LRN after conv1 has alpha=0"),
    "another k": (change("LRN", 1, bias=2.0), r"LRN after conv2 has bias=2\.0"),
    "plain pooling": (
        change("MaxPool", 1, kernel_shape=[2, 2]),
        r"MaxPool after conv2 has kernel_shape=\[2, 2\]",
    ),
    "padded pooling": (change("MaxPool", pads=[1, 1, 1, 1]), r"pads=\[1, 1, 1, 1\]"),
    "a transposed layer": (change("Gemm", transB=0), "fc6 has transB=0, not 1"),
    "a scaled layer": (change("Gemm", 1, alpha=0.5), "fc7 has alpha=0.5"),
    "one map a picture": (
        replace("OC2_DUMMY_1", np.array([-1, 4], np.int64)),
        r"Reshape after the maps makes \[-1, 4\]",
    ),
    "another width": (
        replace("conv3_w_0", np.ones((8, 4, 3, 3), "f4")),
        r"conv3 has arrays of \[\(8, 4, 3, 3\), \(6,\)\]",
    ),
    "other units": (
        replace("fc7_w_0", np.ones((9, 5), "f4")),
        r"fc7 has arrays of \[\(9, 5\), \(7,\)\]",
    ),
    "integers": (
        replace("conv1_w_0", np.ones((4, 3, 11, 11), "i1")),
        "conv1: values of type int8",
    ),
    "not finite": (
        replace("conv1_b_0", np.full(4, np.inf, "f4")),
        "conv1: values that are not finite",
    ),
}


@pytest.mark.parametrize("other", OTHERS)
def test_other_graphs_are_one_line(
    narrow: caffe_nets.Blobs, other: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.onnx"
    model = onnx_nets.model(narrow)
    make, message = OTHERS[other]
    make(model)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match=message) as caught:
        AlexNet(weights=path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["x.onnx"]


def test_values_that_onnx_wrote_beside_the_file_are_refused(
    narrow: caffe_nets.Blobs, tmp_path: Path
) -> None:
    path = tmp_path / "x.onnx"
    onnx.save_model(
        onnx_nets.model(narrow), str(path), save_as_external_data=True, size_threshold=0
    )
    with pytest.raises(ValueError, match=r"another file: .*onnx\.save\(onnx\.load"):
        open_weights(path)


@pytest.mark.parametrize("damage", ["empty", "half", "nearly all", "text", "zeros"])
def test_damaged_files_are_one_line(
    narrow: caffe_nets.Blobs, damage: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.onnx"
    whole = onnx_nets.model(narrow).SerializeToString()
    path.write_bytes(
        {
            "empty": b"",
            "half": whole[: len(whole) // 2],
            "nearly all": whole[:-1],
            "text": b"version https://git-lfs.github.com/spec/v1\n",
            "zeros": bytes(100),
        }[damage]
    )
    with pytest.raises(ValueError, match=r"a whole \.onnx file of BVLC's") as caught:
        open_weights(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_without_the_library_the_message_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ValueError, match=r"pip install 'keras-alexnet\[onnx\]'"):
        open_weights(path)
