"""A graph in ONNX's own operators, and the nodes that prepare pictures in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_alexnet.optional_packages import needed
from keras_alexnet.preprocessing import Preprocessing

OPSET = 17  # of December 2021; the operators here have kept their form since
IR_VERSION = 8
_MOST_BYTES = 2**31  # of a message of protobuf


class Graph:
    """Nodes in a row, each of which reads the output of the one before.

    Args:
        taken: Name of the graph's input.
        given: Name of its output.

    Attributes:
        last: Name of the last node's output.
        zeros: Padding that is still to be added: above, left, below, right.
    """

    def __init__(self, taken: str, given: str) -> None:
        self._onnx = needed("onnx", "onnx", "an ONNX file")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._names = {taken, given}
        self._ends = taken, given
        self.last = taken
        self.zeros = [0, 0, 0, 0]

    def add(
        self, kind: str, name: str, *others: np.ndarray | str, **attributes: Any
    ) -> str:
        """Adds a node that reads the last output and `others`; gives its output.

        Args:
            kind: The operator.
            name: Of the node and of its output, for people who look at the graph.
            others: Its other inputs: arrays, or outputs of earlier nodes.
            **attributes: The operator's.
        """
        name = self._new(name)
        read = [self.last, *(self._named(name, i, x) for i, x in enumerate(others))]
        helper = self._onnx.helper
        self.nodes.append(helper.make_node(kind, read, [name], name, **attributes))
        self.last = name
        return name

    def taken_zeros(self) -> list[int]:
        """The padding that is still to be added, which the caller adds."""
        zeros, self.zeros = self.zeros, [0, 0, 0, 0]
        return zeros

    def constant(self, name: str, values: np.ndarray) -> str:
        """Adds an array under its own name."""
        name = self._new(name)
        held = np.ascontiguousarray(values)
        self.constants.append(self._onnx.numpy_helper.from_array(held, name))
        return name

    def _named(self, name: str, index: int, value: np.ndarray | str) -> str:
        if isinstance(value, str):
            return value
        return self.constant(f"{name}/constant{index or ''}", value)

    def _new(self, name: str) -> str:
        """The name, or one like it if a layer of another model within has it."""
        found, count = name, 1
        while found in self._names:
            count += 1
            found = f"{name}_{count}"
        self._names.add(found)
        return found

    def model(
        self, kind: str, shape: tuple[int, ...], classes: int, **about: str
    ) -> bytes:
        """The file of the graph.

        Args:
            kind: Type of the input.
            shape: Its shape, without the batch.
            classes: Number of classes.
            **about: What the file says of itself, by name.

        Raises:
            ValueError: If it is larger than a file of ONNX can be.
        """
        size = sum(len(each.raw_data) for each in self.constants)
        if size >= _MOST_BYTES:
            raise ValueError(
                "a network in one ONNX file must have less than 2 GiB of weights. "
                f"Received: {size:,} bytes"
            )
        helper, types = self._onnx.helper, self._onnx.TensorProto
        taken, given = self._ends
        self.nodes[-1].output[0] = given
        kind_of_input, whole = getattr(types, kind), ["batch", *shape]
        inputs = [helper.make_tensor_value_info(taken, kind_of_input, whole)]
        outputs = [
            helper.make_tensor_value_info(given, types.FLOAT, ["batch", classes])
        ]
        graph = helper.make_graph(
            self.nodes, "alexnet", inputs, outputs, self.constants
        )
        made = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="keras-alexnet",
        )
        helper.set_model_props(made, about)
        self._onnx.checker.check_model(made)
        return made.SerializeToString()


def add_preprocessing(graph: Graph, preprocessing: Preprocessing) -> None:
    """Adds the way from uint8 RGB `[batch, side, side, 3]` to the network's input."""
    types = needed("onnx", "onnx", "an ONNX file").TensorProto
    graph.add("Transpose", "channels_first", perm=[0, 3, 1, 2])
    order = slice(None)
    if preprocessing.channel_order == "BGR":
        order = slice(None, None, -1)
        graph.add("Gather", "bgr", np.array([2, 1, 0]), axis=1)
    graph.add("Cast", "float", to=types.FLOAT)
    mean, scale = (
        np.float32(each)[order].reshape(1, 3, 1, 1)
        for each in (preprocessing.mean, preprocessing.scale)
    )
    graph.add("Sub", "centred", mean)
    if (scale != 1).any():
        graph.add("Mul", "scaled", np.float32(1) / scale)
