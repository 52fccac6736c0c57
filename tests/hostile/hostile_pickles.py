"""`.pth` and `.npy` files: pickles that grow, hang, lie or are damaged."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mutated import mutated_bytes
from pickle_assembly import (
    array,
    call,
    name,
    old_string,
    row,
    table,
    tensor,
    value,
    whole,
    write_torch_legacy,
    write_torch_zip,
)

# What must hold of all that is read from a file of weights, whatever was changed.
CASE = """
import warnings
import numpy as np
from keras_alexnet import architectures
from keras_alexnet.weights.opening import open_weights

warnings.simplefilter("ignore")

def case(path):
    named = open_weights(path).read(architectures.get("owt"))
    for layer, values in named.items():
        for name, each in values.items():
            if each.dtype != np.float32 or not np.isfinite(each).all() or not each.size:
                return f"{layer}/{name}: {each.dtype}, {each.shape}"
    return None
"""
# An AlexNet of few maps, in PyTorch's layouts.
SHAPES = {
    "features.0": (4, 3, 11, 11),
    "features.3": (4, 4, 5, 5),
    "features.6": (4, 4, 3, 3),
    "features.8": (4, 4, 3, 3),
    "features.10": (4, 4, 3, 3),
    "classifier.1": (8, 4 * 6 * 6),
    "classifier.4": (8, 8),
    "classifier.6": (5, 8),
}
LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
State = dict[str, np.ndarray]


def honest_state() -> State:
    """A state dict of random values."""
    rng, state = np.random.default_rng(0), {}
    for layer, shape in SHAPES.items():
        state[f"{layer}.weight"] = rng.normal(size=shape).astype("<f4")
        state[f"{layer}.bias"] = rng.normal(size=shape[:1]).astype("<f4")
    return state


# Opcodes that build something, of which none is small when it is read without limits.


def doubled(depth: int) -> bytes:
    """A tuple of two of a tuple of two of …: its hash takes 2**depth steps."""
    return b")q\x64" + b"0h\x64h\x64\x86q\x64" * depth


def keys(rng: random.Random) -> bytes:
    return b"}" + doubled(rng.randrange(2, 60)) + b"Ns"


def ordered_keys(rng: random.Random) -> bytes:
    pair = b"](" + doubled(rng.randrange(40, 60)) + b"Ne"
    return call(name("collections", "OrderedDict"), b"]" + pair + b"a")


def reduced(function: bytes, arguments: bytes, times: int) -> bytes:
    """A list of what a function returns for the same arguments, again and again."""
    head = function + b"q\x650" + arguments + b"q\x660"
    return head + b"](" + b"h\x65h\x66R" * times + b"e"


def long_text(rng: random.Random) -> bytes:
    size = rng.randrange(1, 2**20)
    return b"X" + struct.pack("<I", size) + bytes([rng.randrange(1, 128)]) * size


def encodings(rng: random.Random) -> bytes:
    arguments = row(long_text(rng), value("latin1"))
    return reduced(name("_codecs", "encode"), arguments, rng.randrange(5000))


def copies(rng: random.Random) -> bytes:
    pairs = b"](" + b"]K\1a\x4b\1ae" * rng.randrange(1, 3000) + b"e"
    return reduced(name("collections", "OrderedDict"), row(pairs), 4000)


def huge_number(rng: random.Random) -> bytes:
    size = rng.choice([9, 200, 10**6])
    return b"\x8b" + struct.pack("<i", size) + b"\xff" * (size - 1) + b"\x7f"


def huge_shape(rng: random.Random) -> bytes:
    shape = huge_number(rng) * 30
    made = array((), "f4", old_string(b""))
    return made.replace(value(()), b"(" + shape + b"t", 1)


def wide_text(rng: random.Random) -> bytes:
    text = ("a" * rng.randrange(10**6) + "\U0001f600").encode()
    return b"](" + (b"X" + struct.pack("<I", len(text)) + text) * 3 + b"e"


def claimed(rng: random.Random) -> bytes:
    opcode, form = rng.choice(
        [(b"X", "<I"), (b"T", "<I"), (b"B", "<I"), (b"\x8e", "<Q")]
    )
    return opcode + struct.pack(form, rng.choice([2**31, 2**32 - 1, 1000])) + b"abc"


def deep(rng: random.Random) -> bytes:
    return b"]" * rng.randrange(10**5) + b"a" * rng.randrange(10**5)


def other_names(rng: random.Random) -> bytes:
    words = ["os", "builtins", "numpy", "torch", "__class__", "\x1b[31m\u202e" * 99]
    function = name(rng.choice(words), rng.choice(["system", "eval", *words]))
    return call(function, value(rng.choice(["true", 1, None])))


def opcodes(rng: random.Random) -> bytes:
    return rng.randbytes(rng.randrange(1, 200))


BODIES: tuple[Callable[[random.Random], bytes], ...] = (
    keys,
    ordered_keys,
    encodings,
    copies,
    huge_number,
    huge_shape,
    wide_text,
    claimed,
    deep,
    other_names,
    opcodes,
)


# Changes of the values, which are then written well.


def changed_state(state: State, rng: random.Random) -> State:
    changed, key = dict(state), rng.choice(sorted(state))
    held = changed[key]
    how = rng.randrange(8)
    if how == 0:
        del changed[key]
    elif how == 1:
        changed[key] = np.zeros((0, *held.shape[1:]), "<f4")
    elif how == 2:
        changed[key] = np.zeros((*held.shape[:-1], 0), "<f4")
    elif how == 3:
        changed[key] = np.full(held.shape, rng.choice([1e300, np.inf, np.nan]))
    elif how == 4:
        changed[key] = held.astype(rng.choice(["<i8", "<i4", "u1", "b1", "<f2"]))
    elif how == 5:
        changed[key] = np.zeros(rng.choice([(), (1,), (1,) * 20, (3, 2)]), "<f4")
    elif how == 6:
        changed = {k: v for k, v in changed.items() if "classifier.6" not in k}
    else:
        changed["\x1b[2J\u202e\n" * rng.choice([1, 10**5])] = held
    return changed


_KINDS = {"f4": "Float", "f8": "Double", "f2": "Half", "i8": "Long", "i4": "Int"}
_KINDS |= {"u1": "Byte", "b1": "Bool"}


def torch_body(state: State) -> tuple[bytes, dict[str, bytes]]:
    """The pickle of a state dict, and its storages."""
    rows, storages = {}, {}
    for index, (key, held) in enumerate(state.items()):
        strides = tuple(each // held.itemsize for each in held.strides)
        kind = _KINDS[held.dtype.str[1:]]
        rows[key] = tensor(held.size, held.shape, strides, key=str(index), kind=kind)
        storages[str(index)] = held.tobytes()
    return table(rows), storages


def shared(rng: random.Random) -> tuple[bytes, dict[str, bytes]]:
    """Many tensors on one storage."""
    count = rng.randrange(1, 2**20)
    one = tensor(count, (count,), (1,), kind="Half")
    rows = {f"w{index}": one for index in range(rng.randrange(1, 400))}
    return table(rows), {"0": bytes(2 * count)}


def write_torch(path: Path, state: State, rng: random.Random | None) -> None:
    body, storages = torch_body(state)
    if rng is None:
        write_torch_legacy(path, body, storages)
        return
    if rng.random() < 0.3:
        body, storages = shared(rng)
    if rng.random() < 0.5:
        write_torch_legacy(path, body, storages)
    else:
        records = {f"data/{key}": content for key, content in storages.items()}
        write_torch_zip(path, body, records)


def write_body(path: Path, body: bytes, rng: random.Random) -> None:
    """A pickle alone in either form of PyTorch; or one that is compressed."""
    form = rng.randrange(3)
    if form == 0:
        write_torch_legacy(path, body, {})
        return
    write_torch_zip(path, body, {}, zipfile.ZIP_DEFLATED if form == 1 else 0)


def write_bomb(path: Path, rng: random.Random) -> None:
    """An archive that claims more than it has, or has entries without end."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", whole(value({})))
        for index in range(rng.choice([1, 10, 60_000])):
            archive.filelist.append(archive.filelist[0])
            archive.NameToInfo[f"{index}"] = archive.filelist[0]
        archive._didModify = True  # type: ignore[attr-defined]


