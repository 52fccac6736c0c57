"""`.npy` files of converted networks, against NumPy's own reading."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from pickle_assembly import array, old_string, whole

from keras_alexnet.weights.formats.numpy_files import read_npy

RNG = np.random.default_rng(0)
LAYERS = {
    "conv1": [RNG.normal(0, 1, (3, 3, 3, 4)).astype("f4"), np.ones(4, "f4")],
    "fc6": [np.asfortranarray(RNG.normal(0, 1, (5, 2))), np.zeros(2)],
}


def saved(path: Path, held: object, **options: object) -> Path:
    np.save(path, np.array(held), **options)
    return path


def assert_layers(found: dict[str, list[np.ndarray]]) -> None:
    assert list(found) == list(LAYERS)
    for layer, arrays in LAYERS.items():
        assert len(found[layer]) == 2
        for ours, numpys in zip(found[layer], arrays, strict=True):
            np.testing.assert_array_equal(ours, numpys)
            assert ours.dtype == numpys.dtype


@pytest.mark.compat
def test_layers_with_and_without_names(tmp_path: Path) -> None:
    assert_layers(read_npy(saved(tmp_path / "a.npy", LAYERS)))
    named = {
        layer: {"weights": kernel, "biases": bias}
        for layer, (kernel, bias) in LAYERS.items()
    }
    assert_layers(read_npy(saved(tmp_path / "b.npy", named)))


@pytest.mark.compat
def test_a_file_written_by_python_2_is_read(tmp_path: Path) -> None:
    layers = b"}"
    for layer, arrays in LAYERS.items():
        pickled = b"]"
        for each in arrays:
            code, content = each.dtype.str[1:], old_string(each.tobytes("C"))
            pickled += array(each.shape, code, content) + b"a"
        layers += old_string(layer.encode()) + pickled + b"s"
    file = io.BytesIO()
    header = {"descr": "|O8", "fortran_order": False, "shape": ()}
    np.lib.format.write_array_header_1_0(file, header)
    file.write(whole(array((), "O8", b"]" + layers + b"a")))
    path = tmp_path / "bvlc_alexnet.npy"
    path.write_bytes(file.getvalue())
    assert_layers(read_npy(path))


def test_a_bias_may_be_missing_here(tmp_path: Path) -> None:
    found = read_npy(saved(tmp_path / "a.npy", {"a": {"weights": CONTENT}}))
    assert [len(arrays) for arrays in found.values()] == [1]


CONTENT = np.arange(4.0)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        (np.zeros(3), "it is an array of shape (3,) and type float64"),
        (np.array([{}], object), "it is an array of shape (1,)"),
        (np.array(None), "it holds no dict of layers"),
        ({}, "it holds no dict of layers"),
        ({"a": {"scale": CONTENT}}, "layer 'a' has ['scale']"),
        ({"a": 3}, "layer 'a' is a int"),
        ({"a": ["b"]}, "layer 'a' holds something other than arrays"),
        ({"a": [np.array(["b"])]}, "its pickle holds an array of 'U1', not of numbers"),
        ({"a": [np.zeros(2, "f4,f4")]}, "its pickle holds an array of 'V8'"),
        ({"a": os.getcwd}, "names 'posix.getcwd', which is not admitted"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, held: object, message: str) -> None:
    path = saved(tmp_path / "a.npy", held)
    with pytest.raises(ValueError, match="weights must be") as caught:
        read_npy(path)
    text = str(caught.value)
    assert message in text
    assert "\n" not in text
    assert f"Received: {str(path)!r} (" in text


@pytest.mark.compat
def test_damaged_files_are_named_in_one_line(tmp_path: Path) -> None:
    whole_file = saved(tmp_path / "whole.npy", LAYERS).read_bytes()
    path = tmp_path / "cut.npy"
    for end in (*range(0, 160, 7), len(whole_file) // 2, len(whole_file) - 1):
        path.write_bytes(whole_file[:end])
        with pytest.raises(
            ValueError, match=r"^weights must be [^\n]*cut\.npy' \(.+\)$"
        ):
            read_npy(path)
    for path in (tmp_path / "none.npy", tmp_path):
        with pytest.raises(ValueError, match=r"^weights must be [^\n]*directory\)$"):
            read_npy(path)
    path = tmp_path / "third.npy"
    path.write_bytes(whole_file.replace(b"NUMPY\x01", b"NUMPY\x03"))
    with pytest.raises(ValueError, match=r"version of the format is \(3, 0\)"):
        read_npy(path)
