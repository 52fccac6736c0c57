"""`retrieve query`: the pictures of an index that are nearest to others."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from keras_alexnet import files
from keras_alexnet.commands.named_pictures import MISSING, NamedPictures
from keras_alexnet.live_line import PictureCount
from keras_alexnet.reasons import must_be, printable, shortened
from keras_alexnet.retrieval import Index
from keras_alexnet.retrieval.index import Answer
from keras_alexnet.retrieval.page import page
from keras_alexnet.settings import Settings, setting
from keras_alexnet.terminal import new_console, say, say_json

_SHOWN = 3  # names of pictures in a message
_AT_ONCE = 64
_MANY = 256  # pictures from which on progress is shown
_LONGEST_NAME = 1000  # characters that are shown of one
_ON_PAGE = 200  # pictures on a page: it holds them all
USAGE = "PICTURE... (files, folders with all that is below, patterns as 'photos/*.jpg')"
WRITES = False


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """The flags of `retrieve query`; all other arguments are pictures."""

    index: str | None = setting(None, "Directory of the index.", path=True)
    model: str | None = setting(
        None, "The model of the index, if it is no longer where it was.", path=True
    )
    top: int = setting(6, "How many neighbours to show.")
    json: bool = setting(False, "Print a JSON object for each picture, one a line.")
    html: str | None = setting(None, "A page to write, with the pictures.", path=True)

    def check(self) -> None:
        """Raises ValueError for values that are out of range."""
        self.at_least(1, "top")
        self.require("index", bool(self.index), "a directory, as --index=DIR")
        self.require("html", self.html != "", "the name of a file")


def main(config: Config, rest: list[str]) -> None:
    """Prints the neighbours of each picture, and writes the page.

    An unreadable picture is shown as such, and does not stop the others; it is an
    error at the end.
    """
    if not rest:
        raise ValueError(MISSING)
    named, errors = NamedPictures(rest), new_console(stderr=True)
    for line in named.skipped_lines():
        say(errors, f"retrieve query: {line}")
    if config.html is not None:
        # What would be in vain is reported first.
        page([], lambda name: b"", "")
        path = files.given_path("html", config.html)
        if path.is_dir() or not path.parent.is_dir():
            raise must_be("html", "a file in a folder that exists", config.html)
        if len(named.paths) > _ON_PAGE:
            raise ValueError(
                f"--html must be for {_ON_PAGE} pictures at most. Received: "
                f"{len(named.paths)}"
            )
    index = Index.open(str(config.index))
    if config.model is not None:
        index = index.with_model(config.model)
    shown: list[Answer] = []
    bad: list[str] = []
    with PictureCount(errors) as progress:
        for first in range(0, len(named.paths), _AT_ONCE):
            answers = index.answers(named.paths[first : first + _AT_ONCE], config.top)
            for answer in answers:
                _print(answer, config.json)
            bad += [each.picture for each in answers if each.fault]
            shown += answers if config.html is not None else []
            if len(named.paths) >= _MANY:
                progress.update(first + len(answers), len(named.paths))
    if config.html is not None:
        content = page(shown, index.shown, "The nearest pictures", _meaning(index))
        files.write_text(Path(config.html), content)
    if bad:
        more = ", …" if len(bad) > _SHOWN else ""
        raise ValueError(
            "pictures must be readable. Received: "
            f"{len(bad)} of {len(named.paths)} that are not "
            f"({', '.join(bad[:_SHOWN])}{more})"
        )


def _meaning(index: Index) -> str:
    facts = index.facts
    layer = facts["layer"]
    number = (
        f"how many of the 256 bits made from {layer} differ"
        if facts["codes"] == "bits256"
        else f"the Euclidean distance between the outputs of {layer}"
    )
    return (
        f"After each picture come the nearest of the {facts['pictures']:,} pictures of "
        f"{facts['data']}. The number below each is {number}: 0 for two that are the "
        "same to the network, and the smaller, the more alike it finds them."
    )


def _print(answer: Answer, as_json: bool) -> None:
    if not as_json:
        fault = f"  ({answer.fault})" if answer.fault else ""
        print(printable(f"{answer.picture}{fault}"))
        for each in answer.neighbours:
            name = shortened(printable(each.name), _LONGEST_NAME)
            print(f"  {each.distance:10.4f}  {name}")
        return
    neighbours = [
        {"name": each.name, "distance": each.distance} for each in answer.neighbours
    ]
    line = {"picture": answer.picture, "neighbours": neighbours}
    if answer.fault:
        line["fault"] = answer.fault
    say_json(line)
