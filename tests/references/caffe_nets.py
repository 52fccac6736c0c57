"""Caffe networks as a test needs them: their text, random values, both forms of file.

The text is written from the layers of BVLC's bvlc_alexnet and bvlc_reference_caffenet
(github.com/BVLC/caffe, models/). The two differ in one thing: the first pools after
normalising, the second before.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from keras_alexnet.weights.formats.caffe import net_parameter

Blobs = dict[str, list[np.ndarray]]

# out, in / groups, side; for dense layers out, in
SHAPES: dict[str, tuple[int, ...]] = {
    "conv1": (96, 3, 11, 11),
    "conv2": (256, 48, 5, 5),
    "conv3": (384, 256, 3, 3),
    "conv4": (384, 192, 3, 3),
    "conv5": (256, 192, 3, 3),
    "fc6": (4096, 9216),
    "fc7": (4096, 4096),
    "fc8": (1000, 4096),
}
_CONVOLUTIONS = {
    "conv1": "kernel_size: 11 stride: 4",
    "conv2": "kernel_size: 5 pad: 2 group: 2",
    "conv3": "kernel_size: 3 pad: 1",
    "conv4": "kernel_size: 3 pad: 1 group: 2",
    "conv5": "kernel_size: 3 pad: 1 group: 2",
}
_POOL = "pooling_param { pool: MAX kernel_size: 3 stride: 2 }"
_NORM = "lrn_param { local_size: 5 alpha: 0.0001 beta: 0.75 }"


def random_blobs(shapes: dict[str, tuple[int, ...]] = SHAPES) -> Blobs:
    """Values under which activations of 0-255 pictures stay at about that size.

    Those of fc8 are small, so that no class takes all of the softmax.
    """
    rng = np.random.default_rng(0)
    blobs: Blobs = {}
    for name, shape in shapes.items():
        kernel = rng.standard_normal(shape, "float32")
        gain = 0.02 if name == "fc8" else 1.0
        kernel *= np.float32(gain * np.sqrt(2 / np.prod(shape[1:])))
        bias = rng.normal(0, 10 * gain, shape[0]).astype("float32")
        blobs[name] = [kernel, bias]
    return blobs


def prototxt(pool_first: bool) -> str:
    """The text of the network, for 227×227 pictures."""
    text = 'name: "net" input: "data" input_dim: [1, 3, 227, 227]\n'
    layers: list[tuple[str, str, str]] = []
    for index in range(1, 6):
        name = f"conv{index}"
        out = f"num_output: {SHAPES[name][0]}"
        parameters = f"convolution_param {{ {out} {_CONVOLUTIONS[name]} }}"
        layers += [(name, "Convolution", parameters), (f"relu{index}", "ReLU", "")]
        norm, pool = (f"norm{index}", "LRN", _NORM), (f"pool{index}", "Pooling", _POOL)
        pair = [pool, norm] if pool_first else [norm, pool]
        layers += {1: pair, 2: pair, 5: [pool]}.get(index, [])
    for index in range(6, 9):
        out = f"inner_product_param {{ num_output: {SHAPES[f'fc{index}'][0]} }}"
        layers += [(f"fc{index}", "InnerProduct", out), (f"relu{index}", "ReLU", "")]
    layers[-1] = ("prob", "Softmax", "")
    bottom = "data"
    for name, kind, parameters in layers:
        text += f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" '
        text += f'top: "{name}" {parameters} }}\n'
        bottom = name
    return text


def write(path: Path, blobs: Blobs, form: str = "layer") -> Path:
    """Writes a `.caffemodel`: the form `layer`, or `layers` with blobs of four axes."""
    net = net_parameter()(name=b"net")
    for name, arrays in blobs.items():
        layer = getattr(net, form).add(name=name.encode())
        if form == "layer":
            layer.type = b"Convolution" if name.startswith("conv") else b"InnerProduct"
        else:  # V1LayerParameter's enum, caffe.proto
            layer.type = 4 if name.startswith("conv") else 14
        for array in arrays:
            _add(layer.blobs.add(), array, legacy=form == "layers")
    path.write_bytes(net.SerializeToString())
    return path


def _add(blob: object, array: np.ndarray, legacy: bool) -> None:
    if legacy:
        sizes = (1,) * (4 - array.ndim) + array.shape
        blob.num, blob.channels, blob.height, blob.width = sizes
    else:
        blob.shape.dim.extend(array.shape)
    data = blob.double_data if array.dtype == np.float64 else blob.data
    data.append(array.tobytes())
