"""Runs a command: flags in, exit code out, one line for what a person can fix."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from types import ModuleType

from absl import flags as absl_flags

from keras_alexnet.commands import flags, output
from keras_alexnet.reasons import reason

USAGE_ERROR = 2
_LONG = 1000  # characters of an error of TensorFlow
INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C


def run(command: ModuleType, arguments: list[str]) -> int:
    """Runs `command.main(config, rest)` and returns the exit code.

    Args:
        command: A module with a dataclass `Config`, a function `main`, and `WRITES`:
            whether it writes more than its output.
        arguments: The program, the name of the command, its flags and the rest.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    name = command.__name__.rpartition(".")[2]
    try:
        config, rest = flags.parse(
            command.Config,
            [_program(arguments[0], name), *arguments[2:]],
            getattr(command, "USAGE", ""),
        )
        if command.WRITES:
            output.go_on_without()
        command.main(config, rest)
    except _faults() as error:
        print(f"{name}: {_one_line(error)}", file=sys.stderr)
        return USAGE_ERROR
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _faults() -> tuple[type[Exception], ...]:
    """The errors of what a person can fix."""
    return (absl_flags.Error, ValueError, OSError, *_of_tensorflow())


def _of_tensorflow() -> tuple[type[Exception], ...]:
    """TensorFlow's errors; none if the command did without it."""
    tf = sys.modules.get("tensorflow")
    return () if tf is None else (tf.errors.OpError,)


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return (
            f"the file must exist and be accessible. Received: {error.filename!r} "
            f"({error.strerror})"
        )
    if isinstance(error, _of_tensorflow()):
        return reason(error, _LONG)
    return " ".join(str(error).split())


def _program(script: str, name: str) -> str:
    """The program as the person types it, for the command `name`."""
    folder, base = os.path.split(script)
    if base.endswith(".py"):
        return f"python {os.path.join(folder, name)}.py"
    return f"keras-alexnet {name}"


def sibling(name: str) -> str:
    """How to call another command, in the same way as this one was called."""
    return _program(sys.argv[0], name)


def no_arguments(rest: list[str]) -> None:
    """Raises ValueError if there are arguments that are not flags."""
    if rest:
        raise ValueError(f"all arguments must be flags: --name=value. Received: {rest}")
