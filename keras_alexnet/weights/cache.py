"""The cache of published weights, which are downloaded and converted once."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from keras_alexnet import files
from keras_alexnet.weights.download import fetch
from keras_alexnet.weights.published import WeightSet


def cached(record: WeightSet, convert: Callable[[Path, Path], None]) -> Path:
    """Returns the path of a weight set's `.weights.h5`, made on the first call.

    The first call downloads the publisher's file, checks its hash, converts it and
    removes it. Another process that calls meanwhile waits for the first. Later calls
    need neither the network nor the right to write.

    Args:
        record: The weight set.
        convert: Takes two paths: it converts the first, the publisher's file, to the
            second, a `.weights.h5` file.

    Raises:
        ValueError: If the file cannot be downloaded, or the cache cannot be written.

    Example:

    >>> cached(published.get("imagenet"), convert)  # doctest: +SKIP
    """
    path = location(record)
    # No lock for reading: the file is moved into place, so it is always complete.
    if not os.path.isfile(path):
        with _locked(path, record):
            if not os.path.isfile(path):
                _make(path, record, convert)
    return path


def location(record: WeightSet) -> Path:
    """The path at which `cached` keeps a weight set; it need not exist."""
    try:
        home = Path(files.expanded(os.environ.get("KERAS_HOME") or "~/.keras"))
    except ValueError:
        raise ValueError(
            f"the cache of weights={record.name!r} must have a folder; set KERAS_HOME "
            f"to one. Received: KERAS_HOME={os.environ.get('KERAS_HOME')!r} and no "
            f"home directory of user {os.getuid()}"
        ) from None
    return home / "keras_alexnet" / f"{record.name}-{record.digest[:8]}.weights.h5"


def _make(path: Path, record: WeightSet, convert: Callable[[Path, Path], None]) -> None:
    _remove_leftovers(path)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=_prefix(path)) as work:
        made = Path(work) / path.name
        convert(fetch(record, Path(work)), made)
        with open(made, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(made, path)


def _remove_leftovers(path: Path) -> None:
    """Removes the folders of processes that were killed; the lock must be held."""
    for folder in path.parent.glob(f"{_prefix(path)}*"):
        if folder.is_dir():
            shutil.rmtree(folder)


def _prefix(path: Path) -> str:
    return f".{path.name}."


@contextlib.contextmanager
def _locked(path: Path, record: WeightSet) -> Iterator[None]:
    """Holds the lock of a weight set; the system releases it if the process dies."""
    import filelock

    lock = filelock.FileLock(path.parent / f"{_prefix(path)}lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The lock file may be writable in a folder that is not.
        tempfile.TemporaryFile(dir=path.parent).close()
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            message = f"waiting for another process that downloads {record.name!r}"
            print(message, file=sys.stderr, flush=True)
            lock.acquire()
    except (OSError, NotImplementedError) as error:
        raise ValueError(
            f"the cache of weights={record.name!r} must be a folder that can be "
            "written to; set KERAS_HOME to another place, or give the path of the "
            f"downloaded {record.file_name} as weights. Received: "
            f"{str(path.parent)!r} ({getattr(error, 'strerror', None) or error})"
        ) from None
    try:
        yield
    finally:
        lock.release()
