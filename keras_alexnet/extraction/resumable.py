"""An HDF5 file of rows that a killed process leaves whole, for another to continue.

HDF5 keeps an index of its datasets in the file, and a kill while that is written
damages all of it. So everything but the values of the rows is written first, under
another name: layout, names, attributes, and the place of every row, since datasets are
contiguous and of their final size. Later writes only replace bytes of values, without
the HDF5 library; `rows` counts those that are complete.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from keras_alexnet import files, json_schema
from keras_alexnet.reasons import outside, reason, shortened

PARTIAL = ".partial"
_REQUEST = "request"
_ROWS, _VALID = "rows", "valid"
_COUNTER = np.dtype("<i8")
_FLAG = np.dtype("u1")
# What h5py and JSON raise for what is no such file.
_DAMAGED = (LookupError, ValueError, TypeError, AttributeError, RuntimeError)


class ResumableFile:
    """A file of rows that is open.

    Args:
        path: The file.
        raw: The same, open for reading and writing its bytes.

    Attributes:
        rows: How many rows are complete.
        count: How many there will be.
    """

    def __init__(self, path: Path, raw: BinaryIO) -> None:
        self._raw = raw
        # Where each dataset begins, its type and the shape of a row.
        self._places: dict[str, tuple[int, np.dtype, tuple[int, ...]]] = {}
        with h5py.File(path, "r") as file:
            self.request = json_schema.loaded(file.attrs[_REQUEST])
            layers = self.request["layers"]
            for name in (_ROWS, _VALID, *layers):
                held = file[name]
                place = (held.id.get_offset(), held.dtype, held.shape[1:])
                if place[0] is None:
                    raise ValueError(f"{outside(name)} is not in one piece")
                self._places[name] = place
            self.count = int(file[_VALID].shape[0])
            # Of hashes, what a person calls them.
            self.words = {
                "model": outside(file.attrs["model"]),
                "pictures": f"{self.count} of {outside(file.attrs['data'])}",
            }
            self.rows = int(file[_ROWS][0])

    @staticmethod
    def create(
        path: Path,
        request: Mapping[str, Any],
        tables: Mapping[str, tuple[tuple[int, ...], str]],
        beside: Mapping[str, Any],
        about: Mapping[str, str],
    ) -> None:
        """Writes a file without rows.

        Args:
            path: The file; it appears whole or not at all.
            request: What the file is of; `layers` are the names of the datasets.
            tables: Shape and type of each of them.
            beside: Other datasets: lists of texts, or arrays.
            about: Attributes.

        Raises:
            OSError: If it cannot be written; it names `path`.
        """
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{files.PREFIX}")
        os.close(handle)
        try:
            with h5py.File(name, "w") as file:
                _fill(file, tables, beside)
                file.attrs.update(about)
                file.attrs[_REQUEST] = json.dumps(request)
            os.chmod(name, files.new_file_mode())
            os.replace(name, path)
        except BaseException as error:
            Path(name).unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise OSError(error.errno, error.strerror, str(path)) from error
            raise

    def append(self, tables: Mapping[str, np.ndarray]) -> None:
        """Writes the next rows of all datasets, and then counts them.

        Args:
            tables: For each dataset `[rows, …]`, and for `valid` `[rows]`.
        """
        for name, values in tables.items():
            self._write(name, self.rows, values)
        self._sync()
        self.rows += len(tables[_VALID])
        self._write(_ROWS, 0, np.array([self.rows]))
        self._sync()

    def read(self, name: str) -> np.ndarray:
        """The complete rows of a dataset."""
        place, dtype, shape = self._places[name]
        values = self.rows * int(np.prod(shape, dtype=np.int64))
        self._raw.seek(place)
        content = self._raw.read(values * dtype.itemsize)
        return np.frombuffer(content, dtype).reshape([self.rows, *shape])

    def _write(self, name: str, row: int, values: np.ndarray) -> None:
        place, dtype, shape = self._places[name]
        size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        self._raw.seek(place + row * size)
        self._raw.write(np.ascontiguousarray(values, dtype).tobytes())

    def _sync(self) -> None:
        self._raw.flush()
        os.fsync(self._raw.fileno())


@contextlib.contextmanager
def opened(
    path: Path, request: Mapping[str, Any], words: Mapping[str, str]
) -> Iterator[ResumableFile]:
    """Opens a file whose rows are complete, to read it.

    Args:
        path: The file.
        request: What it must be of.
        words: What a person calls the `model` and the `pictures` of the request.

    Raises:
        ValueError: If it is of something else, is no such file, or is not complete.
    """
    with open(path, "rb") as raw:
        found = _checked(path, raw, request, words)
        if found.rows != found.count:
            raise _not_whole(path, found)
        yield found


@contextlib.contextmanager
def continued(
    path: Path,
    request: Mapping[str, Any],
    words: Mapping[str, str],
    create: Callable[[], object],
) -> Iterator[ResumableFile]:
    """Opens a file of rows to continue it, for this process alone.

    Args:
        path: The file.
        request: What it must be of.
        words: As for `opened`.
        create: Writes it, without rows; called if there is none.

    Raises:
        ValueError: If it is of something else, is no such file, or another process
            writes it.
    """
    import filelock  # only here: importing the package brings none of these

    lock = filelock.FileLock(f"{path}.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise ValueError(
            "a file must be written by one process at a time; wait for the other. "
            f"Received: {str(path)!r}"
        ) from None
    try:
        if not path.exists():
            create()
        with files.named_in_errors(path), open(path, "r+b") as raw:
            yield _checked(path, raw, request, words)
    finally:
        lock.release()
        Path(f"{path}.lock").unlink(missing_ok=True)


def _checked(
    path: Path, raw: BinaryIO, request: Mapping[str, Any], words: Mapping[str, str]
) -> ResumableFile:
    try:
        found = ResumableFile(path, raw)
    except (*_DAMAGED, OSError) as error:
        raise ValueError(
            "out must be a new file, or one of features; name another one. "
            f"Received: {str(path)!r} ({reason(error)})"
        ) from None
    for name, wanted in json.loads(json.dumps(request)).items():
        held = found.request.get(name)
        if held != wanted:
            of, now = _short(held), _short(wanted)
            if name in found.words:
                of, now = found.words[name], words[name]
            if of == now:  # a file was changed, or the run was trained for longer
                now = "these as they are now"
            raise ValueError(
                f"out must be of the same {name} to be continued; name another file, "
                f"or remove it. Received: {str(path)!r} of {of}, not {now}"
            )
    if not 0 <= found.rows <= found.count:
        raise _not_whole(path, found)
    return found


def _not_whole(path: Path, found: ResumableFile) -> ValueError:
    return ValueError(
        "out must be whole; remove it. Received: "
        f"{str(path)!r} with {found.rows} of {found.count} rows"
    )


def _short(value: Any) -> str:
    return shortened(json.dumps(value), 70)


def _fill(
    file: h5py.File,
    tables: Mapping[str, tuple[tuple[int, ...], str]],
    beside: Mapping[str, Any],
) -> None:
    count = next(iter(tables.values()))[0][0]
    _reserve(file, _ROWS, (1,), _COUNTER)
    file[_ROWS][0] = 0
    _reserve(file, _VALID, (count,), _FLAG)
    for name, (shape, dtype) in tables.items():
        _reserve(file, name, shape, np.dtype(dtype).newbyteorder("<"))
    for name, values in beside.items():
        if isinstance(values, np.ndarray):
            file.create_dataset(name, data=values)
        else:
            texts = np.array(values, dtype=object)
            file.create_dataset(name, data=texts, dtype=h5py.string_dtype())


def _reserve(
    file: h5py.File, name: str, shape: tuple[int, ...], dtype: np.dtype
) -> None:
    """A dataset in one piece, whose place is known from now on."""
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_layout(h5py.h5d.CONTIGUOUS)
    plan.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    plan.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    space = h5py.h5s.create_simple(shape)
    kind = h5py.h5t.py_create(dtype)
    h5py.h5d.create(file.id, name.encode(), kind, space, plan)
