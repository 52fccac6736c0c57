"""`.weights.h5` and `.keras` files: blocks that expand, other kinds and JSON."""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from mutated import mutated_bytes, mutated_json

# All that reads such a file, and what must hold of what it has read.
CASE = """
import warnings
from pathlib import Path
import numpy as np
from keras_alexnet.architectures import Architecture, Convolution, Pool, ReLU
from keras_alexnet.models import build
from keras_alexnet.weights.described import description_in
from keras_alexnet.weights.formats import keras_files
from keras_alexnet.weights.loading import assign_weights

warnings.simplefilter("ignore")
SMALL = Architecture(
    name="small",
    towers=1,
    convolutions=(Convolution(4, 3, 2, stages=(ReLU(), Pool())),),
    dense=(8, 8),
    dropout=0.5,
    dropout_before=False,
    averaged_size=None,
    input_size=16,
    initialization="paper",
)
models = []

def case(path):
    described = description_in(Path(path))
    if not all(isinstance(each, str) for each in described.class_names):
        return f"the names {described.class_names}"
    if path.endswith(".keras"):
        named, _, _ = keras_files.read_keras(Path(path), path)
    else:
        keras_files.h5_shapes(Path(path), path)
        named = keras_files.read_h5(Path(path), path, SMALL)
        if not models:
            models.append(build(SMALL, classes=3, input_shape=(16, 16, 3)))
        assign_weights(models[0], named, path)
    for layer, values in named.items():
        for name, each in values.items():
            if each.dtype.kind != "f" or not np.isfinite(each).all() or not each.size:
                return f"{layer}/{name}: {each.dtype}, {each.shape}"
    return None
"""
SHAPES = {"conv2d": (3, 3, 3, 4), "dense": (36, 8), "dense_1": (8, 8)}
SHAPES |= {"dense_2": (8, 3)}
_DESCRIPTION = {"recipe": None, "class_names": ["bird", "cat", "dog"]}


