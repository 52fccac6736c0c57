"""`predict`: the likeliest classes of pictures, with their scores."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from keras_alexnet.commands.asking import classifier
from keras_alexnet.commands.flags import option
from keras_alexnet.commands.opening import ModelOptions
from keras_alexnet.serving import Answer, Target
from keras_alexnet.serving.answers import Classify

_WIDE = 4096
_SHOWN = 3  # names of pictures in a message
_NO_PICTURE = "no picture"
USAGE = "PICTURE..."
Row = tuple[str, Answer]  # the picture's path and what was answered


@dataclasses.dataclass(frozen=True)
class Config(ModelOptions):
    """The flags of `predict`; what is no flag is a picture."""

    top_k: int = option(5, "How many classes to show, at most what an export gives.")
    json: bool = option(False, "Print a JSON object for each picture, one a line.")
    batch_size: int = option(16, "Pictures in a request, or in a step.")
    server: str | None = option(
        None,
        "Ask this server in place of --model: grpc://host:port or http://host:port "
        "(grpcs:// and https:// with encryption).",
    )
    model_name: str = option("alexnet", "Name of the model on the server.")
    model_version: int | None = option(
        None, "Version of it on the server; the newest by default."
    )
    version_label: str | None = option(
        None, "Label of a version on the server, such as stable."
    )
    timeout: float = option(10.0, "Seconds to wait for an answer of the server.")

    def __post_init__(self) -> None:
        for name in ("top_k", "batch_size"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name} must be at least 1. Received: {name}={value}")
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


def main(config: Config, rest: list[str]) -> None:
    """Prints the likeliest classes of each picture.

    What is no picture is shown as such, and the others all the same; at the end it is
    an error.
    """
    if not rest:
        raise ValueError("at least one picture's path must be given. Received: none")
    pictures = [(path, Path(path).read_bytes()) for path in rest]
    with classifier(config, config.target()) as classify:
        rows = _answers(pictures, classify, config)
        bad = _print_lines(rows) if config.json else _print_table(rows)
    if bad:
        more = ", …" if len(bad) > _SHOWN else ""
        raise ValueError(
            "pictures must be readable as JPEG or PNG. Received: "
            f"{len(bad)} of {len(rest)} that are not ({', '.join(bad[:_SHOWN])}{more})"
        )


def _answers(
    pictures: list[tuple[str, bytes]], classify: Classify, config: Config
) -> Iterator[Row]:
    size = config.batch_size
    for start in range(0, len(pictures), size):
        paths, images = zip(*pictures[start : start + size], strict=True)
        for path, answer in zip(paths, classify(images), strict=True):
            shown = dataclasses.replace(answer, classes=answer.classes[: config.top_k])
            yield path, shown


def _print_lines(rows: Iterable[Row]) -> list[str]:
    """A JSON object for each picture, as soon as it is there; returns the bad ones."""
    bad = []
    for path, answer in rows:
        classes = [{"name": name, "score": score} for name, score in answer.classes]
        line = {"picture": path, "valid": answer.valid, "classes": classes}
        print(json.dumps(line, ensure_ascii=False), flush=True)
        if not answer.valid:
            bad.append(path)
    return bad


def _print_table(rows: Iterable[Row]) -> list[str]:
    """A row for each picture and class; returns the pictures that are none."""
    bad = []
    names = (Column(head, overflow="fold") for head in ("picture", "class"))
    table = Table(*names, "score", box=None, pad_edge=False)
    for path, answer in rows:
        for name, score in answer.classes:
            table.add_row(Text(path), Text(name), f"{score:.4f}")
        if not answer.valid:
            table.add_row(Text(path), Text(f"({_NO_PICTURE})"), "")
            bad.append(path)
    # What goes to a file or a pipe is not cut to the width of a terminal.
    width = None if sys.stdout.isatty() else _WIDE
    Console(width=width, highlight=False, markup=False).print(table)
    return bad