def npy_body(state: State) -> bytes:
    """The dict of a network that caffe-tensorflow has converted."""
    layers = {}
    for layer, source in zip(LAYERS, SHAPES, strict=True):
        pair = b"]"
        for kind in ("weight", "bias"):
            held = state.get(f"{source}.{kind}")
            if held is not None:
                axes = (2, 3, 1, 0) if held.ndim == 4 else tuple(range(held.ndim))[::-1]
                held = held.transpose(axes)
                code = held.dtype.str[1:]
                pair += array(held.shape, code, old_string(held.tobytes("C"))) + b"a"
        layers[layer] = pair
    return table(layers)


def npy(body: bytes) -> bytes:
    """A `.npy` file of one object."""
    file = io.BytesIO()
    header = {"descr": "|O8", "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + whole(array((), "O8", b"]" + body + b"a"))


def header(rng: random.Random) -> bytes:
    """A `.npy` file with another header."""
    inner = rng.choice(
        [b"(" * 9000, b"-" * 9000 + b"1", b"9" * 9000, b"[" * 100, b"\0"]
    )
    text = b"{'descr': '|O8', 'fortran_order': False, 'shape': " + inner + b"}\n"
    size = rng.choice([len(text), 2**32 - 1])
    return b"\x93NUMPY\x02\x00" + struct.pack("<I", size) + text


def cases(folder: Path, rng: random.Random, count: int) -> list[Any]:
    """Files of which each was changed, but the first two."""
    state, arguments = honest_state(), []
    for index in range(count):
        path = folder / f"{index}.{('pth', 'npy')[index % 2]}"
        own = changed_state(state, rng) if rng.random() < 0.4 and index > 1 else state
        if path.suffix == ".pth":
            kind = rng.choice(["body"] * 5 + ["bomb"] + ["state"] * 4)
            if kind == "body" and index > 1:
                write_body(path, rng.choice(BODIES)(rng), rng)
            elif kind == "bomb" and index > 1:
                write_bomb(path, rng)
            else:
                write_torch(path, own, rng if index > 1 else None)
        else:
            kind = rng.choice(["body"] * 5 + ["header"] + ["state"] * 4)
            content = npy(npy_body(own))
            if kind == "body" and index > 1:
                content = npy(rng.choice(BODIES)(rng))
            elif kind == "header" and index > 1:
                content = header(rng)
            path.write_bytes(content)
        if index > 1 and rng.random() < 0.3:
            path.write_bytes(mutated_bytes(path.read_bytes(), rng))
        arguments.append(str(path))
    return arguments
