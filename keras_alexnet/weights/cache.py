"""The cache of what was downloaded: each file is made once, whole or not at all.

Beside each file, `.NAME.sha256` has the checksum of what was written. A file with
another one, or without, is not used: it is made anew, and a line says so.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from keras_alexnet import files
from keras_alexnet.reasons import reason
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
    if not _is_as_written(path):
        with _locked(path, what, instead):
            if not _is_as_written(path):
                _say_of(path, what)
                _make(path, what, make)
    return path


def _is_as_written(path: Path) -> bool:
    """Whether a file has the checksum that is kept beside it."""
    if not path.is_file() or not _checksum(path).is_file():
        return False
    with contextlib.suppress(OSError, ValueError):
        return files.read_text(_checksum(path)).split() == _sum_line(path).split()
    return False


def _checksum(path: Path) -> Path:
    """The file with the checksum of a file of the cache."""
    return path.with_name(f"{_prefix(path)}{_HELD_TO}")


def _sum_line(path: Path) -> str:
    """The checksum of a file, as sha256sum writes it."""
    ((_, found),) = digests_of(path, (_HELD_TO,))
    return f"{found}  {path.name}\n"


def _say_of(path: Path, what: str) -> None:
    """Says that a file is made anew, if there is one; a folder cannot be replaced."""
    for each in (path, _checksum(path)):
        if each.is_dir():
            raise ValueError(
                f"the cache of {what} must be a file, or not there yet; remove what is "
                f"in its place. Received: {str(each)!r}, a folder"
            )
    if path.is_file():
        _say(
            f"{path} is not used, since it has not the checksum of what was written "
            f"there, or none: {what} is fetched anew"
        )


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
    _say(
        f"no hash of {record.file_name} is published: it has {_HELD_TO} {found}, which "
        f"is kept in {first}; a later download must have it, too"
    )


def _make(path: Path, what: str, make: Callable[[Path, Path], None]) -> None:
    try:
        _remove_leftovers(path)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=_prefix(path)) as work:
            made = Path(work) / path.name
            make(Path(work), made)
            with open(made, "rb+") as file:
                os.fsync(file.fileno())
            line = _sum_line(made)
            os.replace(made, path)
            files.write_text(_checksum(path), line)
    except OSError as error:
        place = error.filename or path
        raise ValueError(
            f"the cache of {what} must be able to keep {str(path)!r}; see what is in "
            f"its place. Received: {str(place)!r} ({reason(error)})"
        ) from None


def _remove_leftovers(path: Path) -> None:
    """Removes the folders of processes that were killed; the lock must be held."""
    for leftover in path.parent.glob(f"{_prefix(path)}*"):
        if leftover.is_dir() and not leftover.is_symlink():
            shutil.rmtree(leftover)


def _prefix(path: Path) -> str:
    return f".{path.name}."


def _say(message: str) -> None:
    """Shows a line on standard error."""
    from keras_alexnet import terminal

    terminal.say(terminal.new_console(stderr=True), message)


@contextlib.contextmanager
def _locked(path: Path, what: str, instead: str) -> Iterator[None]:
    """Holds the lock of a file; the system releases it if the process dies."""
    import filelock

    place = path.parent / f"{_prefix(path)}lock"
    lock = filelock.FileLock(place)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # The lock file may be writable in a folder that is not.
        tempfile.TemporaryFile(dir=path.parent).close()
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            _say(f"waiting for another process that downloads {what}")
            lock.acquire()
    except (OSError, NotImplementedError) as error:
        named = Path(getattr(error, "filename", None) or "") == place
        raise ValueError(
            f"the cache of {what} must be a folder that can be written to; set "
            f"KERAS_HOME to another place, or give {instead} as weights. Received: "
            f"{str(place if named else path.parent)!r} ({reason(error)})"
        ) from None
    try:
        yield
    finally:
        lock.release()
