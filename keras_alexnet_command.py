"""The `keras-alexnet` command, outside the package, which imports TensorFlow.

TensorFlow writes log lines to the standard error of the process as soon as it is
imported, and every module of `keras_alexnet` imports it. A command must hide these
lines, a library must not change the process: so the command does it here, before the
import. If `TF_CPP_MIN_LOG_LEVEL` is 0, the lines are shown. For the same reason GPU
memory is made to grow here, unless `TF_FORCE_GPU_ALLOW_GROWTH` is set. And what does
without TensorFlow, such as the list of the commands, need not wait for it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from types import FrameType

_PACKAGE = "keras_alexnet"
_INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C


def main(name: str | None = None) -> None:
    """Runs the command `name`, or the one that the first argument names."""
    # An interrupted import raises whatever its C code makes of that.
    default = signal.getsignal(signal.SIGINT) == signal.default_int_handler
    if default:  # otherwise it is ignored, as in the background
        signal.signal(signal.SIGINT, _end)
    _open_closed_streams()
    if os.path.expanduser("~") == "~":
        # As Docker does for a user without a name: else Keras and
        # tensorflow-datasets make a directory that is called "~".
        os.environ["HOME"] = "/"
    _silence_native_logs()
    # Else TensorFlow takes the whole memory of each GPU that it sees, whatever for.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    arguments = sys.argv if name is None else [sys.argv[0], name, *sys.argv[1:]]
    try:
        spec = _wait_with_its_init()
        from keras_alexnet import commands
        from keras_alexnet.commands import output

        output.install()
        if spec is not None and commands.needs_tensorflow(arguments):
            with _sign_of_life():
                _run_its_init(spec)
                run = commands.chosen(arguments)
        else:
            run = commands.chosen(arguments)
    except ImportError as error:
        print(f"keras-alexnet: {error}", file=sys.stderr)
        sys.exit(2)
    if default:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(run())
    finally:
        output.flush()
        if default:  # only the end of the process is left
            signal.signal(signal.SIGINT, _end)


def _wait_with_its_init() -> ModuleSpec | None:
    """Puts in place of the package one whose `__init__` has not run yet.

    That imports TensorFlow, for several seconds. Its modules are imported as ever.

    Returns:
        For `_run_its_init`; None if the package has been imported before.
    """
    if _PACKAGE in sys.modules:
        return None
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is not None:
        sys.modules[_PACKAGE] = importlib.util.module_from_spec(spec)
    return spec


def _run_its_init(spec: ModuleSpec) -> None:
    assert spec.loader is not None
    spec.loader.exec_module(sys.modules[_PACKAGE])


@contextlib.contextmanager
def _sign_of_life() -> Iterator[None]:
    """Says on a terminal what is waited for: the first import may take a minute."""
    shown = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if shown:
        print("loading TensorFlow ...", end="", file=sys.stderr, flush=True)
    try:
        yield
    finally:
        if shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def _end(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):
        errors = sys.stderr.fileno()
        # On a terminal the cursor is behind the echo of ^C.
        begin = b"\n" if os.isatty(errors) else b""
        os.write(errors, begin + b"keras-alexnet: interrupted\n")
    os._exit(_INTERRUPTED)


def _open_closed_streams() -> None:
    """Opens closed streams: else the first file to be opened would take their place.

    Standard output is opened for reading, so that writing to it still fails.
    """
    for descriptor, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, mode), True)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def _silence_native_logs() -> None:
    """Gives Python a standard error of its own; that of native code is discarded.

    The log level alone is not enough: TensorFlow 2.21 logs before it reads it. Whoever
    sets a level of 1 or more wants fewer lines, not more than without it.
    """
    if os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3") == "0":
        return
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    faulthandler.enable(sys.stderr)  # the traceback of a native crash must be seen


if __name__ == "__main__":
    main()
