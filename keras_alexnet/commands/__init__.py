"""What the scripts and the `keras-alexnet` command run: one module a command."""

from __future__ import annotations

import importlib
import sys

COMMANDS = ("train", "evaluate", "export", "predict", "prepare", "doctor")


def main(arguments: list[str]) -> None:
    """Runs the command that `arguments[1]` names, and exits with its code.

    The code is 0 if all went well and 2, with one line on standard error, for
    whatever a person can mend.
    """
    name = arguments[1] if len(arguments) > 1 else ""
    if name in ("--help", "-h", "help"):
        print(f"usage: keras-alexnet {{{'|'.join(COMMANDS)}}} [--help] [flags]")
        sys.exit(0)
    if name not in COMMANDS:
        print(
            f"keras-alexnet: the first argument must be one of {', '.join(COMMANDS)}. "
            f"Received: {name!r}",
            file=sys.stderr,
        )
        sys.exit(2)
    from keras_alexnet.commands.running import run

    sys.exit(run(importlib.import_module(f"keras_alexnet.commands.{name}"), arguments))
