"""The pictures that a person names: by a path, a folder or a pattern."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from keras_alexnet import files
from keras_alexnet.data import folder_files

MISSING = (
    "pictures are missing: name files, folders or patterns, as photos/ or "
    "'photos/*.jpg'"
)


class NamedPictures:
    """The pictures that arguments name, in their order; those of a folder sorted.

    A path is taken as it is. Of folders, with those below, and of what a pattern finds,
    hidden files are skipped, and files that neither begin like a picture nor are named
    like one.

    Args:
        arguments: Paths of files and folders, and patterns such as `photos/*.jpg`; in
            a pattern `**` is any folders.

    Attributes:
        paths: The paths of the pictures.
        skipped: The paths of what was skipped.

    Raises:
        ValueError: If a folder or a pattern has no picture, or cannot be read.

    Example:

    >>> NamedPictures(["cat.jpg"]).paths
    ['cat.jpg']
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self.skipped: list[str] = []
        self.paths: list[str] = []
        for argument in arguments:
            self.paths += self._named(argument)
        self.skipped = list(dict.fromkeys(self.skipped))

    def _named(self, argument: str) -> list[str]:
        path = files.expanded(argument)
        pattern = glob.has_magic(path) and not os.path.lexists(path)
        if os.path.isdir(path):
            found = [path]
        elif pattern:
            found = sorted(glob.glob(path, recursive=True))
        else:
            return [argument]
        pictures = list(dict.fromkeys(self._pictures(found)))
        if not pictures:
            held = "matches" if pattern else "holds"
            raise ValueError(
                "a folder or a pattern must have a picture; name another one. "
                f"Received: {argument!r}, which {held} none"
            )
        return pictures

    def _pictures(self, found: list[str]) -> list[str]:
        pictures: list[str] = []
        for path in found:
            if os.path.isdir(path):
                pictures += folder_files.pictures(Path(path), False, self.skipped)
            elif folder_files.is_picture(path):
                pictures.append(path)
            else:
                self.skipped.append(path)
        return pictures

    def skipped_lines(self) -> list[str]:
        """Lines that count and name what was skipped; none if nothing was."""
        return folder_files.skipped_lines(self.skipped)
