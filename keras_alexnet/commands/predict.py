"""`predict`: the likeliest classes of pictures, with their scores."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from keras_alexnet import files
from keras_alexnet.classifier import Classifier
from keras_alexnet.client import Answer, Target, connect
from keras_alexnet.client.answers import Classify
from keras_alexnet.commands.named_pictures import MISSING, NamedPictures
from keras_alexnet.commands.opening import ModelOptions
from keras_alexnet.data.formats import unread
from keras_alexnet.live_line import PictureCount
from keras_alexnet.opening import numbered
from keras_alexnet.reasons import outside, printable, reason, shortened
from keras_alexnet.settings import setting
from keras_alexnet.terminal import new_console, say, say_json

_WIDE = 4096
_SHOWN = 3  # names of pictures in a message
_MANY = 256  # pictures from which on progress is shown
USAGE = "PICTURE... (files, folders with all that is below, patterns as 'photos/*.jpg')"
WRITES = False
NEXT = (
    ("evaluate", "--model=MODEL", "--data=SPEC"),
    ("export", "--model=MODEL", "--export_dir=DIR"),
)


@dataclasses.dataclass(frozen=True)
class Config(ModelOptions):
    """The flags of `predict`; all other arguments are pictures."""

    top_k: int = setting(5, "How many classes to show, at most what an export gives.")
    json: bool = setting(False, "Print a JSON object for each picture, one a line.")
    batch_size: int = setting(16, "Pictures in a request, or in a step.")
    server: str | None = setting(
        None,
        "Ask this server instead of a --model: grpc://host:port or http://host:port "
        "(grpcs:// and https:// with encryption).",
    )
    model_name: str = setting("alexnet", "Name of the model on the server.")
    model_version: int | None = setting(
        None, "Version of it on the server; the newest by default."
    )
    version_label: str | None = setting(
        None, "Label of a version on the server, such as stable."
    )
    timeout: float = setting(10.0, "Seconds to wait for an answer of the server.")

    def check(self) -> None:
        """Raises ValueError for values out of range, or that do not fit together."""
        self.at_least(1, "top_k", "batch_size")
        if self.server is not None and (self.model or self.model_dir):
            raise ValueError(
                "either --server or a model must be given, not both. Received: "
                f"--server={self.server}, --model={self.model or self.model_dir}"
            )
        if self.server is None and (self.model_version, self.version_label) != (
            None,
            None,
        ):
            raise ValueError(
                "--model_version and --version_label must come with --server. "
                "Received: no --server"
            )
        self.target()

    def target(self) -> Target | None:
        """The model on the server, if one was named."""
        if self.server is None:
            return None
        return Target(
            self.server,
            self.model_name,
            self.model_version,
            self.version_label,
            self.timeout,
        )


class Row(NamedTuple):
    """The result for a picture.

    Args:
        path: As on the command line.
        fault: Why the picture cannot be read; empty if it can.
        classes: Name and score of the likeliest classes, best first.
    """

    path: str
    fault: str
    classes: Sequence[tuple[str, float]] = ()


def main(config: Config, rest: list[str]) -> None:
    """Prints the likeliest classes of each picture, a batch at a time.

    An unreadable picture is shown as such, and does not stop the others; it is an
    error at the end.
    """
    if not rest:
        raise ValueError(MISSING)
    named = NamedPictures(rest)
    errors, paths = new_console(stderr=True), named.paths
    for line in named.skipped_lines():
        say(errors, f"predict: {line}")
    show = _print_line if config.json else _Table(paths).show
    bad = []
    with asked(config) as classify, _progress(errors, len(paths)) as watch:
        for start in range(0, len(paths), config.batch_size):
            rows = _answered(paths[start : start + config.batch_size], classify)
            show([_cut(row, config.top_k) for row in rows])
            bad += [row for row in rows if row.fault]
            watch(start + len(rows), len(paths))
    if bad:
        more = ", …" if len(bad) > _SHOWN else ""
        raise ValueError(
            "every PICTURE must be a picture that can be read. Received: "
            f"{len(bad)} of {len(paths)} that cannot "
            f"({', '.join(map(_named, bad[:_SHOWN]))}{more})"
        )


@contextlib.contextmanager
def _progress(errors: Console, count: int) -> Iterator[Callable[[int, int], object]]:
    """Yields a function that shows progress, where the answers do not show it."""
    if count < _MANY or (sys.stdout is not None and sys.stdout.isatty()):
        yield lambda done, total: None
        return
    with PictureCount(errors) as progress:
        yield progress.update


@contextlib.contextmanager
def asked(config: Config) -> Iterator[Classify]:
    """Yields a function that classifies the bytes of pictures, by server or model."""
    target = config.target()
    if target is not None:
        with connect(target) as classify:
            yield classify
        return
    classifier = config.open()
    errors = new_console(stderr=True)
    if errors.is_terminal:  # for people; output is for programs
        for line in _about(classifier):
            say(errors, f"predict: {classifier.origin}: {line}")
    yield lambda pictures: [
        Answer(not fault, tuple((each.name, each.score) for each in classes))
        for _, fault, classes in classifier.answers(pictures)
    ]


def _about(classifier: Classifier) -> Iterator[str]:
    """What is not in the answers."""
    if classifier.taken:
        yield classifier.taken
    names = classifier.class_names
    if names and not classifier.named and names == numbered(len(names)):
        yield "it records no names of its classes; --class_names=FILE gives them"


def _answered(paths: list[str], classify: Classify) -> list[Row]:
    read = [_read(path) for path in paths]
    images = [each for each in read if isinstance(each, bytes)]
    answers = iter(classify(images) if images else ())
    return [
        Row(path, each) if isinstance(each, str) else _row(path, each, next(answers))
        for path, each in zip(paths, read, strict=True)
    ]


def _read(path: str) -> bytes | str:
    """A picture's bytes, or why there are none."""
    try:
        return Path(files.expanded(path)).read_bytes()
    except (OSError, ValueError) as error:
        return reason(error)


