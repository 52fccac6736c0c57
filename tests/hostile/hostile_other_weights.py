"""`.safetensors`, `.onnx` and `.caffemodel` files: headers and messages that lie."""

from __future__ import annotations

import itertools
import json
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
from hostile_pickles import LAYERS, SHAPES, State, changed_state, honest_state
from mutated import mutated_bytes, mutated_json

CASE = """
import warnings
import numpy as np
from keras_alexnet import architectures
from keras_alexnet.weights.formats.caffe import read_caffemodel
from keras_alexnet.weights.formats.conversion import from_caffe
from keras_alexnet.weights.opening import open_weights

warnings.simplefilter("ignore")

def read(path):
    if path.endswith(".caffemodel"):
        return from_caffe(read_caffemodel(path), path)
    return open_weights(path).read(architectures.get("owt"))

def case(path):
    for layer, values in read(path).items():
        for name, each in values.items():
            if each.dtype != np.float32 or not np.isfinite(each).all() or not each.size:
                return f"{layer}/{name}: {each.dtype}, {each.shape}"
    return None
"""
_KINDS = {"f4": "F32", "f8": "F64", "f2": "F16", "i8": "I64", "i4": "I32"}
_KINDS |= {"u1": "U8", "b1": "BOOL"}


def varint(number: int) -> bytes:
    found = b""
    while number > 0x7F:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])


def field(number: int, content: bytes) -> bytes:
    """A field of a message, with bytes or a message in it."""
    return varint(number << 3 | 2) + varint(len(content)) + content


# `.safetensors`


def safetensors(state: State, rng: random.Random | None = None) -> bytes:
    """The format of https://github.com/huggingface/safetensors, changed by `rng`."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    content = b""
    for name, held in state.items():
        start, content = len(content), content + held.tobytes()
        kind = _KINDS[held.dtype.str[1:]]
        places = [start, len(content)]
        header[name] = {
            "dtype": kind,
            "shape": list(held.shape),
            "data_offsets": places,
        }
    text = json.dumps(header).encode()
    if rng is not None:
        how = rng.randrange(4)
        if how == 0:
            text = json.dumps(mutated_json(header, rng)[1]).encode()
        elif how == 1:
            text = b"[" * rng.choice([10**5, 10**7])
        elif how == 2:
            text = b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
            text += b"".join(b',"a%d":{}' % n for n in range(10**6)) + b"}"
    size = (
        len(text) if rng is None else rng.choice([len(text)] * 5 + [2**40, 2**64 - 1])
    )
    return struct.pack("<Q", size) + text + content


# `.caffemodel`


def blob(held: np.ndarray, rng: random.Random | None = None) -> bytes:
    sides = list(held.shape)
    if rng is not None:
        sides = rng.choice([[2**40, 2**40], [2**62] * 4, [], [0], [1] * 40, [2**63]])
    shape = field(7, field(1, b"".join(map(varint, sides))))
    number = 8 if held.dtype == np.float64 else 5
    return shape + field(number, held.tobytes())


def caffemodel(state: State, rng: random.Random | None = None) -> bytes:
    """A NetParameter; in one of its layers the shape is changed by `rng`."""
    content, place = field(1, b"AlexNet"), -1 if rng is None else rng.randrange(8)
    for index, (layer, source) in enumerate(zip(LAYERS, SHAPES, strict=True)):
        made = field(1, layer.encode()) + field(2, b"Convolution")
        for kind in ("weight", "bias"):
            held = state.get(f"{source}.{kind}")
            if held is not None:
                made += field(7, blob(held, rng if index == place else None))
        content += field(100, made)
    return content


def many_messages(rng: random.Random) -> bytes:
    """Empty messages, of two bytes each, or in each other."""
    if rng.random() < 0.3:
        content = b""
        for _ in range(rng.randrange(5000)):
            content = field(rng.choice([1, 7, 100]), content)
        return content
    number = rng.choice([2, 100])
    inner = field(rng.choice([6, 7]), b"") * 500
    return field(number, rng.choice([b"", inner])) * rng.choice([60_000, 2 * 10**6])


# `.onnx`


def onnx(rng: random.Random) -> bytes:
    """A graph of nodes that grow when they are read."""
    how = rng.randrange(3)
    if how == 0:  # many nodes, of one initializer
        tensor = b"\x08" + varint(10**6) + b"\x10\1" + field(8, b"w")
        held = field(5, tensor + field(4, bytes(4 * 10**6)))
        maps = [b"x", *(b"x%d" % index for index in range(2000))]
        nodes = b"".join(
            field(1, field(1, a) + field(1, b"w") + field(2, b) + field(4, b"Gemm"))
            for a, b in itertools.pairwise(maps)
        )
        ends = field(11, field(1, b"x")) + field(12, field(1, maps[-1]))
        return field(7, nodes + held + ends)
    if how == 1:
        node = field(1, field(rng.choice([1, 2, 5]), b""))
        return field(7, node * rng.choice([60_000, 2 * 10**6]))
    return field(7, rng.randbytes(200))


def cases(folder: Path, rng: random.Random, count: int) -> list[Any]:
    """Files of which each was changed, but the first three."""
    state, arguments = honest_state(), []
    for index in range(count):
        kind = ("safetensors", "caffemodel", "safetensors", "onnx")[index % 4]
        path = folder / f"{index}.{kind}"
        own = changed_state(state, rng) if rng.random() < 0.5 and index > 2 else state
        own_rng = rng if rng.random() < 0.5 and index > 2 else None
        if kind == "onnx":
            content = onnx(rng)
        elif kind == "safetensors":
            content = safetensors(own, own_rng)
        elif own_rng and rng.random() < 0.5:
            content = many_messages(rng)
        else:
            content = caffemodel(own, own_rng)
        if index > 2 and rng.random() < 0.3:
            content = mutated_bytes(content, rng)
        path.write_bytes(content)
        arguments.append(str(path))
    return arguments
