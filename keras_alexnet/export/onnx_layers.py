"""The nodes of a layer in ONNX.

Each type of layer has a function here that adds its nodes. Maps are `[batch, channels,
height, width]` in ONNX, where Keras has the channels last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_alexnet.export.onnx_graph import Graph
from keras_alexnet.layers import (
    AdaptiveAveragePooling2D,
    CrossConnection,
    Dense,
    GroupedConv2D,
    LocalResponseNormalization,
    StatelessDropout,
    SynchronizedBatchNormalization,
    WithinChannelNormalization,
)
from keras_alexnet.layers.adaptive_average_pooling import windows
from keras_alexnet.normalizations import LRN
from keras_alexnet.reasons import must_be
from keras_alexnet.whole_numbers import pair

Shape = tuple[int, ...]  # of a layer's input, without the batch


def check_known(layer: keras.layers.Layer) -> None:
    """Raises ValueError for a layer that has no form here."""
    if type(layer) not in _TRANSLATED:
        raise _refused(layer)


def add_layer(graph: Graph, layer: keras.layers.Layer, shape: Shape) -> None:
    """Adds the nodes of a layer.

    Args:
        graph: The graph.
        layer: A layer that is known here.
        shape: Of its input, as Keras has it, without the batch.

    Raises:
        ValueError: If one of its arguments has no form here.
    """
    add = _TRANSLATED[type(layer)]
    if any(graph.zeros) and add is not _convolution:
        graph.add("Pad", f"{layer.name}/zeros", _ends_of_axes(graph.taken_zeros()))
    add(graph, layer, shape)


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
    """Adds `x / (k + scale · sums(x²))^beta`, with the sums as a convolution of 1×1.

    Its kernel has ones where the window of f covers g; its groups are the towers, its
    bias is k. ONNX has an operator LRN, which divides its alpha by the size, knows no
    towers and whose windows of even sizes begin a map later than those of 2012; ONNX
    Runtime and OpenVINO both take longer for it (docs/formats.md).
    """
    if len(shape) != 3:
        raise must_be("the input of a normalisation", "maps, for ONNX", shape)
    channels = shape[2]
    tower = channels // towers
    before, after = lrn.size // 2, lrn.size - 1 - lrn.size // 2
    f, g = np.ogrid[:tower, :tower]
    covers = (g >= f - before) & (g <= f + after)
    band = np.tile(np.float32(lrn.scale) * covers, [towers, 1])[:, :, None, None]
    x = graph.last
    graph.add("Mul", f"{name}/squares", x)
    k: np.ndarray = np.full(channels, lrn.k, np.float32)
    graph.add("Conv", f"{name}/energy", band, k, group=towers)
    _divide_by_power(graph, name, x, lrn.beta)


def _within_channel(
    graph: Graph, layer: WithinChannelNormalization, shape: Shape
) -> None:
    name, lrn, x = layer.name, layer.lrn, graph.last
    graph.add("Mul", f"{name}/squares", x)
    window = {"kernel_shape": [lrn.size] * 2, "pads": [lrn.size // 2] * 4}
    # The divisor stays size², at the borders too.
    graph.add("AveragePool", f"{name}/means", count_include_pad=1, **window)
    graph.add("Mul", f"{name}/scaled", np.float32(lrn.alpha))
    graph.add("Add", f"{name}/energy", np.float32(lrn.k))
    _divide_by_power(graph, name, x, lrn.beta)


def _divide_by_power(graph: Graph, name: str, x: str, beta: float) -> None:
    """Adds `x / last^beta`."""
    if beta == 0.75:  # two square roots are far cheaper than a general power
        root = graph.add("Sqrt", f"{name}/root")
        graph.add("Sqrt", f"{name}/fourth_root")
        power = graph.add("Mul", f"{name}/power", root)
    else:
        power = graph.add("Pow", f"{name}/power", np.float32(beta))
    graph.last = x
    graph.add("Div", f"{name}/normal", power)


def _max_pool(graph: Graph, layer: Any, shape: Shape) -> None:
    graph.add(
        "MaxPool",
        layer.name,
        kernel_shape=list(layer.pool_size),
        strides=list(layer.strides),
        pads=_pads(layer, list(layer.pool_size), shape),
    )


def _average(graph: Graph, layer: AdaptiveAveragePooling2D, shape: Shape) -> None:
    height, width, _ = shape
    columns = windows(width, layer.output_size).T.astype(np.float32)
    rows: np.ndarray = windows(height, layer.output_size).astype(np.float32)
    graph.add("MatMul", f"{layer.name}/columns", columns)
    x, graph.last = graph.last, graph.constant(f"{layer.name}/rows", rows)
    graph.add("MatMul", f"{layer.name}/mean", x)


def _global_pool(kind: str) -> Callable[[Graph, Any, Shape], None]:
    def add(graph: Graph, layer: Any, shape: Shape) -> None:
        graph.add(kind, layer.name)
        if not layer.keepdims:
            graph.add("Flatten", f"{layer.name}/flat")

    return add


def _batch_norm(graph: Graph, layer: Any, shape: Shape) -> None:
    axis = layer.axis if isinstance(layer.axis, int) else next(iter(layer.axis))
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
    Dense: _dense,
    keras.layers.ReLU: _relu,
    keras.layers.LeakyReLU: _leaky,
    keras.layers.ELU: _elu,
    keras.layers.Activation: _activation,
    keras.layers.Softmax: _softmax,
    StatelessDropout: _nothing,
    keras.layers.Dropout: _nothing,
}