def _row(path: str, image: bytes, answer: Answer) -> Row:
    return Row(path, "" if answer.valid else unread(image), answer.classes)


def _cut(row: Row, top_k: int) -> Row:
    return row._replace(classes=row.classes[:top_k])


def _named(bad: Row) -> str:
    return f"{bad.path}: {bad.fault}"


def _print_line(rows: list[Row]) -> None:
    """A JSON object for each picture."""
    for path, fault, found in rows:
        classes = [{"name": name, "score": score} for name, score in found]
        line = {"picture": path, "valid": not fault, "classes": classes}
        if fault:
            line["fault"] = fault
        say_json(line)


class _Table:
    """A row for each picture and class, in columns that never become narrower.

    Args:
        paths: The paths of all pictures that will be shown.
    """

    def __init__(self, paths: list[str]) -> None:
        # Lines to a file or a pipe are not cut to the width of a terminal.
        width = None if sys.stdout is None or sys.stdout.isatty() else _WIDE
        self._console = Console(width=width, highlight=False, markup=False, emoji=False)
        widest = max(map(cell_len, ["picture", *paths]))
        self._widths = [min(widest, self._console.width // 2), len("class")]
        self._begun = False

    def show(self, rows: list[Row]) -> None:
        """Prints the rows; the first time with the names of the columns."""
        cells = [line for row in rows for line in _cells(row)]
        names = [cell_len(name) for _, name, _ in cells]
        self._widths[1] = max([self._widths[1], *names])
        columns = [
            Column(head, overflow="fold", min_width=min_width)
            for head, min_width in zip(("picture", "class"), self._widths, strict=True)
        ]
        table = Table(
            *columns, "score", box=None, pad_edge=False, show_header=not self._begun
        )
        for path, name, score in cells:
            table.add_row(Text(path), Text(name), score)
        self._console.print(table)
        self._begun = True


def _cells(row: Row) -> list[tuple[str, str, str]]:
    if row.fault:
        return [(printable(row.path), f"({outside(row.fault)})", "")]
    return [
        (printable(row.path), shortened(printable(name)), f"{score:.4f}")
        for name, score in row.classes
    ]
