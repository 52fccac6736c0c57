"""`retrieve build`: describes all pictures of a data set, and stores that."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from keras_alexnet.commands.data_options import SplitOptions
from keras_alexnet.commands.opening import ModelOptions
from keras_alexnet.commands.running import no_arguments, show_next
from keras_alexnet.live_line import PictureCount
from keras_alexnet.retrieval import Index, search
from keras_alexnet.retrieval.codes import KINDS
from keras_alexnet.retrieval.files import check_place
from keras_alexnet.settings import setting
from keras_alexnet.terminal import new_console, say

WRITES = True
NEXT = (("retrieve query", "--index=DIR", "PICTURE..."),)


@dataclasses.dataclass(frozen=True)
class Config(SplitOptions, ModelOptions):
    """The flags of `retrieve build`."""

    index: str | None = setting(
        None, "Directory of the index: new, empty, or an older index.", path=True
    )
    layer: str = setting("fc7", "The layer whose outputs are compared.")
    codes: str = setting(
        "none",
        "What is compared: all values, 128 principal components and then the values of "
        "the best, or 256 bits of an autoencoder.",
        choices=KINDS,
    )
    code_seed: int = setting(0, "Seed of what training the codes draws.")

    def check(self) -> None:
        """Raises ValueError for values that are out of range."""
        super().check()
        self.at_least(0, "code_seed")
        self.require("index", bool(self.index), "a directory, as --index=DIR")


def main(config: Config, rest: list[str]) -> None:
    """Builds the index, and says how good its codes are."""
    no_arguments(rest)
    search.faiss()
    check_place(Path(str(config.index)))
    classifier = config.open()
    pictures, notes = config.pictures(classifier.origin)
    console = new_console()
    for line in notes:
        say(console, line)
    with PictureCount(new_console(stderr=True)) as progress:
        index = Index.build(
            classifier,
            pictures,
            str(config.index),
            config.layer,
            config.codes,
            seed=config.code_seed,
            options={"variant": config.variant, "image_size": config.image_size},
            watch=progress.update,
        )
    facts = index.facts
    say(
        console,
        f"{facts['pictures']:,} pictures, {facts['values']:,} values of {config.layer} "
        f"each, in {config.index}",
    )
    if facts["left_out"]:
        say(console, f"left out: {facts['left_out']}, which cannot be read")
    for line in _recall_lines(config.codes, facts["recall"]):
        say(console, line)
    show_next(console, [("retrieve query", f"--index={config.index}", "PICTURE")])


def _recall_lines(kind: str, recall: dict[str, Any] | None) -> list[str]:
    """How many of the nearest pictures are found, for people."""
    if kind == "none":
        return []
    if recall is None:
        return [f"{kind}: too few pictures to measure what its codes find"]
    lines = [
        f"{kind}: of the 6 nearest it finds {recall['recall_at_6']:.1%} as the first 6 "
        f"({recall['queries']} pictures not trained on, among {recall['among']:,})"
    ]
    if "in_100" in recall:
        lines.append(
            f"among its first 100: {recall['in_100']:.1%}; the signs of as many "
            f"principal components find {recall['signs_at_6']:.1%} as the first 6"
        )
    return lines
