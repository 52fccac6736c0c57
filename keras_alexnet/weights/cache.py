"""The cache of what was downloaded: each file is made once, whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from keras_alexnet import files
from keras_alexnet.weights.download import fetch
from keras_alexnet.weights.published import WeightSet
from keras_alexnet.weights.remote_files import WrongFile, digests_of

_HELD_TO = "sha256"  # the hash of a first download that nobody has published


def cached(record: WeightSet, convert: Callable[[Path, Path], None]) -> Path:
    """Returns the path of a weight set's `.weights.h5`, made on the first call.

    The first call downloads the publisher's file, checks its hashes, converts it and
    removes it. If no hash is published, that of the first download is shown and kept
    in a file beside, and every later download must have it.

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

    def make(work: Path, made: Path) -> None:
        file, found = _fetched(record, work, path.parent)
        convert(file, made)
        if found:
            _hold_to(record, path.parent, found)

    return kept(
        path,
        f"weights={record.name!r}",
        f"the path of the downloaded {record.file_name}",
        make,
    )


def kept(
    path: Path, what: str, instead: str, make: Callable[[Path, Path], None]
) -> Path:
    """Returns the path of a file of the cache, made on the first call.

    Another process that calls meanwhile waits for the first. Later calls need neither
    the network nor the right to write.

    Args:
        path: Where it is kept; its folder need not exist.
        what: What it is, for messages.
        instead: What to give as weights if the cache cannot be written.
        make: Takes a folder to work in, which is removed afterwards, and the path in
            it at which it makes the file.

    Raises:
        ValueError: As `make` does, or if the cache cannot be written.
    """
    # No lock for reading: the file is moved into place, so it is always complete.
    if not os.path.isfile(path):
        with _locked(path, what, instead):
            if not os.path.isfile(path):
                _make(path, make)
    return path


def location(record: WeightSet) -> Path:
    """The path at which `cached` keeps a weight set; it need not exist."""
    digest = "" if record.digest is None else f"-{record.digest[:8]}"
    name = f"{record.name}{digest}.weights.h5"
    return folder(f"weights={record.name!r}") / name


def folder(what: str) -> Path:
    """The folder of the cache; it need not exist.

    Args:
        what: What is looked for in it, for the message.

    Raises:
        ValueError: If there is no home directory.
    """
    try:
        home = Path(files.expanded(os.environ.get("KERAS_HOME") or "~/.keras"))
    except ValueError:
        raise ValueError(
            f"the cache of {what} must have a folder; set KERAS_HOME to one. "
            f"Received: KERAS_HOME={os.environ.get('KERAS_HOME')!r} and no home "
            f"directory of user {os.getuid()}"
        ) from None
    return home / "keras_alexnet"


def _fetched(record: WeightSet, work: Path, cache: Path) -> tuple[Path, str]:
    """The publisher's file; and its hash, if it is the first one without any."""
    if record.digests:
        return fetch(record, work), ""
    first = _first(record, cache)
    if not first.is_file():
        file = fetch(record, work)
        ((_, found),) = digests_of(file, (_HELD_TO,))
        return file, found
    held = dataclasses.replace(
        record, other_digests=((_HELD_TO, _read_hash(first, record)),)
    )
    try:
        return fetch(held, work), ""
    except WrongFile as error:
        raise WrongFile(
            f"{error.expected}, since the first download had that hash; if the "
            f"publisher has another file now, remove {str(first)!r}",
            error.received,
        ) from None


def _first(record: WeightSet, cache: Path) -> Path:
    """The file with the hash of the first download."""
    return cache / f"{record.name}.{_HELD_TO}"


def _read_hash(path: Path, record: WeightSet) -> str:
    found = re.match(r"[0-9a-f]{64}\b", files.read_text(path))
    if found is None:
        raise ValueError(
            f"the hash of the first {record.file_name} must be a line as sha256sum "
            f"writes it; restore or remove it. Received: {str(path)!r}"
        )
    return found[0]


def _hold_to(record: WeightSet, cache: Path, found: str) -> None:
    """Keeps the hash of a first download, and shows it."""
    first = _first(record, cache)
    files.write_text(first, f"{found}  {record.file_name}\n")
    print(
        f"no hash of {record.file_name} is published: it has {_HELD_TO} {found}, which "
        f"is kept in {first}; a later download must have it, too",
        file=sys.stderr,
        flush=True,
    )


def _make(path: Path, make: Callable[[Path, Path], None]) -> None:
    _remove_leftovers(path)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=_prefix(path)) as work:
        made = Path(work) / path.name
        make(Path(work), made)
        with open(made, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(made, path)


def _remove_leftovers(path: Path) -> None:
    """Removes the folders of processes that were killed; the lock must be held."""
    for leftover in path.parent.glob(f"{_prefix(path)}*"):
        if leftover.is_dir():
            shutil.rmtree(leftover)


def _prefix(path: Path) -> str:
    return f".{path.name}."


@contextlib.contextmanager
def _locked(path: Path, what: str, instead: str) -> Iterator[None]:
    """Holds the lock of a file; the system releases it if the process dies."""
    import filelock

    lock = filelock.FileLock(path.parent / f"{_prefix(path)}lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The lock file may be writable in a folder that is not.
        tempfile.TemporaryFile(dir=path.parent).close()
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            message = f"waiting for another process that downloads {what}"
            print(message, file=sys.stderr, flush=True)
            lock.acquire()
    except (OSError, NotImplementedError) as error:
        raise ValueError(
            f"the cache of {what} must be a folder that can be written to; set "
            f"KERAS_HOME to another place, or give {instead} as weights. Received: "
            f"{str(path.parent)!r} ({getattr(error, 'strerror', None) or error})"
        ) from None
    try:
        yield
    finally:
        lock.release()
