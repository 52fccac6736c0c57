"""Pickles, read without executing anything that they name.

A pickle is a program: it may name any function of any module and call it. Here every
name is looked up in a short table of our own stand-ins, which store their arguments and
do nothing else. The values are built from the stand-ins afterwards.
"""

from __future__ import annotations

import abc
import pickle
import warnings
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from keras_alexnet.weights.formats.faults import DAMAGE, reason

Admitted = Mapping[tuple[str, str], Any]

# A checkpoint of a network with its optimiser has some 3,000. Python's own hash of a
# tuple in a tuple in a tuple overruns the C stack at a few hundred thousand.
_MOST_OPCODES = 20_000
_DEEPEST = 32
_PLAIN = (str, bytes, int, float, bool, type(None))


class StandIn:
    """What an admitted name becomes. The pickle cannot alter it."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held

    def __setstate__(self, state: Any) -> None:
        # The opcode BUILD would otherwise set attributes, which all later pickles see.
        raise pickle.UnpicklingError("its pickle alters what it names")


class Function(StandIn):
    """The stand-in of a function: it calls one of ours."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> Any:
        return self.held(*arguments)


class Inert(abc.ABC):
    """What a pickle builds in place of an object: it stores, and is resolved later."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("its pickle alters what it has built")

    @abc.abstractmethod
    def value(self, resolve: Callable[[Any], Any]) -> Any:
        """The plain value that it represents; checks all that it holds.

        Args:
            resolve: Returns the value of another object that it holds.
        """


class Ordered(dict):
    """The stand-in of `collections.OrderedDict`; its attributes are dropped."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        """PyTorch's state dicts have `_metadata`, the versions of their modules."""


ORDERED_DICT: Admitted = {("collections", "OrderedDict"): Function(Ordered)}


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
        start = file.tell()
        with warnings.catch_warnings():
            # pickletools unescapes names, and warns of invalid escapes.
            warnings.simplefilter("ignore", DeprecationWarning)
            _check_opcodes(file)
        file.seek(start)
        return _Unpickler(file, admitted, persistent_load).load()
    except DAMAGE as error:
        raise ValueError(reason(error)) from None


def resolved(built: Any) -> Any:
    """The values of what `load` returned.

    Returns:
        Dicts, lists, tuples, strings, bytes, numbers, `None` and numeric arrays.

    Raises:
        ValueError: If there is anything else in it, or it is nested too deeply.
    """
    done: dict[int, Any] = {}

    def resolve(x: Any, depth: int = 0) -> Any:
        if type(x) in _PLAIN:
            return x
        if depth > _DEEPEST:
            raise ValueError(f"its pickle is nested more than {_DEEPEST} deep")
        if id(x) not in done:
            done[id(x)] = _resolved(x, lambda inner: resolve(inner, depth + 1))
        return done[id(x)]

    try:
        return resolve(built)
    except DAMAGE as error:
        raise ValueError(reason(error)) from None


def _resolved(x: Any, resolve: Callable[[Any], Any]) -> Any:
    if isinstance(x, Inert):
        return x.value(resolve)
    if type(x) in (list, tuple):
        return type(x)(map(resolve, x))
    if type(x) in (dict, Ordered):
        if not all(type(key) in _PLAIN for key in x):
            raise ValueError("its pickle holds a dict with keys that are not plain")
        return {key: resolve(value) for key, value in x.items()}
    raise ValueError(f"its pickle holds a {type(x).__name__}, which is not read")


def _check_opcodes(file: BinaryIO) -> None:
    """Reads the opcodes without executing them, and refuses two harmful kinds.

    EXT1, EXT2 and EXT4 return what the process has registered with copyreg without
    calling `find_class`; PUT allocates memory for as many objects as its number.
    """
    import pickletools  # here: `import keras_alexnet` does not need it

    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if count > _MOST_OPCODES:
            raise ValueError(f"its pickle has more than {_MOST_OPCODES} opcodes")
        if opcode.name.startswith("EXT"):
            raise ValueError("its pickle names what a process has registered")
        if "PUT" in opcode.name and int(argument or 0) > count:
            raise ValueError("its pickle is damaged: its memo numbers are too large")


class _Unpickler(pickle.Unpickler):
    def __init__(
        self,
        file: BinaryIO,
        admitted: Admitted,
        persistent: Callable[[Any], Any] | None,
    ) -> None:
        # Python 2's strings, also the content of arrays, are bytes: latin1 keeps each.
        super().__init__(file, encoding="latin1")
        self._admitted = admitted
        self._persistent = persistent

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._admitted:
            raise pickle.UnpicklingError(
                f"its pickle names {f'{module}.{name}'!r}, which is not admitted: "
                "nothing that a file names is executed"
            )
        return self._admitted[module, name]

    def persistent_load(self, pid: Any) -> Any:
        if self._persistent is None:
            raise pickle.UnpicklingError("its pickle refers to something outside it")
        return self._persistent(pid)
