"""Caffe's `.caffemodel` files: a NetParameter message, read without Caffe."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message,
    message_factory,
)

from keras_alexnet.weights.formats.faults import one_line
from keras_alexnet.weights.formats.protobufs import check_fields

_EXPECTED = "a whole .caffemodel file, Caffe's NetParameter with the layers' values"
_MOST_BYTES = 10**9  # it is read whole; with 22,000 classes it has 0.6 GB
_MOST_AXES = 32  # Caffe, include/caffe/blob.hpp: kMaxBlobAxes

_FIELD = descriptor_pb2.FieldDescriptorProto
_INT, _INT64, _BYTES = _FIELD.TYPE_INT32, _FIELD.TYPE_INT64, _FIELD.TYPE_BYTES

# Numbers and types of the needed fields, from Caffe's src/caffe/proto/caffe.proto.
# Three are declared as bytes, which look the same in a file: packed floats and
# doubles, so that 61 million of them arrive as a few blocks for NumPy; names, which
# then need not be UTF-8; and the layer of the oldest form, which is only detected. The
# last value says whether the field is repeated.
_MESSAGES: dict[str, dict[str, tuple[int, Any, bool]]] = {
    "BlobShape": {"dim": (1, _INT64, True)},
    "BlobProto": {
        "num": (1, _INT, False),
        "channels": (2, _INT, False),
        "height": (3, _INT, False),
        "width": (4, _INT, False),
        "data": (5, _BYTES, True),
        "shape": (7, "BlobShape", False),
        "double_data": (8, _BYTES, True),
    },
    "V1LayerParameter": {
        "layer": (1, _BYTES, False),
        "name": (4, _BYTES, False),
        "type": (5, _INT, False),
        "blobs": (6, "BlobProto", True),
    },
    "LayerParameter": {
        "name": (1, _BYTES, False),
        "type": (2, _BYTES, False),
        "blobs": (7, "BlobProto", True),
    },
    "NetParameter": {
        "name": (1, _BYTES, False),
        "layers": (2, "V1LayerParameter", True),
        "layer": (100, "LayerParameter", True),
    },
}


def read_caffemodel(path: str | os.PathLike) -> dict[str, list[np.ndarray]]:
    """Reads the values of a Caffe network.

    Both forms of the file are read, the `layers` of 2013 and the later `layer`. Layers
    without values (data, ReLU, pooling) are skipped.

    Args:
        path: A `.caffemodel` file.

    Returns:
        `{layer: [kernel, bias]}`, float32 (float64 where the file has it), in the
        shapes that the file gives: a convolution's kernel is (out, in / groups,
        height, width); older files give every blob four axes.

    Raises:
        ValueError: If the file cannot be read, is damaged or has another format.

    Example:

    >>> blobs = read_caffemodel("bvlc_alexnet.caffemodel")  # doctest: +SKIP
    >>> [blob.shape for blob in blobs["conv1"]]  # doctest: +SKIP
    [(96, 3, 11, 11), (96,)]

    Reference:
        - Caffe, src/caffe/proto/caffe.proto.
    """
    with one_line(_EXPECTED, path):
        net = _parse(Path(path))
        # If it has both, Caffe reads the first (src/caffe/util/upgrade_proto.cpp).
        layers = [each for each in net.layers or net.layer if _has_values(each)]
        if not layers:
            raise ValueError("it has no layer with values")
        names = [layer.name.decode("utf-8", "replace") for layer in layers]
        if len(set(names)) < len(names):
            raise ValueError("two of its layers have the same name")
        return {
            name: _blobs(name, each) for name, each in zip(names, layers, strict=True)
        }


def net_parameter() -> Any:
    """The message class of NetParameter, with the fields above.

    It is in a descriptor pool of its own: the process may have loaded Caffe's classes
    too, and a pool accepts only one definition of a name.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name="keras_alexnet/caffe.proto", package="caffe", syntax="proto2"
    )
    for name, fields in _MESSAGES.items():
        described = file.message_type.add(name=name)
        for field, (number, kind, repeated) in fields.items():
            described.field.add(**_described(field, number, kind, repeated))
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    descriptor = pool.FindMessageTypeByName("caffe.NetParameter")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    # protobuf before 4.22, which TensorFlow 2.15 also accepts
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)


def _described(name: str, number: int, kind: Any, repeated: bool) -> dict[str, Any]:
    label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
    described = {"name": name, "number": number, "label": label}
    if isinstance(kind, str):
        return {**described, "type": _FIELD.TYPE_MESSAGE, "type_name": f".caffe.{kind}"}
    return {**described, "type": kind}


def _parse(path: Path) -> Any:
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError("it is larger than 1 GB")
    net, content = net_parameter()(), path.read_bytes()
    try:
        check_fields(content, net.DESCRIPTOR)
        net.ParseFromString(content)
    except message.DecodeError:
        raise ValueError("it is damaged, or no NetParameter") from None
    return net


def _has_values(layer: Any) -> bool:
    if "layer" in layer.DESCRIPTOR.fields_by_name and layer.HasField("layer"):
        raise ValueError(
            "it is in the oldest of Caffe's formats, V0; convert it with Caffe's tool "
            "upgrade_net_proto_binary"
        )
    return len(layer.blobs) > 0


def _blobs(name: str, layer: Any) -> list[np.ndarray]:
    return [_blob(f"layer {name!r}, blob {n}", b) for n, b in enumerate(layer.blobs)]


def _blob(name: str, blob: Any) -> np.ndarray:
    """The values of a blob, by the rules of Caffe's Blob::FromProto (blob.cpp)."""
    single, double = b"".join(blob.data), b"".join(blob.double_data)
    content, dtype = (double, "<f8") if double else (single, "<f4")
    legacy = [n for n in ("num", "channels", "height", "width") if blob.HasField(n)]
    if legacy:
        shape = (blob.num, blob.channels, blob.height, blob.width)
    else:
        shape = tuple(blob.shape.dim)
    if min(shape, default=1) < 1 or len(shape) > _MOST_AXES:
        raise ValueError(f"{name}: it has the shape {shape}")
    if math.prod(shape) * np.dtype(dtype).itemsize != len(content):
        raise ValueError(
            f"{name}: {len(content)} bytes of values do not fill the shape {shape}"
        )
    return np.frombuffer(content, dtype).reshape(shape)
