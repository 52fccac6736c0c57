"""HDF5 files, checked before a value is read: all values must be in the file itself.

HDF5 can point elsewhere in four ways: a link to another file, a dataset whose values
are in another file, one composed of other files' datasets, and a link by a path. With
these, a file of weights from somebody else could read other files of the machine. Nor
may it claim to hold more than it does: a header of a few bytes can claim any shape, and
a compressed block can expand to any size. Keras writes none of this. What is checked of
a dataset, shape, type, storage, filters and blocks, is in its header: no value is read.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

import h5py

from keras_alexnet.reasons import printable, shortened
from keras_alexnet.weights.formats import archives
from keras_alexnet.weights.formats.archives import StoredEntry

Datasets = dict[str, h5py.Dataset]
_MOST_OBJECTS = 20_000  # an AlexNet with its optimizer has some 150
_LONGEST_PATH = 1000
_MOST_OF_JSON = 2**22  # bytes; an AlexNet's configuration has some 20,000
# Not those whose values are elsewhere in the file, or are composed of others.
_TYPES = (h5py.h5t.FLOAT, h5py.h5t.INTEGER, h5py.h5t.OPAQUE, h5py.h5t.ENUM)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Datasets]:
    """The datasets of a file by their paths, as `layers/dense/vars/0`.

    Raises:
        ValueError: If one of them is not stored plainly inside the file.
    """
    with h5py.File(path, "r") as file:
        yield _datasets(file, os.path.getsize(path))


@contextlib.contextmanager
def opened_entry(path: Path, name: str) -> Iterator[Datasets]:
    """As `opened`, of an HDF5 file within a zip archive, such as a `.keras` file."""
    check_entries(path, name)
    with open(path, "rb") as whole, archives.opened(whole, "Keras") as archive:
        entry = archive.getinfo(name)
        with h5py.File(StoredEntry(whole, entry), "r") as file:
            yield _datasets(file, entry.file_size)


def check_entries(path: Path, name: str) -> None:
    """Checks the HDF5 files within a zip archive, such as a `.keras` file.

    Args:
        path: The archive.
        name: An entry that it must have.

    Raises:
        ValueError: If it lacks that entry, a dataset is not stored plainly inside its
            file, an entry is compressed or overlaps another, or one of JSON is long.
    """
    with open(path, "rb") as whole, archives.opened(whole, "Keras") as archive:
        if name not in archive.namelist():
            raise ValueError(f"it holds no {name}")
        for entry in archive.infolist():
            if entry.filename.endswith(".json") and entry.file_size > _MOST_OF_JSON:
                raise ValueError(f"its {entry.filename} has {entry.file_size:,} bytes")
            if entry.filename.endswith((".h5", ".hdf5")):
                with h5py.File(StoredEntry(whole, entry), "r") as file:
                    _datasets(file, entry.file_size)


def _datasets(file: h5py.File, size: int) -> Datasets:
    """All datasets; only headers are read."""
    found: Datasets = {}
    groups: list[tuple[str, h5py.Group]] = [("", file)]
    count = total = 0
    while groups:
        prefix, group = groups.pop()
        count += len(group)
        if count > _MOST_OBJECTS:  # perhaps a group that contains itself
            raise ValueError(f"it holds more than {_MOST_OBJECTS} objects")
        for name in group:
            path = f"{prefix}{name}"
            if len(path) > _LONGEST_PATH:
                raise ValueError(f"{_shown(path)} is nested too deeply")
            _check_link(_shown(path), group.get(name, getlink=True))
            item = group[name]
            if isinstance(item, h5py.Group):
                groups.append((f"{path}/", item))
            elif isinstance(item, h5py.Dataset):
                total += _checked_size(_shown(path), item)
                found[path] = item
    if total > size:
        raise ValueError(
            f"its headers claim {total:,} bytes of values, the file has {size:,}"
        )
    return found


def _check_link(path: str, link: object) -> None:
    if isinstance(link, h5py.ExternalLink):
        raise ValueError(
            f"{path} is a link to another file, {link.filename!r}: nothing outside "
            "the file is read"
        )
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"{path} is a link by path, not an object itself")


def _checked_size(path: str, dataset: h5py.Dataset) -> int:
    """Bytes that reading a dataset takes, if all of its values are in the file."""
    # First, since the shape of a virtual dataset can depend on its sources.
    form = dataset.id.get_create_plist()
    if form.get_layout() == h5py.h5d.VIRTUAL or form.get_external_count():
        raise ValueError(
            f"{path} has its values in other files: nothing outside the file is read"
        )
    kind = dataset.id.get_type()
    if kind.get_class() not in _TYPES or dataset.shape is None:
        raise ValueError(f"{path} holds something other than numbers")
    size = math.prod(dataset.shape) * kind.get_size()
    stored = dataset.id.get_storage_size()
    if size > stored or form.get_nfilters():
        raise ValueError(
            f"{path} of shape {dataset.shape} is compressed or incomplete; Keras "
            "writes complete, uncompressed arrays"
        )
    # HDF5 reads a whole block, however little of it is in the shape.
    blocks = form.get_chunk() if form.get_layout() == h5py.h5d.CHUNKED else ()
    return max(stored, math.prod(blocks) * kind.get_size())


def _shown(path: str) -> str:
    """A path in the file, for a message."""
    return printable(shortened(path))
