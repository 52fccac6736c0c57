"""Paths that TensorFlow's readers would misread, and links that they can read.

TensorFlow looks for a checkpoint, and for the variables of a SavedModel, by pattern
(`GetMatchingPaths` in `tensor_slice_reader.cc` and `save_restore_v2_ops.cc`): in
`runs/k[a]` it finds nothing. And its paths must be UTF-8, while a file system's are
any bytes. A symbolic link with a plain name avoids both.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import tempfile
from pathlib import Path

_PATTERN = frozenset("*?[\\")


def for_tensorflow(directory: Path) -> str:
    """The directory's path, or that of a link to it where TensorFlow would misread it.

    The links are in a temporary folder, which is removed when the process ends.

    Args:
        directory: One that exists.

    Raises:
        ValueError: If the folder for temporary files has such a name itself.

    Example:

    >>> for_tensorflow(Path("/"))
    '/'
    """
    path = os.path.abspath(directory)
    return path if _is_plain(path) else _link(path)


def check_plain(name: str, path: str | os.PathLike) -> None:
    """Raises ValueError if TensorFlow would misread a path.

    Args:
        name: Name of the argument, for the message.
        path: Where something will be written that is loaded without this package.
    """
    if not _is_plain(os.path.abspath(path)):
        raise ValueError(
            f"{name} must be a path without any of * ? [ \\ and in UTF-8, since "
            "TensorFlow takes these for patterns when it loads what is written there; "
            f"give another one. Received: {name}={os.fspath(path)!r}"
        )


def _is_plain(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return _PATTERN.isdisjoint(path)


@functools.cache
def _link(path: str) -> str:
    link = os.path.join(_folder(), str(_link.cache_info().misses))
    os.symlink(path, link, target_is_directory=True)
    atexit.register(_remove, link)
    return link


@functools.cache
def _folder() -> str:
    temporary = os.path.abspath(tempfile.gettempdir())
    if not _is_plain(temporary):
        raise ValueError(
            "the folder for temporary files must have a path without any of * ? [ \\ "
            f"and in UTF-8; set TMPDIR to another one. Received: {temporary!r}"
        )
    folder = tempfile.mkdtemp(prefix="keras_alexnet.", dir=temporary)
    atexit.register(_remove, folder)  # runs after those of the links in it
    return folder


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        if os.path.islink(path):
            os.unlink(path)
        else:
            os.rmdir(path)
