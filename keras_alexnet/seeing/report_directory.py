"""The directory of a report: only what an earlier one has written is replaced."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keras_alexnet import files

if TYPE_CHECKING:  # matplotlib is not needed to check a directory
    from matplotlib.figure import Figure

PAGE, NUMBERS = "report.html", "numbers.json"
_MAKER = "keras-alexnet look"
# What a look writes: names alone, since a path would lead out of the directory.
_OWN = re.compile(rf"{re.escape(PAGE)}|{re.escape(NUMBERS)}|[\w .-]+\.(png|svg)")


class ReportDirectory:
    """The directory of a report.

    Each file appears whole or not at all; `numbers.json` comes first, and says which
    files are the report's, so that an interrupted one can be written again.

    Args:
        path: The directory, which need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """Raises ValueError if it is no directory, or holds what is not a report's."""
        path = self.path
        if path.exists() and not path.is_dir():
            raise ValueError(
                "out must be a directory, which need not exist. "
                f"Received: out={str(path)!r}, a file"
            )
        files.check_directory("out", path)
        if path.is_dir():
            files.remove_leftovers(path)
            found = {each.name for each in path.iterdir()}
            other = sorted(found - self._earlier())
            if other:
                raise ValueError(
                    "out must be new, empty, or the directory of an earlier look; name "
                    f"another one. Received: out={str(path)!r} with {other[0]!r}"
                )

    def begin(self, numbers: dict[str, Any], drawings: Iterable[str]) -> None:
        """Writes the numbers, and with them which files are to come.

        Args:
            numbers: Of the report.
            drawings: The names of the drawings.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        self._numbers = numbers
        self._own = {PAGE, NUMBERS}
        self._own |= {f"{name}.{kind}" for name in drawings for kind in ("png", "svg")}
        self._write_numbers(self._own | self._earlier())

    def write_drawing(self, name: str, figure: Figure) -> None:
        """Writes a drawing as PNG and as SVG."""
        from keras_alexnet.seeing import figures

        files.write_bytes(self.path / f"{name}.png", figures.png(figure))
        files.write_bytes(self.path / f"{name}.svg", figures.svg(figure))

    def end(self, page: str) -> Path:
        """Writes the page, and removes what an earlier report had besides.

        Returns:
            The path of the page.
        """
        files.write_text(self.path / PAGE, page)
        for name in self._earlier() - self._own:
            (self.path / name).unlink(missing_ok=True)
        self._write_numbers(self._own)
        return self.path / PAGE

    def _write_numbers(self, names: set[str]) -> None:
        held = {"made_by": _MAKER, "files": sorted(names), **self._numbers}
        # All but ASCII is escaped: names of files need not be UTF-8.
        text = json.dumps(held, allow_nan=False)
        files.write_text(self.path / NUMBERS, f"{text}\n")

    def _earlier(self) -> set[str]:
        """The files of an earlier report; none if there is no such."""
        try:
            held = files.read_json(self.path / NUMBERS, files=list[str], made_by=str)
        except (OSError, ValueError):
            return set()
        if held["made_by"] != _MAKER:
            return set()
        return {each for each in held["files"] if _OWN.fullmatch(each)}
