"""HDF5 files, checked before a value is read: all values must be in the file itself.

HDF5 can point elsewhere in four ways: a link to another file, a dataset whose values
are in another file, one composed of other files' datasets, and a link by a path. With
these, a file of weights from somebody else could read other files of the machine. Nor
may it claim to hold more than it does: a header of a few bytes can claim any shape,
and a compressed block can expand to any size. Keras writes none of this.
"""

from __future__ import annotations

import contextlib
import math
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import h5py

from keras_alexnet.weights.formats.archives import StoredEntry, check_stored

Datasets = dict[str, h5py.Dataset]
_MOST_OBJECTS = 20_000  # an AlexNet with its optimizer has some 150


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
    with zipfile.ZipFile(path) as archive, open(path, "rb") as whole:
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
            file, or an entry is compressed or overlaps another.
    """
    with zipfile.ZipFile(path) as archive, open(path, "rb") as whole:
        check_stored(archive, os.path.getsize(path), "Keras")
        if name not in archive.namelist():
            raise ValueError(f"it holds no {name}")
        for entry in archive.infolist():
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
        for name in group:
            count += 1
            if count > _MOST_OBJECTS:  # perhaps a group that contains itself
                raise ValueError(f"it holds more than {_MOST_OBJECTS} objects")
            path = f"{prefix}{name}"
            _check_link(path, group.get(name, getlink=True))
            item = group[name]
            if isinstance(item, h5py.Group):
                groups.append((f"{path}/", item))
            elif isinstance(item, h5py.Dataset):
                total += _checked_size(path, item)
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
    """Bytes of a dataset's values, if all of them are in the file."""
    # First, since the shape of a virtual dataset can depend on its sources.
    form = dataset.id.get_create_plist()
    if form.get_layout() == h5py.h5d.VIRTUAL or form.get_external_count():
        raise ValueError(
            f"{path} has its values in other files: nothing outside the file is read"
        )
    size = math.prod(dataset.shape or (0,)) * dataset.id.get_type().get_size()
    if size > dataset.id.get_storage_size():
        raise ValueError(
            f"{path} of shape {dataset.shape} is compressed or incomplete; Keras "
            "writes complete, uncompressed arrays"
        )
    return size
