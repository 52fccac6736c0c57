"""The network of `benchmarks/serving.py` as an ONNX graph, from the same weights.

Written with `onnx.helper` in standard operators (Conv with groups, LRN), so that no
converter affects the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

# LRN has its present form since operator set 13; ONNX 1.15 has set 17 too.
OPSET = onnx.helper.make_opsetid("", 17)
IR_VERSION = 8  # onnxruntime 1.16 reads it


class Graph:
    """Nodes with their weights in a chain: each reads the output of the last one."""

    def __init__(self, model: keras.Model) -> None:
        self._weights = {layer.name: layer.get_weights() for layer in model.layers}
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self.last = "images"

    def add(
        self, kind: str, *constants: np.ndarray, outputs: int = 1, **attributes: Any
    ) -> list[str]:
        """Adds a node that reads the last output and these arrays."""
        stem = f"{kind}{len(self._nodes)}"
        names = [f"{stem}_constant{index}" for index in range(len(constants))]
        for name, value in zip(names, constants, strict=True):
            self._constants.append(numpy_helper.from_array(value, name))
        results = [f"{stem}_{index}" for index in range(outputs)]
        self._nodes.append(
            helper.make_node(kind, [self.last, *names], results, **attributes)
        )
        self.last = results[0]
        return results

    def convolution(self, name: str, groups: int, stride: int, pad: int) -> None:
        kernel, bias = self._weights[name]
        self.add(
            "Conv",
            np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)),
            bias,
            group=groups,
            strides=[stride, stride],
            pads=[pad] * 4,
        )
        self.add("Relu")

    def normalization(self) -> None:
        """LRN within each tower; ONNX divides alpha by the size, as Caffe does."""
        joined = []
        for half in self.add("Split", outputs=2, axis=1):
            self.last = half
            joined += self.add("LRN", size=5, alpha=5e-4, beta=0.75, bias=2.0)
        self.last = f"Concat{len(self._nodes)}"
        self._nodes.append(helper.make_node("Concat", joined, [self.last], axis=1))

    def pool(self) -> None:
        self.add("MaxPool", kernel_shape=[3, 3], strides=[2, 2])

    def dense(self, name: str, maps: tuple[int, int, int] | None = None) -> None:
        """A dense layer; after `maps` [H, W, C] its weights are put in ONNX's order."""
        kernel, bias = self._weights[name]
        if maps is not None:
            kernel = kernel.reshape(*maps, -1).transpose(2, 0, 1, 3)
            kernel = kernel.reshape(-1, kernel.shape[-1])
        self.add("Gemm", np.ascontiguousarray(kernel), bias)

    def proto(self, side: int, classes: int) -> onnx.ModelProto:
        floats = TensorProto.FLOAT
        graph = helper.make_graph(
            self._nodes,
            "alexnet",
            [helper.make_tensor_value_info("images", floats, ["n", 3, side, side])],
            [helper.make_tensor_value_info(self.last, floats, ["n", classes])],
            self._constants,
        )
        model = helper.make_model(graph, opset_imports=[OPSET], ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model


def onnx_network(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """The network in ONNX Runtime, as a function of pictures `[batch, 3, side, side]`.

    Args:
        model: `AlexNet` of the variant `"paper"` at 227×227, without padding in conv1.
    """
    graph = Graph(model)
    for index, (groups, stride, pad, norm, pool) in enumerate(
        (
            (1, 4, 0, True, True),
            (2, 1, 2, True, True),
            (1, 1, 1, False, False),
            (2, 1, 1, False, False),
            (2, 1, 1, False, True),
        ),
        start=1,
    ):
        graph.convolution(f"conv{index}", groups, stride, pad)
        if norm:
            graph.normalization()
        if pool:
            graph.pool()
    graph.add("Flatten")
    graph.dense("fc6", maps=tuple(model.get_layer("flatten").input.shape[1:]))
    graph.add("Relu")
    graph.dense("fc7")
    graph.add("Relu")
    graph.dense("fc8")
    graph.add("Softmax", axis=1)
    proto = graph.proto(model.input_shape[1], model.output_shape[1])
    options = onnxruntime.SessionOptions()
    # Threads that spin while they wait would slow down the case that runs next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda images: session.run(None, {"images": images})[0]
