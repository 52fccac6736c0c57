"""Pickles, read without executing anything that they name.

`pickle_program` runs the opcodes, with a short table of our own stand-ins in place of
what a pickle names; they store their arguments and do nothing else. The values are
built from the stand-ins afterwards.
"""

from __future__ import annotations

import abc
import pickle
import warnings
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from keras_alexnet.reasons import reason
from keras_alexnet.weights.formats.faults import DAMAGE
from keras_alexnet.weights.formats.pickle_program import PLAIN, Ordered, Program

Admitted = Mapping[tuple[str, str], Any]

_DEEPEST = 32
# A file's bytes become a text and then an array, or numbers of half the width: twice.
# What is shared, as a storage is by two tensors, counts as often as it becomes a value.
_VALUES_OF_A_BYTE, _SPARE = 2, 2**16


class Resolver:
    """Returns the plain value of what a pickle has built, each once.

    Args:
        most: How many bytes all values may have together.
    """

    def __init__(self, most: int) -> None:
        self._left, self._depth = most, 0
        self._done: dict[int, Any] = {}

    def charge(self, size: int) -> None:
        """Counts bytes that are about to be made.

        Raises:
            ValueError: If they are too many.
        """
        self._left -= size
        if self._left < 0:
            raise ValueError("its pickle makes more values than its file holds")

    def __call__(self, x: Any) -> Any:
        if type(x) in PLAIN:
            return x
        if self._depth > _DEEPEST:
            raise ValueError(f"its pickle is nested more than {_DEEPEST} deep")
        if id(x) not in self._done:
            self._depth += 1
            self._done[id(x)] = _resolved(x, self)
            self._depth -= 1
        return self._done[id(x)]


class Inert(abc.ABC):
    """What a pickle builds in place of an object: it stores, and is resolved later."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("its pickle alters what it has built")

    @abc.abstractmethod
    def value(self, resolve: Resolver) -> Any:
        """The plain value that it represents; checks all that it holds.

        Args:
            resolve: Returns the value of another object that it holds, and is charged
                for what this one makes.
        """


def load(
    file: BinaryIO,
    admitted: Admitted,
    persistent_load: Callable[[Any], Any] | None = None,
) -> Any:
    """Reads one pickle and leaves the file positioned after it.

    Args:
        file: A seekable file, positioned at the pickle.
        admitted: `{(module, name): stand-in}`, all that the pickle may name.
        persistent_load: Returns the object of a persistent id; by default such ids
            are refused.

    Returns:
        What the pickle builds, with `Inert` in it; `resolved` returns the values.

    Raises:
        ValueError: If the pickle is damaged, names anything else (the message says
            what), or is far too large.
    """
    try:
        with warnings.catch_warnings():
            # Python warns of invalid escapes in the texts of the oldest pickles.
            warnings.simplefilter("ignore", DeprecationWarning)
            return Program(file, admitted, persistent_load or _refuse).run()
    except DAMAGE as error:
        raise ValueError(reason(error)) from None


def _refuse(pid: Any) -> Any:
    raise ValueError("its pickle refers to something outside it")


def resolved(built: Any, size: int) -> Any:
    """The values of what `load` returned.

    Args:
        built: What it returned.
        size: Bytes of the file, from which follows how much may become of them.

    Returns:
        Dicts, lists, tuples, strings, bytes, numbers, `None` and numeric arrays.

    Raises:
        ValueError: If there is anything else in it, it is nested too deeply, or it
            makes more than the file has.
    """
    try:
        return Resolver(_VALUES_OF_A_BYTE * size + _SPARE)(built)
    except DAMAGE as error:
        raise ValueError(reason(error)) from None


def _resolved(x: Any, resolve: Resolver) -> Any:
    if isinstance(x, Inert):
        return x.value(resolve)
    if type(x) in (list, tuple):
        return type(x)(map(resolve, x))
    if type(x) in (dict, Ordered):
        return {key: resolve(value) for key, value in x.items()}
    raise ValueError(f"its pickle holds a {type(x).__name__}, which is not read")
