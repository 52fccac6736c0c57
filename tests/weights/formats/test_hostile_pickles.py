"""Pickles that do harm elsewhere: nothing that they name is executed."""

from __future__ import annotations

import builtins
import copyreg
import io
import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from pickle_assembly import array, build, call, name, old_string, row, value, whole

from keras_alexnet.weights.formats import pickles
from keras_alexnet.weights.formats.pickle_program import ORDERED_DICT
from keras_alexnet.weights.formats.pickled_arrays import NUMPY

GOOD = whole(array((2,), "f4", old_string(bytes(8))))


def read(data: bytes) -> object:
    admitted = {**NUMPY, **ORDERED_DICT}
    return pickles.resolved(pickles.load(io.BytesIO(data), admitted), len(data))


class Reduced:
    """Pickles as a call of any function."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple:
        return self.call


@pytest.mark.compat
@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    ("function", "argument", "refused"),
    [
        (os.system, "mkdir {}", f"{os.system.__module__}.system"),
        (os.mkdir, "{}", f"{os.mkdir.__module__}.mkdir"),
        (builtins.eval, "__import__('os').mkdir({!r})", "eval"),
        (builtins.exec, "import os; os.mkdir({!r})", "exec"),
    ],
)
def test_nothing_that_a_pickle_names_is_executed(
    tmp_path: Path, protocol: int, function: object, argument: str, refused: str
) -> None:
    marker = tmp_path / "executed"
    call = Reduced(function, argument.format(str(marker)))
    data = pickle.dumps({"a": [call]}, protocol)
    with pytest.raises(ValueError, match=f"names '.*{refused}'.*not admitted"):
        read(data)
    assert not marker.exists()
    pickle.loads(data)  # it is a working one
    assert marker.exists()


DTYPE, NDARRAY = name("numpy", "dtype"), name("numpy", "ndarray")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        # No attribute of what is admitted can be had, or set.
        (name("numpy", "dtype.__class__"), "names 'numpy.dtype.__class__'"),
        (name("numpy", "load"), "names 'numpy.load'"),
        (call(name("builtins", "getattr"), DTYPE, value("held")), "builtins.getattr"),
        (build(DTYPE, value({"held": 1})), "alters what it names"),
        (build(DTYPE, row(b"N", value({"held": 1}))), "alters what it names"),
        (DTYPE + value([1]) + b"a", "appends to a Function"),
        (DTYPE + value(1) + value(1) + b"s", "sets an item of a F"),
        # The other opcodes that make objects make none of it.
        (NDARRAY + b")\x81", "NEWOBJ"),
        (NDARRAY + b")}\x92", "NEWOBJ_EX"),
        # What is admitted is no value by itself.
        (DTYPE, "holds a Function"),
        (call(DTYPE, value("f4")), "a type in place of a value"),
        (call(NDARRAY, value((2,))), "an array without type or shape"),
        # An encoding is a module that Python looks up by its name.
        (call(name("_codecs", "encode"), value("a"), value("rot13")), "encodes"),
        (value("0") + b"Q", "refers to something outside it"),
        (value({1, 2}), "names '__builtin__.set'"),
        (pickle.dumps(bytearray(b"a"), 5)[2:-1], "holds a bytearray"),
        (value({(1, 2): 3}), "holds a dict with keys that are not plain"),
    ],
)
def test_stand_ins_cannot_be_misused(body: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(whole(body))
    assert read(GOOD).tolist() == [0, 0]


@pytest.fixture
def registered() -> Iterator[bytes]:
    """A pickle with an extension code that the process has used before."""
    copyreg.add_extension("os", "system", 240)
    data = b"\x80\x02\x82\xf0."
    assert pickle.loads(data) is os.system
    yield data
    copyreg.remove_extension("os", "system", 240)
    copyreg.clear_extension_cache()


def test_registered_extensions_are_refused(registered: bytes) -> None:
    with pytest.raises(ValueError, match="what a process has registered"):
        read(registered)


def test_pickles_that_are_far_too_large_are_refused() -> None:
    nested: list = []
    for _ in range(40):
        nested = [nested]
    endless: list = []
    endless.append(endless)
    for data in (nested, endless):
        with pytest.raises(ValueError, match="nested more than 32 deep"):
            read(pickle.dumps(data))
    # As a key a tuple this deep overruns the stack of the interpreter.
    deep = b"}" + b")" + b"\x85" * 1_000_000 + b"Ns"
    with pytest.raises(ValueError, match="more than 20000 opcodes"):
        read(whole(deep))
    # The memo of Python's own reader would take 32 GiB.
    assert read(whole(b"Nr\xff\xff\xff\x7f")) is None
