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
    "export": "a SavedModel, TFLite, ONNX, OpenVINO, .safetensors or .keras file",
    "prepare": "brings every picture to its final size once",
    "look": "what a network has learnt: a page of pictures and numbers",
    "features": "the outputs of layers for many pictures, in an HDF5 file",
    "retrieve": "pictures by content: builds an index, and asks it",
    "claims": "what the paper claims, rerun at a laptop's size and judged",
    "models": "the networks and published weights that there are",
    "anatomy": "a network layer by layer: sizes, work, memory, receptive fields",
    "doctor": "what this installation has, what it lacks, and what to do",
}

_HELP = ("--help", "-h", "help")
_VERSION = ("--version", "-V", "version")
_WITHOUT_TENSORFLOW = ("anatomy",)


def main(arguments: list[str]) -> None:
    """Runs the command that `arguments[1]` names, and exits with its code.

    The code is 0 for success and 2, with one line on standard error, for whatever a
    person can fix.
    """
    sys.exit(chosen(arguments)())


def needs_tensorflow(arguments: list[str]) -> bool:
    """Whether what `arguments[1]` names imports TensorFlow, for several seconds.

    Example:

    >>> [needs_tensorflow(["keras-alexnet", name]) for name in ("train", "trian")]
    [True, False]
    """
    name = arguments[1] if len(arguments) > 1 else ""
    return name in _VERSION or (name in COMMANDS and name not in _WITHOUT_TENSORFLOW)


def chosen(arguments: list[str]) -> Callable[[], int]:
    """A function that runs the command of `arguments[1]`, its modules imported."""
    name = arguments[1] if len(arguments) > 1 else ""
    if name in _HELP or not arguments[1:]:
        return functools.partial(_usage, COMMANDS, asked=name in _HELP)
    if name in _VERSION:
        return _version
    if name not in COMMANDS:
        return functools.partial(_refuse, name, COMMANDS)
    from keras_alexnet.commands.running import run

    command = importlib.import_module(f"keras_alexnet.commands.{name}")
    # A command of several parts is a package, with a module for each.
    parts = getattr(command, "PARTS", None)
    if parts is not None:
        part = arguments[2] if len(arguments) > 2 else ""
        if part in _HELP or not arguments[2:]:
            asked = part in _HELP
            return functools.partial(_usage, parts, f" {name}", asked)
        if part not in parts:
            return functools.partial(_refuse, part, parts, f" after {name}")
        command = importlib.import_module(f"{command.__name__}.{part}")
    return functools.partial(run, command, arguments)


def _usage(known: dict[str, str], command: str = "", asked: bool = True) -> int:
    """Prints the commands; 2 if nobody asked: a script that does so must notice."""
    rows = "\n".join(f"  {name:10}{does}" for name, does in known.items())
    lines = [
        f"usage: keras-alexnet{command} COMMAND [flags]",
        rows,
        "--help after a command shows its flags; --version shows the versions.",
    ]
    if known is COMMANDS:
        lines.append(
            "next:\n"
            "  keras-alexnet train --flagfile=configs/quickstart.flags\n"
            "  keras-alexnet train --data=folder:DIR --model_dir=RUN\n"
            "  keras-alexnet predict --model=imagenet PICTURE..."
        )
    print("\n\n".join(lines), file=sys.stdout if asked else sys.stderr)
    return 0 if asked else 2


def _version() -> int:
    from keras_alexnet import doctor

    print(doctor.versions())
    return 0


def _refuse(name: str, known: dict[str, str], where: str = "") -> int:
    from keras_alexnet.commands.suggestions import command_like

    print(
        f"keras-alexnet: the first argument{where} must be one of {', '.join(known)}"
        f"{command_like(name, known)} Received: {name!r}",
        file=sys.stderr,
    )
    return 2
