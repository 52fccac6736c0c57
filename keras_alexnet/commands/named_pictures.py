"""The pictures that a person names: by a path, a folder or a pattern."""

from __future__ import annotations

import collections
import glob
import os
from collections.abc import Iterator, Sequence

from keras_alexnet import files
from keras_alexnet.data.folder import named_as_picture, starts_as_picture

_NAMED = 5  # names in a line


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
        ValueError: If a folder or a pattern has no picture.
        OSError: If a folder cannot be read.

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

    def _pictures(self, found: list[str]) -> Iterator[str]:
        for top in found:
            for path in _walk(top, set()) if os.path.isdir(top) else [top]:
                hidden = os.path.basename(path).startswith(".")
                if not hidden and (named_as_picture(path) or starts_as_picture(path)):
                    yield path
                else:
                    self.skipped.append(path)

    def skipped_line(self) -> str:
        """A line that counts and names what was skipped; empty if nothing was."""
        if not self.skipped:
            return ""
        counts = collections.Counter(map(os.path.basename, self.skipped))
        named = [
            name if count == 1 else f"{name} ({count})"
            for name, count in counts.most_common(_NAMED)
        ]
        more = [] if len(counts) <= _NAMED else ["…"]
        number = len(self.skipped)
        what = "file that is" if number == 1 else "files that are"
        names = ", ".join([*named, *more])
        return f"skipped {number} {what} hidden or no pictures: {names}"


def _walk(folder: str, seen: set[tuple[int, int]]) -> Iterator[str]:
    """The files in a folder and below; each folder once, since links may loop."""
    status = os.stat(folder)
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if not os.path.isdir(path):
            yield path
        elif not name.startswith("."):
            yield from _walk(path, seen)