def write_h5(path: Path) -> None:
    """A file as Keras writes it."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.create_group("vars")
        for group, shape in SHAPES.items():
            file[f"layers/{group}/vars/0"] = rng.normal(size=shape).astype("f4")
            file[f"layers/{group}/vars/1"] = rng.normal(size=shape[-1:]).astype("f4")
        held = json.dumps(_DESCRIPTION).encode()
        file["keras_alexnet"] = np.frombuffer(held, np.uint8)


def write_keras(path: Path) -> None:
    """A file of this Keras, of the network above."""
    from keras_alexnet.architectures import Architecture, Convolution, Pool, ReLU
    from keras_alexnet.models import build

    record = Architecture(
        name="small",
        towers=1,
        convolutions=(Convolution(4, 3, 2, stages=(ReLU(), Pool())),),
        dense=(8, 8),
        dropout=0.5,
        dropout_before=False,
        averaged_size=None,
        input_size=16,
        initialization="paper",
    )
    build(record, classes=3, input_shape=(16, 16, 3)).save(path)


def zeros(size: int) -> bytes:
    """A stream of zlib that expands to so many MiB of zeros."""
    packer, block = zlib.compressobj(9), bytes(2**20)
    first = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    adler = (size * 2**20 % 65521) << 16 | 1
    return first + again * (size - 1) + packer.flush()[:-4] + adler.to_bytes(4, "big")


Change = Callable[[h5py.File, str, random.Random], None]


def expanding(file: h5py.File, place: str, rng: random.Random) -> None:
    """A block that expands far beyond what is in the shape."""
    sides = (2**14, 2**14 * rng.choice([1, 2, 3]))
    more = {"maxshape": (None, None), "chunks": sides, "compression": "gzip"}
    made = file.create_dataset(place, (8, 3), "f4", **more)
    made.id.write_direct_chunk((0, 0), zeros(sides[0] * sides[1] * 4 // 2**20))


def wide(file: h5py.File, place: str, rng: random.Random) -> None:
    """A block that is larger than its shape, without values."""
    more = {"maxshape": (None, None), "chunks": (2**14, 2**15)}
    made = file.create_dataset(place, (8, 3), "f4", **more)
    made.id.write_direct_chunk((0, 0), bytes(rng.choice([96, 10**6])))


def composed(file: h5py.File, place: str, rng: random.Random) -> None:
    """A single value of a type that is an array of many."""
    kind = h5py.h5t.array_create(h5py.h5t.IEEE_F32LE, (2 ** rng.choice([3, 20, 29]),))
    space = h5py.h5s.create(h5py.h5s.SCALAR)
    group, _, name = place.rpartition("/")
    parent = file.require_group(group or "/")
    h5py.h5d.create(parent.id, name.encode(), kind, space)


def unwritten(file: h5py.File, place: str, rng: random.Random) -> None:
    file.create_dataset(place, (2 ** rng.choice([3, 20, 40]), 3), "f4")


def filtered(file: h5py.File, place: str, rng: random.Random) -> None:
    name = rng.choice(["gzip", "lzf"])
    file.create_dataset(place, data=np.zeros((8, 3), "f4"), compression=name)


def other_kind(file: h5py.File, place: str, rng: random.Random) -> None:
    kinds = ["i4", "i8", "u1", "?", "c8", "S5", "V3", "f2", ">f4", "f8"]
    kind = rng.choice(kinds)
    file[place] = (
        np.ones((8, 3), "f8").astype(kind) if kind != "V3" else np.zeros(9, kind)
    )


def texts(file: h5py.File, place: str, rng: random.Random) -> None:
    file.create_dataset(place, data=["long " * 1000] * 24, dtype=h5py.string_dtype())


def other_values(file: h5py.File, place: str, rng: random.Random) -> None:
    file[place] = np.full((8, 3), rng.choice([1e300, -1e39, np.inf, np.nan]))


def other_shape(file: h5py.File, place: str, rng: random.Random) -> None:
    shape = rng.choice([(0, 3), (8, 0), (0,), (), (3, 8), (1,) * 20, (8, 4)])
    file[place] = np.zeros(shape, "f4")


def nothing(file: h5py.File, place: str, rng: random.Random) -> None:
    if rng.random() < 0.5:
        file[place] = h5py.Empty("f4")


def shared(file: h5py.File, place: str, rng: random.Random) -> None:
    held = "layers/dense/vars/0"
    if held not in file:  # it is the one that is replaced
        file[held] = np.zeros((8, 3), "f4")
    with contextlib.suppress(OSError):  # HDF5 may refuse one more name
        for index in range(1, rng.choice([3, 3000])):
            file[f"{place}/../{index}"] = file[held]


def elsewhere(file: h5py.File, place: str, rng: random.Random) -> None:
    links = [h5py.ExternalLink("/etc/passwd", "/a"), h5py.SoftLink("/layers/dense")]
    file[place] = rng.choice(links)


def around(file: h5py.File, place: str, rng: random.Random) -> None:
    file[place] = file["layers"]


def named(file: h5py.File, place: str, rng: random.Random) -> None:
    name = rng.choice(
        ["\x1b[2J\u202e\n" * 9, "a" * 60_000, "a/" * 3000 + "a", "\x9b1m"]
    )
    file[f"layers/{name}/vars/0"] = np.zeros(3, "f4")


CHANGES: tuple[Change, ...] = (
    expanding,
    wide,
    composed,
    unwritten,
    filtered,
    other_kind,
    texts,
    other_values,
    other_shape,
    nothing,
    shared,
    elsewhere,
    around,
    named,
)


def change_h5(file: h5py.File, rng: random.Random) -> None:
    """Replaces a dataset, or the description by another."""
    if rng.random() < 0.2:
        file.pop("keras_alexnet", None)
        _, described = mutated_json(_DESCRIPTION, rng)
        content = rng.choice([json.dumps(described).encode(), b"[" * 10**6, b"\xff"])
        file["keras_alexnet"] = np.frombuffer(content, np.uint8)
        return
    group = rng.choice(
        [name for name in file["layers"] if "vars" in file["layers"][name]]
    )
    place = rng.choice([f"layers/{group}/vars/0", "keras_alexnet", "optimizer/vars/0"])
    if place in file:
        del file[place]
    rng.choice(CHANGES)(file, place, rng)


def change_keras(source: Path, target: Path, rng: random.Random) -> None:
    """Writes an archive of which one entry was changed."""
    with zipfile.ZipFile(source) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    how = rng.choice(["weights"] * 3 + ["config"] * 4 + ["metadata", "bomb", "missing"])
    compression = 0
    if how == "weights":
        held = io.BytesIO(entries["model.weights.h5"])
        with h5py.File(held, "r+") as file:
            change_h5(file, rng)
        entries["model.weights.h5"] = held.getvalue()
    elif how in ("config", "metadata"):
        _, changed = mutated_json(json.loads(entries[f"{how}.json"]), rng)
        entries[f"{how}.json"] = json.dumps(changed).encode()
    elif how == "missing":
        del entries[rng.choice(sorted(entries))]
    else:
        compression = rng.choice([0, zipfile.ZIP_DEFLATED])
        name = rng.choice(["metadata.json", "config.json"])
        entries[name] = b"[" + b"[]," * rng.choice([10**6, 3 * 10**7]) + b"[]]"
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def cases(folder: Path, rng: random.Random, count: int) -> list[Any]:
    """Files of which each was changed, but the first of either kind."""
    arguments, sources = [], {}
    for suffix, write in {".weights.h5": write_h5, ".keras": write_keras}.items():
        sources[suffix] = folder / f"honest{suffix}"
        write(sources[suffix])
    for index in range(count):
        suffix = ".keras" if index % 3 == 2 else ".weights.h5"
        path = folder / f"{index}{suffix}"
        if index in (0, 2):
            shutil.copy(sources[suffix], path)
        elif rng.random() < 0.3:
            path.write_bytes(mutated_bytes(sources[suffix].read_bytes(), rng))
        elif suffix == ".keras":
            change_keras(sources[suffix], path, rng)
        else:
            shutil.copy(sources[suffix], path)
            with h5py.File(path, "r+") as file:
                change_h5(file, rng)
        arguments.append(str(path))
    return arguments
