"""Turns any error from reading a damaged or foreign file into one clear line."""

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

# What zipfile, pickle, pickletools, struct and NumPy raise for malformed bytes: none
# of it points to an error in the program.
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
def one_line(
    expected: str,
    path: str | os.PathLike,
    damage: tuple[type[Exception], ...] = DAMAGE,
) -> Iterator[None]:
    """Turns what damaged bytes raise into one line that names the file.

    Args:
        expected: What the file should be; the message begins "weights must be …".
        path: The file.
        damage: What the reader raises for malformed bytes.

    Raises:
        ValueError: In place of any such error of the body.

    Example:

    >>> with one_line("a number", "seven.txt"):
    ...     open("/no/such/file")
    Traceback (most recent call last):
    ValueError: weights must be a number. Received: 'seven.txt' (No such file or ...)
    """
    try:
        yield
    except damage as error:
        raise ValueError(
            f"weights must be {expected}. Received: {str(path)!r} ({reason(error)})"
        ) from None
