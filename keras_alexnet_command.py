"""The `keras-alexnet` command, outside the package, which imports TensorFlow.

TensorFlow writes log lines to the standard error of the process as soon as it is
imported, and every module of `keras_alexnet` imports it. A command must hide these
lines, a library must not change the process: so the command does it here, before the
import. If `TF_CPP_MIN_LOG_LEVEL` is 0, the lines are shown. For the same reason GPU
memory is made to grow here, unless `TF_FORCE_GPU_ALLOW_GROWTH` is set. And a command
that does without TensorFlow need not wait for it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib.util
import os
import signal
import sys
from types import FrameType

_WITHOUT_TENSORFLOW = ("anatomy",)
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
    if arguments[1:2] and arguments[1] in _WITHOUT_TENSORFLOW:
        _do_without_tensorflow()
    try:
        from keras_alexnet import commands
        from keras_alexnet.commands import output
    except ImportError as error:
        print(f"keras-alexnet: {error}", file=sys.stderr)
        sys.exit(2)
    output.install()
    run = commands.chosen(arguments)
    if default:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(run())
    finally:
        output.flush()
        if default:  # only the end of the process is left
            signal.signal(signal.SIGINT, _end)


def _do_without_tensorflow() -> None:
    """Puts in place of the package one whose `__init__` has not run.

    That imports TensorFlow, for several seconds. Its modules are imported as ever.
    """
    spec = importlib.util.find_spec("keras_alexnet")
    if spec is not None:
        sys.modules[spec.name] = importlib.util.module_from_spec(spec)


def _end(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(OSError):
        os.write(sys.stderr.fileno(), b"keras-alexnet: interrupted\n")
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
