"""`doctor`: what this installation has, what it lacks, and what to do about it."""

from __future__ import annotations

import dataclasses

from keras_alexnet import doctor
from keras_alexnet.commands.running import no_arguments, show_next
from keras_alexnet.terminal import new_console

WRITES = False
NEXT = (
    ("train", "--data=SPEC", "--model_dir=RUN"),
    ("predict", "--model=imagenet", "PICTURE..."),
)


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of `doctor`: none."""


def main(config: Config, rest: list[str]) -> None:
    """Prints the report."""
    no_arguments(rest)
    doctor.main()
    console = new_console()
    if console.is_terminal:
        show_next(console, NEXT)
