"""Runs the opcodes of a pickle that hold data, and no others.

A pickle is a program: it may name any function of any module and call it. Python's own
reader runs all of it, and it also hashes what a file makes a key, and grows as the file
has it. Here every name is looked up in a table of stand-ins, keys are plain, and
lengths are compared with what is left of the file before anything is made.
"""

from __future__ import annotations

import codecs
import os
import struct
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

PLAIN = (str, bytes, int, float, bool, type(None))

# A checkpoint of a network with its optimiser has some 3,000.
_MOST_STEPS = 20_000
_MOST_OF_A_LINE = 2**16  # bytes; names, and numbers and texts of the oldest pickles
_MOST_OF_A_NUMBER = 16  # bytes: PyTorch's magic number has 10
# UTF-8 of U+00FF begins with C3. Python takes four bytes for each sign of a text that
# has one above U+FFFF.
_LATIN1, _WIDEST, _SPARE = 0xC3, 4, 2**20


class StandIn:
    """What an admitted name becomes. The pickle cannot alter it."""

    __slots__ = ("held",)

    def __init__(self, held: Any) -> None:
        self.held = held


class Function(StandIn):
    """The stand-in of a function: it calls one of ours, which stores its arguments."""

    __slots__ = ()

    def __call__(self, *arguments: Any) -> Any:
        return self.held(*arguments)


class Ordered(dict):
    """The stand-in of `collections.OrderedDict`; its attributes are dropped."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        """PyTorch's state dicts have `_metadata`, the versions of their modules."""


class _Mark:
    """What the opcode MARK puts on the stack."""


_MARK = _Mark()
_ORDERED = Function(Ordered)
ORDERED_DICT: Mapping[tuple[str, str], Any] = {("collections", "OrderedDict"): _ORDERED}


