"""BVLC's networks as ONNX graphs, as ONNX's model zoo has them; made by `onnx`.

The zoo's files come from Caffe2 and bear its names: `conv1_w_0`, `conv1_b_0`, the maps
`conv1_1`, and `OC2_DUMMY_1` for the shape of the flattened maps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from caffe_nets import Blobs
from onnx import TensorProto, helper, numpy_helper

# Strides, pads and groups of BVLC's deploy.prototxt.
CONVOLUTIONS = {
    "conv1": (4, 0, 1),
    "conv2": (1, 2, 2),
    "conv3": (1, 1, 1),
    "conv4": (1, 1, 2),
    "conv5": (1, 1, 2),
}


def model(
    blobs: Blobs, pool_first: bool = False, opset: int = 9, softmax: bool = True
) -> Any:
    """The graph with these values.

    Args:
        blobs: As `caffe_nets.random_blobs` makes them.
        pool_first: Whether it pools before it normalises, as CaffeNet does.
        opset: Version of the operators; before 5 the shape is an attribute.
        softmax: Whether it ends with probabilities.
    """
    nodes: list[Any] = []
    tensors = []
    current = "data_0"

    def add(op: str, name: str, *others: str, **attributes: Any) -> None:
        nonlocal current
        nodes.append(helper.make_node(op, [current, *others], [name], **attributes))
        current = name

    def values(layer: str) -> tuple[str, str]:
        names = (f"{layer}_w_0", f"{layer}_b_0")
        for name, array in zip(names, blobs[layer], strict=True):
            tensors.append(numpy_helper.from_array(array, name))
        return names

    def norm(index: int) -> None:
        add("LRN", f"norm{index}_1", alpha=1e-4, beta=0.75, bias=1.0, size=5)

    def pool(index: int) -> None:
        sizes = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 0, 0]}
        add("MaxPool", f"pool{index}_1", **sizes)

    for index, (layer, (stride, pad, groups)) in enumerate(CONVOLUTIONS.items(), 1):
        side = blobs[layer][0].shape[-1]
        add(
            "Conv",
            f"{layer}_1",
            *values(layer),
            group=groups,
            kernel_shape=[side, side],
            pads=[pad] * 4,
            strides=[stride] * 2,
        )
        add("Relu", f"{layer}_2")
        if index <= 2:
            for stage in (pool, norm) if pool_first else (norm, pool):
                stage(index)
    pool(5)
    flat = [-1, blobs["fc6"][0].shape[1]]
    if opset < 5:
        add("Reshape", "OC2_DUMMY_0", shape=flat)
    else:
        shape = numpy_helper.from_array(np.array(flat, np.int64), "OC2_DUMMY_1")
        tensors.append(shape)
        add("Reshape", "OC2_DUMMY_0", "OC2_DUMMY_1")
    broadcast = {"broadcast": 1} if opset < 7 else {}
    dropout = {"ratio": 0.5} if opset < 12 else {}
    dropout |= {"is_test": 1} if opset < 7 else {}
    for layer in ("fc6", "fc7", "fc8"):
        add("Gemm", f"{layer}_1", *values(layer), transB=1, **broadcast)
        if layer != "fc8":
            add("Relu", f"{layer}_2")
            add("Dropout", f"{layer}_3", **dropout)
    if softmax:
        add("Softmax", "prob_1")
    return _model(nodes, tensors, current, len(blobs["fc8"][1]), opset)


def _model(nodes: list, tensors: list, last: str, classes: int, opset: int) -> Any:
    inputs = [
        helper.make_tensor_value_info("data_0", TensorProto.FLOAT, ["n", 3, 227, 227])
    ]
    # Up to version 3 of the format all values are inputs, too.
    inputs += [
        helper.make_tensor_value_info(each.name, each.data_type, list(each.dims))
        for each in tensors
    ]
    outputs = [helper.make_tensor_value_info(last, TensorProto.FLOAT, ["n", classes])]
    graph = helper.make_graph(nodes, "AlexNet", inputs, outputs, tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = 3
    onnx.checker.check_model(made)
    return made
