"""Pickles: what is read agrees with NumPy's own reading. Damage gives one line."""

from __future__ import annotations

import collections
import io
import pickle

import numpy as np
import pytest
from pickle_assembly import array, old_string, value, whole

from keras_alexnet.weights.formats import pickles
from keras_alexnet.weights.formats.pickle_program import ORDERED_DICT
from keras_alexnet.weights.formats.pickled_arrays import NUMPY

ADMITTED = {**NUMPY, **ORDERED_DICT}
CONTENT = np.arange(12, dtype="<f4")


def read(data: bytes) -> object:
    return pickles.resolved(pickles.load(io.BytesIO(data), ADMITTED), len(data))


def is_plain(x: object) -> bool:
    if isinstance(x, np.ndarray):
        return not x.dtype.hasobject
    if type(x) in (list, tuple):
        return all(map(is_plain, x))
    if type(x) is dict:
        return all(map(is_plain, [*x, *x.values()]))
    return type(x) in (str, bytes, int, float, bool, type(None))


@pytest.mark.compat
@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_plain_values_and_arrays_are_read_back_unchanged(protocol: int) -> None:
    rng = np.random.default_rng(0)
    grid = rng.normal(0, 1, (3, 4, 5))
    things = {
        "plain": [1, 2.5, "ü", b"\x00\xff", None, True, (1, [2])],
        "ordered": collections.OrderedDict(a=1),
        "same": [grid, grid],
        **{code: grid.astype(code) for code in ("f2", "f4", "f8", "i1", "u2", "i8")},
        "bool": grid > 0,
        "Fortran": np.asfortranarray(grid),
        "strided": grid[::2, 1:],
        "big": grid.astype(">f4"),
        "scalar": np.float32(1.5),
        "empty": np.zeros((0, 3)),
    }
    found = read(pickle.dumps(things, protocol))
    assert is_plain(found)
    assert {key: found[key] for key in ("plain", "ordered", "scalar")} == {
        key: things[key] for key in ("plain", "ordered", "scalar")
    }
    assert found["same"][0] is found["same"][1]
    for key in things.keys() - {"plain", "ordered", "scalar", "same"}:
        np.testing.assert_array_equal(found[key], things[key])
        assert found[key].dtype == things[key].dtype.newbyteorder("=")


@pytest.mark.compat
@pytest.mark.parametrize("module", ["numpy.core", "numpy._core"])
def test_both_of_numpys_module_names_are_known(module: str) -> None:
    data = whole(array((3, 4), "f4", old_string(CONTENT.tobytes())))
    found = read(data.replace(b"numpy.core", module.encode()))
    np.testing.assert_array_equal(found, CONTENT.reshape(3, 4))


@pytest.mark.compat
def test_python_2s_pickles_are_read_as_numpy_reads_them() -> None:
    values = old_string(CONTENT.tobytes())  # bytes above 127 in a text
    inner = b"]" + array((2, 6), "f4", values) + b"a"
    held = b"}" + old_string(b"conv1") + inner + b"s"
    data = whole(array((), "O8", b"]" + held + b"a"))
    numpys = pickle.loads(data.replace(b"numpy.core", _core()), encoding="latin1")
    found = read(data)
    assert list(found) == list(numpys.item()) == ["conv1"]
    np.testing.assert_array_equal(found["conv1"][0], numpys.item()["conv1"][0])
    np.testing.assert_array_equal(found["conv1"][0], CONTENT.reshape(2, 6))


def _core() -> bytes:
    return np.array(0).__reduce__()[0].__module__.rpartition(".")[0].encode()


def test_an_array_of_objects_becomes_its_content() -> None:
    assert read(whole(array((2,), "O", value(["a", 1])))) == ["a", 1]
    assert read(whole(array((), "O", value([{"a": 1}])))) == {"a": 1}
    with pytest.raises(ValueError, match="objects of several axes"):
        read(whole(array((1, 1), "O", value([1]))))
    with pytest.raises(ValueError, match="objects of several axes"):
        read(whole(array((), "O", value([]))))


@pytest.mark.parametrize(
    "body",
    [
        array((4, 4), "f4", old_string(CONTENT.tobytes())),
        array((12,), "V4", old_string(CONTENT.tobytes())),
        array((12,), "M8", old_string(CONTENT.tobytes())),
        array((6,), "O", old_string(CONTENT.tobytes())),
        array((-12,), "f4", old_string(CONTENT.tobytes())),
        array((2**62, 2**62), "f4", old_string(CONTENT.tobytes())),
        array(12, "f4", old_string(CONTENT.tobytes())),
        array((12,), "f4", value(3)),
    ],
)
def test_an_array_of_other_types_or_incomplete_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="its pickle holds an array"):
        read(whole(body))


def read_or_reason(data: bytes, place: int, byte: int) -> object:
    try:
        return read(data[:place] + bytes([byte]) + data[place + 1 :])
    except ValueError as error:
        return str(error)


@pytest.mark.compat
def test_a_damaged_pickle_is_one_line_or_plain_values() -> None:
    data = pickle.dumps({"a": [CONTENT, np.float64(1), "b"]}, 2)
    for end in range(len(data)):
        with pytest.raises(ValueError, match=r"^[^\n]+$"):
            read(data[:end])
    rng = np.random.default_rng(0)
    for place in range(len(data)):
        for byte in rng.integers(0, 256, 8):
            assert is_plain(read_or_reason(data, place, byte))
