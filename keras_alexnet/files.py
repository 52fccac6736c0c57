"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Writes `text` to `path` so that a reader sees the old file or the new one."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` to `path`; a reader sees the old file or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def check_directory(name: str, path: Path) -> None:
    """Raises ValueError if `path` is no directory and cannot become one.

    Args:
        name: What the person calls it, for the message.
        path: The directory, which need not exist.
    """
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    try:
        os.rmdir(tempfile.mkdtemp(dir=there, prefix=".keras_alexnet."))
    except OSError as error:
        raise ValueError(
            f"{name} must be a directory that can be written to, or made. "
            f"Received: {name}={str(path)!r} ({error.strerror}: {str(there)!r})"
        ) from error


@contextlib.contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Gives a fresh folder beside `path`, which becomes `path` if all goes well.

    `path` must not exist. What was begun is removed when the body raises.
    """
    made = [each for each in path.parents if not each.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    begun = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield begun
        begun.chmod(0o777 & ~_umask())
        begun.rename(path)
    except BaseException:
        shutil.rmtree(begun, ignore_errors=True)
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()
        raise


def _umask() -> int:
    """The umask, which can be read only by setting it; mkstemp ignores it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
