"""The graph of a network in ONNX's own operators, made from the layers of a model.

Each type of layer has a function here that adds its nodes. Maps are `[batch, channels,
height, width]` in ONNX, where Keras has the channels last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np

from keras_alexnet.layers import (
    AdaptiveAveragePooling2D,
    CrossConnection,
    GroupedConv2D,
    LocalResponseNormalization,
    StatelessDropout,
    SynchronizedBatchNormalization,
    WithinChannelNormalization,
)
from keras_alexnet.layers.adaptive_average_pooling import windows
from keras_alexnet.normalizations import LRN
from keras_alexnet.optional_packages import needed
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.reasons import must_be
from keras_alexnet.whole_numbers import pair

OPSET = 17  # of December 2021; the operators here have kept their form since
IR_VERSION = 8
_MOST_BYTES = 2**31  # of a message of protobuf

Shape = tuple[int, ...]  # of a layer's input, without the batch


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
        self, kind: str, shape: list[str | int], classes: int, **about: str
    ) -> bytes:
        """The file of the graph.

        Args:
            kind: Type of the input.
            shape: Its shape; a name where it can be any number.
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
        inputs = [helper.make_tensor_value_info(taken, getattr(types, kind), shape)]
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


def add_network(graph: Graph, model: keras.Model) -> None:
    """Adds the layers of a model, in their order.

    Raises:
        ValueError: If a layer has no form here, or the layers are not in a row.
    """
    side = model.input_shape[1]
    drawn = np.random.default_rng(0).normal(0, 60, [2, side, side, 3])
    x = keras_input = drawn.astype(np.float32)
    for layer in layers_of(model):
        translate = _TRANSLATED.get(type(layer))
        if translate is None:
            raise _refused(layer)
        if any(graph.zeros) and translate is not _convolution:
            graph.add("Pad", f"{layer.name}/zeros", _ends_of_axes(graph.taken_zeros()))
        translate(graph, layer, tuple(x.shape)[1:])
        x = layer(x)
    # A graph of layers can be anything; so this one is run as the row of its layers.
    exact = model(keras_input, training=False)
    if x.shape != exact.shape or not np.allclose(x, exact, rtol=1e-3, atol=1e-5):
        raise ValueError(
            "a model for ONNX must be one row of layers, each of which reads the one "
            f"before. Received: {model.name!r}, whose layers are not"
        )


