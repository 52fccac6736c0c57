"""Runs a command: flags in, exit code out, one line for what a person can fix."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shlex
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType

from absl import flags as absl_flags
from rich.console import Console

from keras_alexnet.commands import flags, output
from keras_alexnet.reasons import outside, reason
from keras_alexnet.terminal import new_console, say, say_command

USAGE_ERROR = 2
_LONG = 1000  # characters of an error of TensorFlow
_LONGEST = 3000  # and of our own, which may name several paths
_FULL = (errno.ENOSPC, errno.EDQUOT)
INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C


def run(command: ModuleType, arguments: list[str]) -> int:
    """Runs `command.main(config, rest)` and returns the exit code.

    Args:
        command: A module with a dataclass `Config`, a function `main`, and `WRITES`:
            whether it writes more than its output; perhaps with a function
            `configured`, which makes the `Config` of the flags that are given. `USAGE`
            and `NEXT`, for its help, are what its other arguments are, and commands
            that may follow it.
        arguments: The program, the name of the command (and of its part), its flags and
            the rest.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # such as of its cache
    name = " ".join(command.__name__.split(".")[2:])  # of a part: "retrieve build"
    try:
        config, rest = flags.parse(
            command.Config,
            [
                shlex.join(_program(arguments[0], name)),
                *arguments[1 + len(name.split()) :],
            ],
            getattr(command, "USAGE", ""),
            getattr(command, "configured", None),
            _help_end(arguments[0], getattr(command, "NEXT", ())),
        )
        if command.WRITES:
            output.go_on_without()
        with _log_shown(name):
            command.main(config, rest)
    except _faults() as error:
        say(new_console(stderr=True), f"{name}: {_one_line(error)}")
        return USAGE_ERROR
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


class _Lines(logging.Handler):
    """Shows what is logged as lines of a command on standard error."""

    def __init__(self, name: str) -> None:
        super().__init__(logging.WARNING)
        self._name = name

    def emit(self, record: logging.LogRecord) -> None:
        say(new_console(stderr=True), f"{self._name}: {record.getMessage()}")


@contextlib.contextmanager
def _log_shown(name: str) -> Iterator[None]:
    """Shows the package's warnings as the command's own.

    The handlers of the process, which libraries may have set, would show the name of
    the logger.
    """
    log, lines = logging.getLogger("keras_alexnet"), _Lines(name)
    log.addHandler(lines)
    log.propagate = False
    try:
        yield
    finally:
        log.propagate = True
        log.removeHandler(lines)


def _faults() -> tuple[type[Exception], ...]:
    """The errors of what a person can fix."""
    return (absl_flags.Error, ValueError, OSError, *_of_tensorflow())


def _of_tensorflow() -> tuple[type[Exception], ...]:
    """TensorFlow's errors; none if the command did without it."""
    tf = sys.modules.get("tensorflow")
    return () if tf is None else (tf.errors.OpError,)


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in _FULL:
        return (
            "the disk must have room; free some, or name another place. "
            f"Received: {error.filename or 'a file'!r} ({error.strerror})"
        )
    if isinstance(error, OSError) and error.filename is not None:
        return (
            f"the file must exist and be accessible. Received: {error.filename!r} "
            f"({error.strerror})"
        )
    if isinstance(error, _of_tensorflow()):
        return reason(error, _LONG)
    return outside(error, _LONGEST)


def _program(script: str, name: str) -> list[str]:
    """The program as the person types it, for the command `name`."""
    folder, base = os.path.split(script)
    command, *part = name.split()
    if base.endswith(".py"):
        return ["python", os.path.join(folder, f"{command}.py"), *part]
    return ["keras-alexnet", command, *part]


def show_next(console: Console, commands: Iterable[Sequence[str]]) -> None:
    """Shows which commands may follow, called in the same way as this one.

    Args:
        console: Where to show them.
        commands: The name and the arguments of each.
    """
    say(console, "\nnext:")
    for name, *arguments in commands:
        say_command(console, [*_program(sys.argv[0], name), *arguments])


def _help_end(script: str, commands: Iterable[Sequence[str]]) -> str:
    """The last lines of a help: what may follow."""
    lines = [
        " ".join([shlex.join(_program(script, name)), *arguments])
        for name, *arguments in commands
    ]
    return "".join(["\nnext:", *(f"\n  {line}" for line in lines)]) if lines else ""


def no_arguments(rest: list[str]) -> None:
    """Raises ValueError if there are arguments that are not flags."""
    if rest:
        raise ValueError(f"all arguments must be flags: --name=value. Received: {rest}")
