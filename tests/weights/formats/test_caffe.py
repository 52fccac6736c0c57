"""`.caffemodel` files of both forms, and what is damaged or something else.

That OpenCV reads the same files alike is in test_opencv.py.
"""

from __future__ import annotations

import struct
from pathlib import Path

import caffe_nets
import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool

from keras_alexnet.weights.formats.caffe import net_parameter, read_caffemodel

BLOBS = caffe_nets.random_blobs({"conv1": (4, 3, 5, 5), "fc6": (2, 16)})


def varint(number: int) -> bytes:
    """Protobuf's encoding of a number, from its documentation."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def whole_number(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


@pytest.mark.compat
@pytest.mark.parametrize("form", ["layer", "layers"])
def test_both_forms_are_read(tmp_path: Path, form: str) -> None:
    found = read_caffemodel(caffe_nets.write(tmp_path / "a.caffemodel", BLOBS, form))
    assert list(found) == list(BLOBS)
    for name, arrays in BLOBS.items():
        for ours, written in zip(found[name], arrays, strict=True):
            assert ours.dtype == np.float32
            assert ours.ndim == (4 if form == "layers" else written.ndim)
            np.testing.assert_array_equal(np.squeeze(ours), written)


@pytest.mark.compat
def test_bytes_written_by_hand_are_read(tmp_path: Path) -> None:
    values = np.arange(6, dtype="<f4")
    shape = field(7, field(1, varint(2) + varint(3)))
    halves = field(5, values[:2].tobytes()) + field(5, values[2:].tobytes())
    gradient = field(6, values.tobytes())
    double = field(8, values.astype("<f8").tobytes())
    old = b"".join(whole_number(n, size) for n, size in enumerate((1, 1, 2, 3), 1))
    new_layer = field(1, b"fc") + field(2, b"InnerProduct") + field(7, shape + halves)
    zeros = field(5, bytes(24))
    new_layer += field(3, b"data") + field(7, shape + gradient + zeros + double)
    old_layer = field(4, b"\xfc") + whole_number(5, 14) + field(6, old + halves)
    path = tmp_path / "a.caffemodel"

    path.write_bytes(field(1, b"net") + field(100, new_layer) + field(3, b"data"))
    single, twice = read_caffemodel(path)["fc"]
    np.testing.assert_array_equal(single, values.reshape(2, 3))
    np.testing.assert_array_equal(twice, values.reshape(2, 3))
    assert (single.dtype, twice.dtype) == (np.float32, np.float64)

    without = field(4, b"relu") + whole_number(5, 18)
    path.write_bytes(field(2, without) + field(2, old_layer) + field(100, new_layer))
    assert list(read_caffemodel(path)) == ["\ufffd"]  # the form that Caffe prefers
    assert read_caffemodel(path)["\ufffd"][0].shape == (1, 1, 2, 3)


def test_it_works_beside_caffes_own_classes() -> None:
    pool = descriptor_pool.Default()
    own = descriptor_pb2.FileDescriptorProto(name="c.proto", package="caffe")
    own.message_type.add(name="NetParameter")
    pool.AddSerializedFile(own.SerializeToString())
    caffes = pool.FindMessageTypeByName("caffe.NetParameter")
    assert len(caffes.fields) == 0
    assert len(net_parameter().DESCRIPTOR.fields) == 3


def blob(size: int, *shape: int) -> bytes:
    return field(7, field(1, b"".join(map(varint, shape)))) + field(5, bytes(size))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it has no layer with values"),
        (field(100, field(1, b"data")), "it has no layer with values"),
        (b"<!DOCTYPE html><title>404</title>", "it is damaged, or no NetParameter"),
        (
            field(2, field(1, field(1, b"conv1"))),
            "it is in the oldest of Caffe's formats",
        ),
        (
            field(100, field(1, b"conv1") + field(7, blob(20, 2, 3))),
            "layer 'conv1', blob 0: 20 bytes of values do not fill the shape (2, 3)",
        ),
        (
            field(100, field(1, b"a") + field(7, blob(4)) + field(7, blob(4, 0))),
            "layer 'a', blob 1: it has the shape (0,)",
        ),
        (
            field(100, field(1, b"a") + field(7, blob(4, *[1] * 40))),
            "layer 'a', blob 0: it has the shape (1,",
        ),
        (
            field(100, field(1, b"a") + field(7, blob(4))) * 2,
            "two of its layers have the same name",
        ),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "a.caffemodel"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^weights must be a whole \.caff") as caught:
        read_caffemodel(path)
    assert f"Received: {str(path)!r} ({message}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.compat
def test_cut_files_are_refused(tmp_path: Path) -> None:
    content = caffe_nets.write(tmp_path / "a.caffemodel", BLOBS).read_bytes()
    path = tmp_path / "cut.caffemodel"
    first = len(BLOBS["conv1"][0].tobytes())
    for end in (*range(0, 40), first, *range(len(content) - 300, len(content), 7)):
        path.write_bytes(content[:end])
        with pytest.raises(ValueError, match=r"cut.caffemodel' \(it [^\n]*\)$"):
            read_caffemodel(path)
    with pytest.raises(ValueError, match=r"No such file or directory\)$"):
        read_caffemodel(tmp_path / "none.caffemodel")


def test_a_file_beyond_protobufs_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.caffemodel"
    with path.open("wb") as file:
        file.truncate(2**31)  # sparse: it takes no room
    with pytest.raises(ValueError, match="it is larger than 1 GB"):
        read_caffemodel(path)


def test_values_are_little_endian(tmp_path: Path) -> None:
    content = field(7, field(1, varint(1))) + field(5, struct.pack("<f", 1.5))
    path = tmp_path / "a.caffemodel"
    path.write_bytes(field(100, field(1, b"a") + field(7, content)))
    assert read_caffemodel(path)["a"][0].tolist() == [1.5]
