"""The commands of `keras-alexnet` and of the scripts, a module each."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable

COMMANDS = {
    "train": "trains a network, or resumes a run",
    "evaluate": "loss, accuracy and errors on validation pictures",
    "predict": "the likeliest classes of pictures",
    "export": "a SavedModel for a server, and a TFLite file",
    "prepare": "brings every picture to its final size once",
    "look": "what a network has learnt, in pictures: a page of figures and numbers",
    "anatomy": "a network layer by layer: sizes, work, memory, receptive fields",
    "doctor": "what this installation has, what it lacks, and what to do",
}


def main(arguments: list[str]) -> None:
    """Runs the command that `arguments[1]` names, and exits with its code.

    The code is 0 for success and 2, with one line on standard error, for whatever a
    person can fix.
    """
    sys.exit(chosen(arguments)())


def chosen(arguments: list[str]) -> Callable[[], int]:
    """A function that runs the command of `arguments[1]`, its modules imported."""
    name = arguments[1] if len(arguments) > 1 else ""
    if name in ("--help", "-h", "help"):
        return _usage
    if not arguments[1:]:
        return _ask_for_a_command
    if name in ("--version", "-V", "version"):
        return _version
    if name not in COMMANDS:
        return functools.partial(_refuse, name)
    from keras_alexnet.commands.running import run

    command = importlib.import_module(f"keras_alexnet.commands.{name}")
    return functools.partial(run, command, arguments)


def _usage() -> int:
    print(_usage_text())
    return 0


def _ask_for_a_command() -> int:
    """As `_usage`, but nothing was done: a script that calls it so must notice."""
    print(_usage_text(), file=sys.stderr)
    return 2


def _usage_text() -> str:
    rows = "\n".join(f"  {name:10}{does}" for name, does in COMMANDS.items())
    return (
        f"usage: keras-alexnet COMMAND [flags]\n\n{rows}\n\n"
        "--help after a command shows its flags; --version shows the versions.\n\n"
        "next:\n"
        "  keras-alexnet train --flagfile=configs/quickstart.flags\n"
        "  keras-alexnet train --data=folder:DIR --model_dir=RUN\n"
        "  keras-alexnet predict --model=imagenet PICTURE..."
    )


def _version() -> int:
    from keras_alexnet import doctor

    print(doctor.versions())
    return 0


def _refuse(name: str) -> int:
    from keras_alexnet.commands.suggestions import command_like

    print(
        f"keras-alexnet: the first argument must be one of {', '.join(COMMANDS)}"
        f"{command_like(name, COMMANDS)} Received: {name!r}",
        file=sys.stderr,
    )
    return 2
