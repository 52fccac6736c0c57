"""The commands of `keras-alexnet` and of the scripts, a module each."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable

COMMANDS = ("train", "evaluate", "export", "predict", "prepare", "anatomy", "doctor")


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
    if name not in COMMANDS:
        return functools.partial(_refuse, name)
    from keras_alexnet.commands.running import run

    command = importlib.import_module(f"keras_alexnet.commands.{name}")
    return functools.partial(run, command, arguments)


def _usage() -> int:
    print(f"usage: keras-alexnet {{{'|'.join(COMMANDS)}}} [--help] [flags]")
    return 0


def _refuse(name: str) -> int:
    print(
        f"keras-alexnet: the first argument must be one of {', '.join(COMMANDS)}. "
        f"Received: {name!r}",
        file=sys.stderr,
    )
    return 2
