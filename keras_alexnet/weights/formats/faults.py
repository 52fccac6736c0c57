"""One clear line for whatever a damaged or foreign file makes a reader raise."""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator

from keras_alexnet.reasons import reason

# What zipfile, pickle, pickletools, struct and NumPy raise over bytes that are not
# what they should be; none of it says anything about the program.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    pickle.UnpicklingError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)


@contextlib.contextmanager
def one_line(expected: str, path: str | os.PathLike) -> Iterator[None]:
    """Turns what damaged bytes raise into one line that names the file.

    Args:
        expected: What the file should have been, after "weights must be".
        path: The file.

    Raises:
        ValueError: For every error of the body.

    Example:

    >>> with one_line("a number", "seven.txt"):
    ...     open("/no/such/file")
    Traceback (most recent call last):
    ValueError: weights must be a number. Received: 'seven.txt' (No such file or ...)
    """
    try:
        yield
    except DAMAGE as error:
        raise ValueError(
            f"weights must be {expected}. Received: {str(path)!r} ({reason(error)})"
        ) from error
