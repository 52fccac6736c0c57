"""Checks arguments that are numbers, pairs or shapes, and turns them into Python's own.

NumPy's and TensorFlow's numbers are accepted wherever a number is expected. Keras
keeps an argument as it is, refuses some of these types and cannot save others, so each
becomes an `int` or a `float` here.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Set
from typing import Any

from keras_alexnet.reasons import must_be

# Of whole numbers at all, as TensorFlow's are, and of those that size a network: it
# ends the process where the window or stride of a stock op has more than 32 bits.
LARGEST, LARGEST_OF_OPS = 2**63 - 1, 2**31 - 1
_NO_NUMBER = ("bool", "str", "bytes")  # and "string", "str32", "bytes8"
_NO_SEQUENCE = (str, bytes, Mapping, Set)
# What the many types of numbers and tensors raise when they cannot be converted.
_UNFIT = (TypeError, ValueError, AttributeError, NotImplementedError, OverflowError)


def as_whole(value: Any) -> int | None:
    """A whole number of any kind as an `int`; None for anything else.

    A whole number is what Python accepts as an index: an `int`, NumPy's, or an array
    or tensor without axes that holds one. Booleans and 5.0 are not.

    Example:

    >>> as_whole(np.int64(5)), as_whole(tf.constant(5)), as_whole(5.0), as_whole(True)
    (5, 5, None, None)
    """
    if _kind(value).startswith("bool"):  # NumPy 1's booleans count as 0 and 1
        return None
    try:
        return operator.index(value)
    except _UNFIT:
        return None


def as_boolean(value: Any) -> bool | None:
    """A boolean of Python, NumPy or TensorFlow as a `bool`; None for anything else.

    Example:

    >>> as_boolean(np.True_), as_boolean(tf.constant(False)), as_boolean(1)
    (True, False, None)
    """
    single = getattr(value, "shape", ()) == ()
    return bool(value) if single and _kind(value).startswith("bool") else None


def is_whole(value: Any) -> bool:
    """Whether `value` is a whole number of any kind from 1 to `LARGEST_OF_OPS`.

    A boolean is not one.
    """
    number = as_whole(value)
    return number is not None and 0 < number <= LARGEST_OF_OPS


def whole_number(
    name: str, value: Any, least: int = 1, most: int = LARGEST, expected: str = ""
) -> int:
    """`value` as an `int`.

    Args:
        name: Name of the argument, for the message.
        value: The argument.
        least: The smallest that it may be.
        most: The largest that it may be.
        expected: What the message says it must be, in place of the limits.

    Raises:
        ValueError: If it is no whole number within these.
    """
    number = as_whole(value)
    if number is not None and least <= number <= most:
        return number
    bounds = f"from {least} to {most}"
    if most == LARGEST:
        bounds = f"at least {least}"
        bounds += " and below 2**63" if number is not None and number > most else ""
    raise must_be(name, expected or f"a whole number, {bounds}", value)


def number(
    name: str, value: Any, least: float = -math.inf, below: float = math.inf
) -> float:
    """`value`, a finite number of any kind, as a `float`; a boolean is not one.

    Raises:
        ValueError: If it is no finite number, is below `least`, or is not below
            `below`.

    Example:

    >>> number("alpha", np.float32(0.5))
    0.5
    """
    found = _as_float(value)
    if found is not None and math.isfinite(found) and least <= found < below:
        return found
    bounds = f", {least:g} or more" if least > -math.inf else ""
    bounds += f" and below {below:g}" if below < math.inf else ""
    raise must_be(name, f"a finite number{bounds}", value)


def _as_float(value: Any) -> float | None:
    # float() would also parse a string, and take the entry of an array of one.
    if _kind(value).startswith(_NO_NUMBER) or getattr(value, "shape", ()) != ():
        return None
    try:
        return float(value)
    except _UNFIT:
        return None


def _kind(value: Any) -> str:
    """Name of a value's type, or of that of an array's or a tensor's entries."""
    return getattr(getattr(value, "dtype", None), "name", type(value).__name__)


def entries(value: Any) -> tuple[Any, ...] | None:
    """The entries of a tuple, a list, a `tf.TensorShape` or an array; else None.

    Whole numbers among them become `int`; everything else is left as it is.

    Example:

    >>> entries(tf.TensorShape([None, 64])), entries(np.array([3, 2])), entries("64")
    ((None, 64), (3, 2), None)
    """
    if isinstance(value, _NO_SEQUENCE):
        return None
    try:
        found = tuple(value)
    except _UNFIT:
        return None
    wholes = map(as_whole, found)
    return tuple(x if n is None else n for x, n in zip(found, wholes, strict=True))


def pair(name: str, value: Any, least: int = 1) -> tuple[int, int]:
    """One whole number for both axes, or two numbers, as a pair of `int`.

    Raises:
        ValueError: If it is neither, or one is below `least` or above
            `LARGEST_OF_OPS`.

    Example:

    >>> pair("pool_size", 3), pair("pool_size", [3, np.int32(2)])
    ((3, 3), (3, 2))
    """
    single = as_whole(value)
    found = entries(value) if single is None else (single, single)
    wholes = [each for each in map(as_whole, found or ()) if each is not None]
    if found is None or not len(found) == len(wholes) == 2 or min(wholes) < least:
        bound = "above 0" if least == 1 else f"of at least {least}"
        raise must_be(name, f"a whole number {bound}, or two", value)
    if max(wholes) > LARGEST_OF_OPS:
        raise must_be(name, f"at most {LARGEST_OF_OPS}", value)
    return wholes[0], wholes[1]
