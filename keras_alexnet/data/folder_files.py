"""The files in the folders of classes: which are pictures, and which are skipped."""

from __future__ import annotations

import collections
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from keras_alexnet.data.formats import (
    CONVERTED,
    HEAD,
    READ,
    format_of,
    named_as_picture,
)

_NAMED = 5  # names in a line


def skipped_lines(paths: Sequence[str], strays: Sequence[str] = ()) -> list[str]:
    """Lines that count and name files that were skipped; none if there are none.

    Args:
        paths: Those that are hidden or no pictures; folders end with a slash.
        strays: Those that are named like pictures, beside the folders of the classes.

    Example:

    >>> skipped_lines(["a/.DS_Store", "b/.DS_Store", "b/notes.txt"])
    ['skipped 3 files that are hidden or no pictures: .DS_Store (2), notes.txt']
    """
    kinds = (paths, "hidden or no pictures"), (strays, "in no class's folder")
    return [_line(each, why) for each, why in kinds if each]


def _line(paths: Sequence[str], why: str) -> str:
    counts = collections.Counter(_last(path) for path in paths)
    named = [
        name if count == 1 else f"{name} ({count})"
        for name, count in counts.most_common(_NAMED)
    ]
    more = [] if len(counts) <= _NAMED else ["…"]
    what = "file that is" if len(paths) == 1 else "files that are"
    return f"skipped {len(paths)} {what} {why}: {', '.join([*named, *more])}"


def _last(path: str) -> str:
    name = os.path.basename(path.rstrip("/")) + ("/" if path.endswith("/") else "")
    return os.fsencode(name).decode(errors="backslashreplace")


def class_folders(folder: Path) -> tuple[list[str], list[str]]:
    """Names of the folders in a folder, sorted, without hidden ones; and of the rest.

    Args:
        folder: Has a folder for each class.

    Returns:
        The names of the classes, and the paths of all other entries.
    """
    names, others = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() and not entry.name.startswith("."):
                names.append(entry.name)
            else:
                others.append(_path(entry))
    return sorted(names), sorted(others)


def pictures(folder: Path, check: bool, skipped: list[str]) -> list[str]:
    """The paths of the pictures in a folder and below, sorted.

    Content decides. A file that is not a picture is skipped if it is not named like
    one, and is damaged if it is. Of TIFF, AVIF and HEIC the ending must be right too:
    the raw files of cameras begin like a TIFF, and hold a thumbnail.

    Args:
        folder: The folder of a class; it need not exist.
        check: Whether a file that is named like a picture is an error if it cannot be
            one, or is of a format that only `prepare` reads.
        skipped: The paths of hidden files and folders, and of files that are not
            pictures, are added to it.

    Raises:
        ValueError: If a file or folder cannot be read, or by `check`.
    """
    if not folder.is_dir():  # A class may have no validation pictures.
        return []
    found = []
    for path in _walk(str(folder), set(), skipped):
        if not is_picture(path):
            skipped.append(path)
            continue
        if check and named_as_picture(path):
            _check_beginning(path)
        found.append(path)
    return sorted(found)


def is_picture(path: str) -> bool:
    """Whether a file is a picture, or is named like one.

    Raises:
        ValueError: If it cannot be read.
    """
    if named_as_picture(path):
        return True
    return format_of(_beginning(path)) not in (None, *CONVERTED)


def _walk(folder: str, seen: set[tuple[int, int]], skipped: list[str]) -> Iterator[str]:
    """The files in a folder and below; each folder once, since links may loop."""
    try:
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda each: each.name)
        shown = [each for each in listed if not each.name.startswith(".")]
        skipped += [_path(each) for each in listed if each.name.startswith(".")]
        below = {each.path: each.is_dir() for each in shown}
    except OSError as error:
        _refuse(error)
    for path, is_folder in below.items():
        if is_folder:
            yield from _walk(path, seen, skipped)
        else:
            yield path


def _path(entry: os.DirEntry[str]) -> str:
    return entry.path + ("/" if entry.is_dir() else "")


def _beginning(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(HEAD)
    except OSError as error:
        error.filename = path  # A failed read, unlike a failed open, has none.
        _refuse(error)


def _check_beginning(path: str) -> None:
    beginning = _beginning(path)
    found = format_of(beginning)
    if found in CONVERTED:
        raise ValueError(
            f"files in the folder of a class must be {READ} pictures; `prepare` "
            f"converts {', '.join(CONVERTED)}. Received: {path!r}, which is {found}"
        )
    if found is None:
        raise ValueError(
            f"files in the folder of a class must be {READ} pictures; repair or "
            f"remove it. Received: {path!r}, which begins with {beginning[:8]!r}"
        )


def _refuse(error: OSError) -> NoReturn:
    raise ValueError(
        "the folder of a class and all in it must be readable; repair or remove this. "
        f"Received: {error.filename!r} ({error.strerror})"
    ) from error