def layers_of(model: keras.Model) -> Iterator[keras.layers.Layer]:
    """The layers of a model and of those within it, in their order, without inputs."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from layers_of(layer)
        elif not isinstance(layer, keras.layers.InputLayer):
            yield layer


def _refused(layer: keras.layers.Layer, what: str = "") -> ValueError:
    kinds = sorted({kind.__name__ for kind in _TRANSLATED})
    return ValueError(
        f"a model for ONNX must have layers of these types alone: {', '.join(kinds)}. "
        f"Received: {layer.name!r}, a {type(layer).__name__}{what}"
    )


def _values(weight: Any) -> np.ndarray:
    return np.asarray(weight.numpy(), np.float32)


def _activation(graph: Graph, layer: Any, shape: Shape) -> None:
    """Adds the activation of a layer."""
    found = layer.activation
    for name, (kind, attributes) in _ACTIVATIONS.items():
        if found is getattr(keras.activations, name):
            if kind:
                graph.add(kind, f"{layer.name}/{name}", **attributes)
            return
    raise _refused(layer, f" of {getattr(found, '__name__', found)!r}")


# Axis 1 is that of the channels and of the classes.
_ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "linear": ("", {}),
    "relu": ("Relu", {}),
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
    "softmax": ("Softmax", {"axis": 1}),
}


def _convolution(graph: Graph, layer: Any, shape: Shape) -> None:
    name = layer.name
    if layer.data_format != "channels_last":
        raise _refused(layer, " with the channels first")
    kernel = _values(layer.kernel).transpose(3, 2, 0, 1)
    weights = [graph.constant(f"{name}/kernel", kernel)]
    if layer.use_bias:
        weights.append(graph.constant(f"{name}/bias", _values(layer.bias)))
    window = [
        rate * (size - 1) + 1
        for rate, size in zip(layer.dilation_rate, layer.kernel_size, strict=True)
    ]
    graph.add(
        "Conv",
        name,
        *weights,
        group=layer.groups,
        strides=list(layer.strides),
        dilations=list(layer.dilation_rate),
        pads=np.add(graph.taken_zeros(), _pads(layer, window, shape)).tolist(),
    )
    _activation(graph, layer, shape)


def _pads(layer: Any, window: list[int], shape: Shape) -> list[int]:
    """How many zeros a layer adds above, left, below, right.

    TensorFlow's `"same"`, as `tf.nn` documents it, depends on the size of the maps.
    """
    if layer.padding == "valid":
        return [0, 0, 0, 0]
    if layer.padding != "same":
        raise _refused(layer, f" with padding={layer.padding!r}")
    before, after = [], []
    for side, reads, step in zip(shape, window, layer.strides, strict=False):
        spare = max((-(-side // step) - 1) * step + reads - side, 0)
        before.append(spare // 2)
        after.append(spare - spare // 2)
    return before + after


def _zeros(graph: Graph, layer: Any, shape: Shape) -> None:
    (above, below), (left, right) = layer.padding
    graph.zeros = np.add(graph.zeros, [above, left, below, right]).tolist()


def _ends_of_axes(pads: list[int]) -> np.ndarray:
    """Padding as the operator Pad takes it, for batch and channels too."""
    return np.array([0, 0, *pads[:2], 0, 0, *pads[2:]])


def _seam(graph: Graph, layer: CrossConnection, shape: Shape) -> None:
    found = layer.get_config()
    if layer.towers is None:
        raise _refused(layer, " of several inputs")
    steps: list[Callable[[], Any]] = []
    if layer.lrn is not None:
        lrn, towers = layer.lrn, layer.towers
        steps.append(lambda: _normalize(graph, layer.name, lrn, towers, shape))
    if found["activation"]:
        place = 0 if found["activation_first"] else len(steps)
        steps.insert(place, lambda: graph.add("Relu", f"{layer.name}/relu"))
    for step in steps:
        step()
    if found["pool_size"] is not None:
        graph.add(
            "MaxPool",
            f"{layer.name}/pool",
            kernel_shape=list(pair("pool_size", found["pool_size"])),
            strides=list(pair("pool_strides", found["pool_strides"])),
        )


def _lrn(graph: Graph, layer: LocalResponseNormalization, shape: Shape) -> None:
    _normalize(graph, layer.name, layer.lrn, layer.towers, shape)


def _normalize(graph: Graph, name: str, lrn: LRN, towers: int, shape: Shape) -> None:
    """Adds `x / (k + scale · sum)^beta`.

    ONNX's LRN divides its alpha by the size, as Caffe does, and has no towers: each
    becomes a picture of its own, which moves nothing, as channels come first. Its
    windows of even sizes begin a map later than those of 2012.
    """
    if len(shape) != 3:
        raise must_be("the input of a normalisation", "maps, for ONNX", shape)
    height, width, channels = shape
    if lrn.size % 2 == 0:
        _normalize_by_band(graph, name, lrn, towers, channels)
        return
    if towers > 1:
        apart = np.array([-1, channels // towers, height, width])
        graph.add("Reshape", f"{name}/towers", apart)
    constants = {"alpha": lrn.scale * lrn.size, "beta": lrn.beta, "bias": lrn.k}
    graph.add("LRN", f"{name}/lrn", size=lrn.size, **constants)
    if towers > 1:
        joined = np.array([-1, channels, height, width])
        graph.add("Reshape", f"{name}/joined", joined)


def _normalize_by_band(
    graph: Graph, name: str, lrn: LRN, towers: int, channels: int
) -> None:
    """Adds the sums of squares as a convolution of 1×1 with ones where f reads g."""
    before, after = lrn.size // 2, lrn.size - 1 - lrn.size // 2
    f, g = np.ogrid[:channels, :channels]
    tower = channels // towers
    reads = (g >= f - before) & (g <= f + after) & (f // tower == g // tower)
    band = (lrn.scale * reads).astype(np.float32)[:, :, None, None]
    _divide_by_power(graph, name, "Conv", (band,), {}, lrn.k, lrn.beta)


def _within_channel(
    graph: Graph, layer: WithinChannelNormalization, shape: Shape
) -> None:
    lrn = layer.lrn
    reach = lrn.size // 2
    window = {
        "kernel_shape": [lrn.size, lrn.size],
        "pads": [reach] * 4,
        "count_include_pad": 1,  # the divisor stays size², at the borders too
    }
    scaled = (lrn.k, lrn.beta, lrn.alpha)
    _divide_by_power(graph, layer.name, "AveragePool", (), window, *scaled)


def _divide_by_power(
    graph: Graph,
    name: str,
    kind: str,
    others: tuple[np.ndarray, ...],
    attributes: dict[str, Any],
    k: float,
    beta: float,
    alpha: float = 1.0,
) -> None:
    """Adds `x · (k + alpha · sums(x²))^(−beta)`."""
    x = graph.last
    graph.add("Mul", f"{name}/squares", x)
    graph.add(kind, f"{name}/sums", *others, **attributes)
    if alpha != 1:
        graph.add("Mul", f"{name}/scaled", np.float32(alpha))
    graph.add("Add", f"{name}/energy", np.float32(k))
    graph.add("Pow", f"{name}/power", np.float32(-beta))
    graph.add("Mul", f"{name}/normal", x)


def _max_pool(graph: Graph, layer: Any, shape: Shape) -> None:
    graph.add(
        "MaxPool",
        layer.name,
        kernel_shape=list(layer.pool_size),
        strides=list(layer.strides),
        pads=_pads(layer, list(layer.pool_size), shape),
    )


def _average(graph: Graph, layer: AdaptiveAveragePooling2D, shape: Shape) -> None:
    rows, columns = (
        windows(side, layer.output_size).astype(np.float32) for side in shape[:2]
    )
    graph.add("MatMul", f"{layer.name}/columns", columns.T)
    across = graph.constant(f"{layer.name}/rows", rows)
    x, graph.last = graph.last, across
    graph.add("MatMul", f"{layer.name}/mean", x)


def _global_pool(kind: str) -> Callable[[Graph, Any, Shape], None]:
    def add(graph: Graph, layer: Any, shape: Shape) -> None:
        graph.add(kind, layer.name)
        if not layer.keepdims:
            graph.add("Flatten", f"{layer.name}/flat")

    return add


def _batch_norm(graph: Graph, layer: Any, shape: Shape) -> None:
    axis = layer.axis if isinstance(layer.axis, int) else tuple(layer.axis)[0]
    if axis not in (-1, len(shape)):
        raise _refused(layer, f" of axis {axis}")
    mean, variance = _values(layer.moving_mean), _values(layer.moving_variance)
    scale = _values(layer.gamma) if layer.scale else np.ones_like(mean)
    offset = _values(layer.beta) if layer.center else np.zeros_like(mean)
    parts = {
        "gamma": scale,
        "beta": offset,
        "moving_mean": mean,
        "moving_variance": variance,
    }
    names = [graph.constant(f"{layer.name}/{name}", x) for name, x in parts.items()]
    graph.add("BatchNormalization", layer.name, *names, epsilon=layer.epsilon)


def _flatten(graph: Graph, layer: Any, shape: Shape) -> None:
    """Adds the order of Keras: fc6 reads the maps of a position one after another."""
    if len(shape) == 3:
        graph.add("Transpose", f"{layer.name}/channels_last", perm=[0, 2, 3, 1])
        graph.add("Flatten", layer.name)


def _dense(graph: Graph, layer: Any, shape: Shape) -> None:
    if len(shape) != 1:
        raise _refused(layer, f" of maps {shape}")
    weights = [graph.constant(f"{layer.name}/kernel", _values(layer.kernel))]
    if layer.use_bias:
        weights.append(graph.constant(f"{layer.name}/bias", _values(layer.bias)))
    graph.add("Gemm", layer.name, *weights)
    _activation(graph, layer, shape)


def _relu(graph: Graph, layer: Any, shape: Shape) -> None:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        raise _refused(layer, " with constants of its own")
    graph.add("Relu", layer.name)


def _leaky(graph: Graph, layer: Any, shape: Shape) -> None:
    found = layer.get_config()  # Keras 2 calls it alpha
    slope = float(found.get("negative_slope", found.get("alpha")))
    graph.add("LeakyRelu", layer.name, alpha=slope)


def _elu(graph: Graph, layer: Any, shape: Shape) -> None:
    graph.add("Elu", layer.name, alpha=float(layer.alpha))


def _softmax(graph: Graph, layer: Any, shape: Shape) -> None:
    if layer.axis not in (-1, len(shape)):
        raise _refused(layer, f" of axis {layer.axis}")
    graph.add("Softmax", layer.name, axis=1)


def _nothing(graph: Graph, layer: Any, shape: Shape) -> None:
    """Dropout computes nothing outside of training."""


# By the very type: what is derived from a layer may compute something else.
_TRANSLATED: dict[type, Callable[[Graph, Any, Shape], None]] = {
    keras.layers.Conv2D: _convolution,
    GroupedConv2D: _convolution,
    keras.layers.ZeroPadding2D: _zeros,
    CrossConnection: _seam,
    LocalResponseNormalization: _lrn,
    WithinChannelNormalization: _within_channel,
    keras.layers.MaxPooling2D: _max_pool,
    AdaptiveAveragePooling2D: _average,
    keras.layers.GlobalAveragePooling2D: _global_pool("GlobalAveragePool"),
    keras.layers.GlobalMaxPooling2D: _global_pool("GlobalMaxPool"),
    keras.layers.BatchNormalization: _batch_norm,
    SynchronizedBatchNormalization: _batch_norm,
    keras.layers.Flatten: _flatten,
    keras.layers.Dense: _dense,
    keras.layers.ReLU: _relu,
    keras.layers.LeakyReLU: _leaky,
    keras.layers.ELU: _elu,
    keras.layers.Activation: _activation,
    keras.layers.Softmax: _softmax,
    StatelessDropout: _nothing,
    keras.layers.Dropout: _nothing,
}
