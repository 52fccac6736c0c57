"""Where exports are written: a file, or the next version in a directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from keras_alexnet import files
from keras_alexnet.reasons import must_be
from keras_alexnet.whole_numbers import as_whole


def file_target(path: str | os.PathLike, example: str) -> Path:
    """The file of an export, in a directory that can be written to, or made.

    Args:
        path: As it was given.
        example: Name of such a file, for the message.

    Raises:
        ValueError: If it is no path, or no file can be there.
    """
    target = files.given_path("path", path)
    if target.is_dir():
        raise must_be("path", f"a file, as {example}, not a directory", str(path))
    files.check_directory("the file's directory", target.parent)
    if target.parent.is_dir():
        files.remove_leftovers(target.parent)
    return target


def version_target(path: str | os.PathLike, version: Any) -> Path:
    """The directory of a version, which does not exist yet.

    Servers read what is in the directories `1`, `2`, … of a model, each a version.

    Args:
        path: The directory of all versions.
        version: Number of the version; the next free one if None.

    Raises:
        ValueError: If `path` cannot be written to, or the version exists already.
    """
    root = files.given_path("path", path)
    files.check_directory("export_dir", root)
    if root.is_dir():
        files.remove_leftovers(root)
    entries = root.iterdir() if root.is_dir() else ()
    taken = [int(each.name) for each in entries if each.name.isdecimal()]
    number = max(taken, default=0) + 1 if version is None else as_whole(version)
    if number is None or number in taken or number < 0:
        raise ValueError(
            f"version must be a new number, 0 or more. Received: version={version!r}, "
            f"and {str(root)!r} holds {sorted(taken)}"
        )
    return root / str(number)
