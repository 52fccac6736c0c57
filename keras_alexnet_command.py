"""The `keras-alexnet` command, outside the package for one reason.

TensorFlow writes log lines to the standard error of the process as soon as it is
imported, which importing anything of `keras_alexnet` does. A command must keep its
messages apart from them, a library must not meddle: so the command does it here,
before the import. Whoever sets `TF_CPP_MIN_LOG_LEVEL` sees the lines.
"""

from __future__ import annotations

import faulthandler
import os
import sys


def main(name: str | None = None) -> None:
    """Runs the command `name`, or the one that the first argument names."""
    _silence_native_logs()
    try:
        from keras_alexnet import commands
    except ImportError as error:
        print(f"keras-alexnet: {error}", file=sys.stderr)
        sys.exit(2)
    commands.main(sys.argv if name is None else [sys.argv[0], name, *sys.argv[1:]])


def _silence_native_logs() -> None:
    """Gives Python a standard error of its own; native code writes to nowhere.

    The log level alone does not do it: TensorFlow 2.21 logs before it is read.
    """
    if "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if sys.stderr is None:  # closed by who started us
        return
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    faulthandler.enable(sys.stderr)  # what a native crash leaves must be seen


if __name__ == "__main__":
    main()
