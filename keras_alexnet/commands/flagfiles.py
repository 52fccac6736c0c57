"""Flagfiles: settings that a person, an editor or a run wrote, a flag a line."""

from __future__ import annotations

import copy
import os
from pathlib import Path

from absl import flags

from keras_alexnet import files
from keras_alexnet.commands import suggestions
from keras_alexnet.reasons import reason

_COMMENTS = ("#", "//")


class Flags(flags.FlagValues):
    """absl's flags, with flagfiles that are checked and may begin with a BOM.

    `configs/NAME.flags` is the package's own, unless there is such a file here
    (`files.recipe`).

    absl itself reads them in the encoding of the system, takes a line that is not a
    flag for an argument, and names only the flag in its errors, not the file.
    """

    def _get_flag_file_lines(
        self, filename: str, parsed_file_stack: list[str] | None = None
    ) -> list[str]:
        above = parsed_file_stack or []
        if filename in above:
            raise ValueError(
                f"a flagfile must not name itself. Received: {filename!r}, in "
                f"{above[-1]!r}"
            )
        lines: list[str] = []
        for line in _lines(filename):
            if self._is_flag_file_directive(line):
                nested = self._extract_filename(line)
                lines += self._get_flag_file_lines(nested, [*above, filename])
            else:
                lines.append(line)
        self._try(filename, lines)
        return lines

    def _try(self, filename: str, lines: list[str]) -> None:
        try:
            rest = copy.deepcopy(self)(["", *lines])[1:]
        except flags.UnrecognizedFlagError as error:
            name = error.flagname
            raise ValueError(
                "a flagfile must hold flags of this command with their values"
                f"{suggestions.meant(name, self)} Received: {filename!r} "
                f"(Unknown command line flag {name!r})"
            ) from error
        except flags.Error as error:
            raise ValueError(
                "a flagfile must hold flags of this command with their values. "
                f"Received: {filename!r} ({reason(error)})"
            ) from error
        if rest:
            raise ValueError(
                "a flagfile must hold a flag a line: --name=value. "
                f"Received: {filename!r} with {rest[0][:60]!r}"
            )


def _lines(filename: str) -> list[str]:
    """The lines that are neither empty nor comments.

    Bytes that are not UTF-8 are kept as Python keeps them on the command line.
    """
    lines = files.read_given_text(_found(filename), errors="surrogateescape").split(
        "\n"
    )
    stripped = (line.strip() for line in lines)
    return [line for line in stripped if line and not line.startswith(_COMMENTS)]


def _found(filename: str) -> Path:
    """The file, or the recipe of that name which was installed with the package."""
    path = files.recipe(filename)
    if os.path.lexists(path) or path.parts[:1] != (files.RECIPES,):
        return path
    folder = (files.PACKAGE / path).parent
    names = sorted(each.name for each in folder.glob("*.flags"))
    if not names:
        return path
    raise ValueError(
        f"a flagfile must exist; the package's own are {', '.join(names)} in "
        f"{path.parent}/. Received: {filename!r}"
    )
