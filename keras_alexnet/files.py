"""Paths as people type them; files and folders that are written whole or not at all."""

from __future__ import annotations

import collections
import contextlib
import errno
import io
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_alexnet import json_schema
from keras_alexnet.reasons import must_be

try:
    import fcntl
except ImportError:  # on Windows, where no leftovers are removed
    fcntl = None  # type: ignore[assignment]

# The recipes, which the package brings along: setup.py copies them there.
PACKAGE, RECIPES = Path(__file__).parent, "configs"

# Names of ours begin with this while their content is being written.
PREFIX = ".keras_alexnet."
# Python needs up to 36 bytes for one of JSON.
_MOST_JSON = 2**24
_MOST_TEXT = 2**24


def expanded(path: str | bytes | os.PathLike) -> str:
    """Expands `~` and `~name` to home directories.

    No shell expands them in `--model_dir=~/runs`, in a flagfile or in Python. An
    expanded path is returned unchanged.

    Args:
        path: As it was typed; `./~` is the entry of that name.

    Raises:
        ValueError: If there is neither such a home directory nor such a file.

    Example:

    >>> expanded("~/runs") == os.path.join(os.environ["HOME"], "runs")
    True
    """
    text = os.fsdecode(path)
    meant = os.path.expanduser(text)
    if meant.startswith("~") and not os.path.lexists(meant):
        raise ValueError(
            "a path that begins with ~ must begin with the name of a home directory; "
            f"write it in full, or ./~ for a name that begins so. Received: {text!r}"
        )
    # pathlib drops the "./", and what is left would be another path.
    if str(Path(meant)).startswith("~") and not text.startswith("~"):
        return os.path.abspath(meant)
    return meant


def given_path(name: str, value: Any) -> Path:
    """The path of an argument, with `~` expanded.

    Args:
        name: Name of the argument, for the message.
        value: The argument.

    Raises:
        ValueError: If it is no path.
    """
    if not isinstance(value, (str, bytes, os.PathLike)) or not os.fspath(value):
        raise must_be(name, "a path", value)
    return Path(expanded(value))


def recipe(path: str | os.PathLike) -> Path:
    """The file of a recipe: the one here, or that which the package brings along.

    Args:
        path: `configs/…` is the package's own, unless there is such a file here; any
            other path is returned unchanged.

    Example:

    >>> recipe("configs/quickstart.flags").is_file()
    True
    """
    own = Path(path)
    here = os.path.lexists(own) or own.parts[:1] != (RECIPES,)
    return own if here or not (PACKAGE / own).is_file() else PACKAGE / own


def read_text(path: Path, most_bytes: int = _MOST_TEXT) -> str:
    """Reads a text file in UTF-8, with a byte order mark or without.

    Args:
        path: Of the file.
        most_bytes: How long it may be.

    Raises:
        ValueError: If it is no UTF-8, too long or another kind of file.
        OSError: If it cannot be read.
    """
    return _decoded(path, _bytes_of_file(path, most_bytes))


def read_given_text(path: Path, errors: str = "strict") -> str:
    """Reads a text file in UTF-8 that a person names; it may be a pipe.

    Args:
        path: Of the file.
        errors: As `open` takes it.

    Raises:
        ValueError: If it is no UTF-8.
        OSError: If it cannot be read.
    """
    return _decoded(path, path.read_bytes(), errors)


def _decoded(path: Path, content: bytes, errors: str = "strict") -> str:
    try:
        with io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", errors) as text:
            return text.read()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"a text file must be UTF-8. Received: {str(path)!r} "
            f"({error.reason} at byte {error.start})"
        ) from None


def read_picture(path: str | os.PathLike) -> bytes:
    """Reads the file of a picture.

    Raises:
        OSError: If it cannot be read; of a folder the message says what to give.
    """
    place = Path(expanded(path))
    if place.is_dir():
        name = os.fsdecode(path)
        pattern = _pattern_of_files(place)
        what = f"a folder: give its files, as sorted(Path({name!r}).glob({pattern!r}))"
        raise IsADirectoryError(errno.EISDIR, what, name)
    return place.read_bytes()


def _pattern_of_files(folder: Path) -> str:
    """A pattern for the files of a folder, by the ending that most of them have."""
    with os.scandir(folder) as entries:
        endings = [Path(each.name).suffix for each in entries if each.is_file()]
    counted = collections.Counter(filter(None, endings)).most_common(1)
    return f"*{counted[0][0]}" if counted else "*"


def read_json(
    path: Path, most_bytes: int = _MOST_JSON, /, **fields: Any
) -> dict[str, Any]:
    """Reads a JSON object.

    Args:
        path: Of the file.
        most_bytes: How long it may be.
        **fields: The members that it must have, and the kind of each: a type, or what
            else `json_schema` knows, such as `list[str]`. What may be None may be
            missing too, and is None then.

    Raises:
        ValueError: If it is damaged, too long or another kind of file; the message
            names it.
        OSError: If it cannot be read.

    Example:

    >>> read_json(Path("run/data.json"), class_names=list[str])  # doctest: +SKIP
    """
    text = _decoded(path, _bytes_of_file(path, most_bytes))
    try:
        content = json_schema.loaded(text)
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    if not isinstance(content, dict):
        raise _damaged(path, f"a {type(content).__name__}, no object")
    for name, kind in fields.items():
        missing = name not in content
        found = json_schema.fault(content.setdefault(name, None), kind, name)
        if found:
            raise _damaged(path, f"{name!r} is missing" if missing else found)
    return content