class Program:
    """A pickle that is run.

    Args:
        file: A seekable file, positioned at the pickle; after `run` behind it.
        admitted: `{(module, name): stand-in}`, all that the pickle may name.
        persistent_load: Returns the object of a persistent id.

    Reference:
        - Python, Lib/pickletools.py: what each opcode does.
    """

    def __init__(
        self,
        file: BinaryIO,
        admitted: Mapping[tuple[str, str], Any],
        persistent_load: Callable[[Any], Any],
    ) -> None:
        self._file, self._admitted, self._persistent = file, admitted, persistent_load
        start = file.tell()
        self._end = file.seek(0, os.SEEK_END)
        file.seek(start)
        self._wide = self._end + _SPARE  # bytes for texts beyond those of the file
        self._steps = 0
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self) -> Any:
        """What the pickle builds.

        Raises:
            ValueError: If it is damaged, or does anything but build data.
        """
        while (code := self._take(1)) != b".":
            self._count(1)
            if code not in _OPCODES:
                raise ValueError(_refused(code))
            _OPCODES[code](self)
        return self._pop()

    def _count(self, steps: int) -> None:
        self._steps += steps
        if self._steps > _MOST_STEPS:
            raise ValueError(f"its pickle has more than {_MOST_STEPS} opcodes")

    # What the opcodes have behind them.

    def _take(self, size: int) -> bytes:
        if size > self._end - self._file.tell():
            raise ValueError("its pickle ends too early")
        return self._file.read(size)

    def _unpacked(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _line(self, encoding: str = "ascii") -> str:
        line = self._file.readline(_MOST_OF_A_LINE)
        if not line.endswith(b"\n"):
            raise ValueError("its pickle has a line that is too long or has no end")
        return line[:-1].decode(encoding)

    def _text(self, size: int) -> str:
        content = self._take(size)
        if content and int(np.frombuffer(content, "u1").max()) > _LATIN1:
            self._wide -= _WIDEST * size
            if self._wide < 0:
                raise ValueError("its pickle holds texts larger than the file")
        return content.decode("utf-8", "surrogatepass")

    def _number(self, size: int) -> int:
        if size > _MOST_OF_A_NUMBER:
            raise ValueError(f"its pickle holds a whole number of {size} bytes")
        return int.from_bytes(self._take(size), "little", signed=True)

    def _decimal(self) -> Any:
        text = self._line().removesuffix("L")
        if len(text) > 2 * _MOST_OF_A_NUMBER:
            raise ValueError(f"its pickle holds a whole number of {len(text)} digits")
        return text == "01" if text in ("00", "01") else int(text)

    def _quoted(self) -> str:
        text = self._line()
        if len(text) < 2 or text[0] != text[-1] or text[0] not in "'\"":
            raise ValueError("its pickle holds a text without quotes")
        return codecs.escape_decode(text[1:-1].encode())[0].decode("latin1")

    # The stack, and what is built on it.

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise ValueError("its pickle takes what it has not put there")
        return self._stack.pop()

    def _top(self) -> Any:
        value = self._pop()
        self._push(value)
        return value

    def _popped(self) -> list[Any]:
        """All that is above the last mark."""
        for place in range(len(self._stack) - 1, -1, -1):
            if self._stack[place] is _MARK:
                found = self._stack[place + 1 :]
                del self._stack[place:]
                return found
        raise ValueError("its pickle takes what it has not put there")

    def _last(self, count: int) -> list[Any]:
        return [self._pop() for _ in range(count)][::-1]

    def _extend(self, values: list[Any]) -> None:
        target = self._top()
        if type(target) is not list:
            raise ValueError(f"its pickle appends to a {type(target).__name__}")
        target += values

    def _update(self, items: list[Any]) -> None:
        target = self._top()
        if type(target) not in (dict, Ordered) or len(items) % 2:
            raise ValueError(f"its pickle sets an item of a {type(target).__name__}")
        pairs = list(zip(items[::2], items[1::2], strict=True))
        _check_keys([key for key, _ in pairs])
        target.update(pairs)

    def _made(self, items: list[Any]) -> None:
        self._push({})
        self._update(items)

    def _get(self, index: int) -> None:
        if index not in self._memo:
            raise ValueError("its pickle takes what it has not put there")
        self._push(self._memo[index])

    def _put(self, index: int) -> None:
        self._memo[index] = self._top()

    def _find(self, module: Any, name: Any) -> None:
        known = type(module) is str and type(name) is str
        if not known or (module, name) not in self._admitted:
            raise ValueError(
                f"its pickle names {f'{module}.{name}'!r}, which is not admitted: "
                "nothing that a file names is executed"
            )
        self._push(self._admitted[module, name])

    def _call(self) -> None:
        function, arguments = self._last(2)
        if type(function) is not Function or type(arguments) is not tuple:
            raise ValueError(f"its pickle calls a {type(function).__name__}")
        if function is _ORDERED and arguments:
            self._push(self._ordered(*arguments))
        else:
            self._push(function(*arguments))

    def _ordered(self, pairs: Any) -> Ordered:
        """An ordered dict as Python 2 pickles it: of a list of lists of two."""
        if type(pairs) is not list or not all(map(_is_pair, pairs)):
            raise ValueError("its pickle makes a dict of something other than pairs")
        _check_keys([key for key, _ in pairs])
        self._count(len(pairs))
        return Ordered(pairs)

    def _build(self) -> None:
        state, target = self._pop(), self._top()
        if isinstance(target, StandIn):
            raise ValueError("its pickle alters what it names")
        if not hasattr(type(target), "__setstate__"):
            raise ValueError(f"its pickle alters a {type(target).__name__}")
        target.__setstate__(state)


def _is_pair(value: Any) -> bool:
    return type(value) in (list, tuple) and len(value) == 2


def _check_keys(keys: list[Any]) -> None:
    """Raises ValueError for keys that are not plain.

    The hash of a tuple is that of all that it holds, however often it holds it.
    """
    if not all(type(key) in PLAIN for key in keys):
        raise ValueError("its pickle holds a dict with keys that are not plain")


def _refused(code: bytes) -> str:
    import pickletools  # here: `import keras_alexnet` does not need it

    names = {each.code.encode("latin1"): each.name for each in pickletools.opcodes}
    name = names.get(code, repr(code))
    if name.startswith("EXT"):  # what copyreg has registered, without a look-up
        return "its pickle names what a process has registered"
    return f"its pickle has the opcode {name}, which is not read"


def _pushed(read: Callable[[Program], Any]) -> Callable[[Program], None]:
    return lambda p: p._push(read(p))


def _global(program: Program) -> None:
    module = program._line()
    program._find(module, program._line())


def _memoized(program: Program) -> None:
    program._put(len(program._memo))


_OPCODES: dict[bytes, Callable[[Program], Any]] = {
    # How it is written: the protocol, the length of what comes.
    b"\x80": lambda p: p._take(1),
    b"\x95": lambda p: p._take(8),
    # Plain values
    b"N": lambda p: p._push(None),
    b"\x88": lambda p: p._push(True),
    b"\x89": lambda p: p._push(False),
    b"I": _pushed(Program._decimal),
    b"L": _pushed(Program._decimal),
    b"K": _pushed(lambda p: p._unpacked("<B")),
    b"M": _pushed(lambda p: p._unpacked("<H")),
    b"J": _pushed(lambda p: p._unpacked("<i")),
    b"\x8a": _pushed(lambda p: p._number(p._unpacked("<B"))),
    b"F": _pushed(lambda p: float(p._line())),
    b"G": _pushed(lambda p: p._unpacked(">d")),
    # Texts, of Python 2 too: latin1 keeps each of its bytes.
    b"S": _pushed(Program._quoted),
    b"V": _pushed(lambda p: p._line("raw-unicode-escape")),
    b"U": _pushed(lambda p: p._take(p._unpacked("<B")).decode("latin1")),
    b"T": _pushed(lambda p: p._take(p._unpacked("<I")).decode("latin1")),
    b"\x8c": _pushed(lambda p: p._text(p._unpacked("<B"))),
    b"X": _pushed(lambda p: p._text(p._unpacked("<I"))),
    b"\x8d": _pushed(lambda p: p._text(p._unpacked("<Q"))),
    b"C": _pushed(lambda p: p._take(p._unpacked("<B"))),
    b"B": _pushed(lambda p: p._take(p._unpacked("<I"))),
    b"\x8e": _pushed(lambda p: p._take(p._unpacked("<Q"))),
    b"\x96": _pushed(lambda p: bytearray(p._take(p._unpacked("<Q")))),
    # Lists, tuples, dicts
    b"(": lambda p: p._push(_MARK),
    b"]": lambda p: p._push([]),
    b")": lambda p: p._push(()),
    b"}": lambda p: p._push({}),
    b"l": lambda p: p._push(p._popped()),
    b"t": lambda p: p._push(tuple(p._popped())),
    b"d": lambda p: p._made(p._popped()),
    b"\x85": lambda p: p._push(tuple(p._last(1))),
    b"\x86": lambda p: p._push(tuple(p._last(2))),
    b"\x87": lambda p: p._push(tuple(p._last(3))),
    b"a": lambda p: p._extend(p._last(1)),
    b"e": lambda p: p._extend(p._popped()),
    b"s": lambda p: p._update(p._last(2)),
    b"u": lambda p: p._update(p._popped()),
    # The stack and the memo
    b"0": Program._pop,
    b"1": Program._popped,
    b"h": lambda p: p._get(p._unpacked("<B")),
    b"j": lambda p: p._get(p._unpacked("<I")),
    b"g": lambda p: p._get(p._decimal()),
    b"q": lambda p: p._put(p._unpacked("<B")),
    b"r": lambda p: p._put(p._unpacked("<I")),
    b"p": lambda p: p._put(p._decimal()),
    b"\x94": _memoized,
    # Names and calls
    b"c": _global,
    b"\x93": lambda p: p._find(*p._last(2)),
    b"R": Program._call,
    b"b": Program._build,
    b"Q": lambda p: p._push(p._persistent(p._pop())),
}