def _bytes_of_file(path: Path, most: int) -> bytes:
    """The content of a file proper: a pipe in its place would be waited for."""
    with open(path, "rb", opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise _no_file(path, "a pipe or a device, no file")
        if status.st_size > most:
            raise _no_file(path, f"{status.st_size:,} bytes, of {most:,} at most")
        return file.read(most)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _no_file(path: Path, what: str) -> ValueError:
    return ValueError(
        "a text file must be a file, as it was written; restore or remove it. "
        f"Received: {str(path)!r} ({what})"
    )


def _damaged(path: Path, reason: str) -> ValueError:
    return ValueError(
        "a JSON file must be whole, as it was written; restore or remove it. "
        f"Received: {str(path)!r} ({reason})"
    )


def write_text(path: Path, text: str) -> None:
    """Writes `text` to `path`; a reader sees the old file or the new one."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` to `path`; a reader sees the old file or the new one.

    Raises:
        OSError: If it cannot be written; it names `path`.
    """
    try:
        _write_beside(path, content)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write_beside(path: Path, content: bytes) -> None:
    """Writes a file beside `path`, and renames it to `path`."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{PREFIX}{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            _lock(file.fileno())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, new_file_mode())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def check_text(name: str, path: str | os.PathLike) -> None:
    """Raises ValueError for a path that is not UTF-8: most libraries refuse those.

    Args:
        name: Name of the argument, for the message.
        path: The path.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{name} must be a path in UTF-8. Received: {name}={os.fspath(path)!r}"
        ) from None


def check_directory(name: str, path: Path) -> None:
    """Raises ValueError if `path` is no directory and cannot become one.

    Args:
        name: Name of the argument, for the message.
        path: The directory, which need not exist.
    """
    # A link that leads nowhere is there, and nothing can be made in its place.
    places = (path, *path.absolute().parents)
    nearest = next(each for each in places if os.path.lexists(each))
    try:
        probe = tempfile.mkdtemp(dir=nearest, prefix=PREFIX)
        with contextlib.suppress(FileNotFoundError):  # another process removed it
            os.rmdir(probe)
    except OSError as error:
        raise ValueError(
            f"{name} must be a directory that can be written to, or made. "
            f"Received: {name}={str(path)!r} ({error.strerror}: {str(nearest)!r})"
        ) from None


@contextlib.contextmanager
def named_in_errors(path: Path) -> Iterator[None]:
    """Gives the path to errors of writing that name none, as of a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextlib.contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Gives a temporary folder beside `path`, which is renamed to `path` at the end.

    `path` must not exist. If the body raises, the temporary folder is removed.
    """
    with _parents_made(path), partial_directory(path.parent, path.name) as partial:
        yield partial
        partial.chmod(0o777 & ~_umask())
        partial.rename(path)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives the path of a temporary file, which becomes `path` at the end.

    A file that is there already is replaced at the end; a reader sees that one or the
    new one. If the body raises, nothing has changed.

    Raises:
        OSError: If it cannot be written; it names `path`.
    """
    with (
        _parents_made(path),
        partial_directory(path.parent, path.name) as partial,
        _as_errors_of(path, partial),
    ):
        yield partial / path.name
        with open(partial / path.name, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(partial / path.name, path)


@contextlib.contextmanager
def _as_errors_of(path: Path, partial: Path) -> Iterator[None]:
    """Gives the path to errors of writing that name none, or the temporary file."""
    try:
        yield
    except OSError as error:
        other = error.filename is not None and str(partial) not in str(error.filename)
        if other or error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


@contextlib.contextmanager
def _parents_made(path: Path) -> Iterator[None]:
    """Makes the folders above `path`; if the body raises, it removes them again."""
    made = [each for each in path.parents if not each.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


@contextlib.contextmanager
def partial_directory(parent: Path, name: str) -> Iterator[Path]:
    """Gives a temporary folder, locked, that is gone at the end if it is still there.

    Args:
        parent: The folder that it is in.
        name: A part of its name, for people.
    """
    partial = Path(tempfile.mkdtemp(dir=parent, prefix=f"{PREFIX}{name}."))
    locked = os.open(partial, os.O_RDONLY) if fcntl is not None else None
    try:
        if locked is not None:
            _lock(locked)
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if locked is not None:
            os.close(locked)


def remove_leftovers(directory: Path) -> None:
    """Removes the partial files and folders that killed processes left in a directory.

    It removes only names that begin with `PREFIX`, and only those that no process has
    locked: the system releases the locks of a process that ends.
    """
    with os.scandir(directory) as entries:
        partial = [each for each in entries if each.name.startswith(PREFIX)]
    for entry in partial:
        if entry.is_symlink() or fcntl is None:
            continue
        with contextlib.suppress(OSError):  # locked, another user's, or gone already
            handle = os.open(entry.path, os.O_RDONLY)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if entry.is_dir():
                    shutil.rmtree(entry.path)
                else:
                    os.unlink(entry.path)
            finally:
                os.close(handle)


def _lock(handle: int) -> None:
    """Locks what is being written, so that `remove_leftovers` keeps it."""
    if fcntl is not None:
        # Where the file system has no locks, `remove_leftovers` removes nothing.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def new_file_mode() -> int:
    """The permissions that `open` would give to a new file."""
    return 0o666 & ~_umask()


def _umask() -> int:
    """The umask, which can be read only by setting it; mkstemp ignores it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
