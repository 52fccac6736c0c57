"""Prepared records that somebody else wrote: refused in one line, or as they were."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from mutated import mutated_json

from keras_alexnet.data import open_source
from keras_alexnet.data.preparation import Settings, prepare, shards

SIZE = 32


@pytest.fixture(scope="module")
def prepared(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hostile") / "records"
    source = open_source(f"folder:{pictures}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_BYTES", 8_000)
        prepare(source, str(root), Settings(SIZE), processes=1)
    return root


def description_of(root: Path) -> dict[str, Any]:
    return json.loads((root / "dataset.json").read_text())


# What may be something else, because nobody reads it, or it is a name or a colour.
FREE = ("data", "skipped", "file_stamp", "prepared_with", "class_names", "statistics")
FREE += ("identity.quality", "identity.size", "identity.data_fingerprint")
FREE += ("identity.division", "identity.encoding")


def test_mutated_descriptions_are_refused_or_change_nothing_that_counts(
    prepared: Path, tmp_path: Path
) -> None:
    rng, content = random.Random(22), description_of(prepared)
    expected = open_source(f"records:{prepared}")
    for path in prepared.iterdir():
        if path.name != "dataset.json":
            (tmp_path / path.name).symlink_to(path)
    refused = 0
    for _ in range(600):
        place, changed = mutated_json(content, rng)
        if changed == content:
            continue
        (tmp_path / "dataset.json").write_text(json.dumps(changed))
        try:
            source = open_source(f"records:{tmp_path}")
        except ValueError as error:
            message = str(error)
            assert "\n" not in message
            assert len(message) < 1000
            assert "Received: " in message, place
            refused += 1
        else:
            assert place.startswith(FREE), (place, changed)
            assert source.sizes == expected.sizes
            assert len(source.class_names) == len(expected.class_names)
            assert source.statistics.mean is not None
    assert refused > 400


def test_a_number_of_more_digits_than_python_reads_is_a_fault(
    prepared: Path, tmp_path: Path
) -> None:
    shutil.copytree(prepared, tmp_path / "copy")
    text = json.dumps({**description_of(prepared), "skipped": "digits"})
    path = tmp_path / "copy" / "dataset.json"
    for digits in ("9" * 5000, "1e999", "NaN", "-" + "9" * 30):
        path.write_text(text.replace('"digits"', digits))
        with pytest.raises(ValueError, match=r"Received: '.*dataset\.json'") as caught:
            open_source(f"records:{tmp_path / 'copy'}")
        assert "\n" not in str(caught.value)


# Another file in the place of JSON: a regression would hang, or fill the memory.
READ_JSON = """
import os
from pathlib import Path
from keras_alexnet import files

def case(path):
    try:
        return len(files.read_json(Path(path), names=list)["names"])
    except OSError as error:
        raise ValueError(f"Received: {error}") from None
"""


@pytest.mark.compat
def test_what_is_no_json_file_is_one_line(
    limited: Callable[..., Any], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    contents = {
        "deep": b"[" * 2_000_000,
        "deep objects": b'{"names":' * 500_000,
        "lists": b'{"names": [' + b"[]," * 5_000_000 + b"[]]}",
        "bytes": b'{"names": ["\xff"]}',
        "utf-16": '{"names": []}'.encode("utf-16"),
        "empty": b"",
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    with open(tmp_path / "long", "wb") as file:
        file.truncate(2**34)  # a hole, which takes no room
    names = ["pipe", "folder", "loop", "zeros", "none", "long", *contents]
    paths = [str(tmp_path / name) for name in names]
    outcomes = limited(READ_JSON, paths)
    for path, outcome in zip(paths, outcomes, strict=True):
        taken = path.endswith("lists") and outcome.result == 5_000_001
        assert taken or outcome.is_one_line(path), outcome


def masked_checksum(data: bytes) -> int:
    """CRC-32C (polynomial 0x1EDC6F41, reflected), masked as TFRecords have it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def head(length: int) -> bytes:
    packed = struct.pack("<Q", length)
    return packed + struct.pack("<I", masked_checksum(packed))


def record(content: bytes) -> bytes:
    return head(len(content)) + content + struct.pack("<I", masked_checksum(content))


def example(**members: Any) -> bytes:
    features = {}
    for name, value in members.items():
        kind = "int64_list" if isinstance(value, int) else "bytes_list"
        lists = {
            "int64_list": tf.train.Int64List,
            "bytes_list": tf.train.BytesList,
        }
        features[name] = tf.train.Feature(**{kind: lists[kind](value=[value])})
    return tf.train.Example(
        features=tf.train.Features(feature=features)
    ).SerializeToString()


def test_the_checksums_are_those_of_tensorflow(tmp_path: Path) -> None:
    path = str(tmp_path / "file")
    (tmp_path / "file").write_bytes(record(b"abc") + record(b""))
    found = list(tf.data.TFRecordDataset(path).as_numpy_iterator())
    assert found == [b"abc", b""]


# Contents of a shard in place of the last one, with the records that it is said to
# have, and words of the message.
SHARDS: dict[str, tuple[Callable[[bytes], bytes], int, tuple[str, ...]]] = {
    "16 bytes": (lambda _: head(2**63) + b"\0" * 4, 1, ("record 0", "longer")),
    "2**64 - 1": (lambda _: head(2**64 - 1) + b"\0" * 4, 1, ("record 0",)),
    "2**64 - 16": (lambda _: head(2**64 - 16) + b"\0" * 4, 1, ("record 0",)),
    "2**40": (lambda _: head(2**40) + b"\0" * 4, 1, ("record 0", "longer")),
    "2**34": (lambda _: head(2**34) + b"\0" * 4, 1, ("record 0", "longer")),
    "second": (lambda old: old + head(2**62) + b"\0" * 4, 2, ("record 1", "longer")),
    "one byte": (lambda old: old[:-1], 1, ("record 0", "longer")),
    "cut head": (lambda old: old + b"\0" * 11, 1, ("record 1", "cut short")),
    "fewer": (lambda old: old, 3, ("1 records instead of 3",)),
    "more": (lambda old: old * 2, 1, ("2 records instead of 1",)),
    "checksum": (lambda old: old[:-1] + b"\0", 1, ("corrupted record at ",)),
    "label 99": (
        lambda _: record(example(image=b"", label=99, name=b"a")),
        1,
        ("record 0", "label 99, of 3 classes"),
    ),
    "label -1": (
        lambda _: record(example(image=b"", label=-1, name=b"a")),
        1,
        ("record 0", "label -1, of 3 classes"),
    ),
    "no label": (lambda _: record(example(image=b"", name=b"a")), 1, ("record 0",)),
    "text label": (
        lambda _: record(example(image=b"", label=b"1", name=b"a")),
        1,
        ("record 0",),
    ),
    "no example": (lambda _: record(b"\xff" * 40), 1, ("record 0",)),
    "no picture": (
        lambda _: record(example(image=b"a cat", label=1, name=b"a.jpg")),
        1,
        ("a.jpg",),
    ),
}
READ_RECORDS = """
import tensorflow as tf
from keras_alexnet.data import evaluation_batches, open_source, training_batches
from keras_alexnet.data.unreadable import READING, explained

def batches(source, how):
    if how == "evaluate":
        return evaluation_batches(source, 32, 4), source.ordered("validation")
    source.order = 1 if how == "order 1" else source.order
    examples = source.stream("train", 0, 0, 4).take(28)
    return training_batches(source, 32, 4, seed=0).take(7), examples

def case(arguments):
    how, path = arguments
    source = open_source(f"records:{path}")
    found, examples = batches(source, how)
    try:
        return sum(len(each["label"]) for each in found)
    except READING as error:
        raise explained(error, examples, source) from error
"""


def with_shard(
    prepared: Path, root: Path, split: str, content: bytes, count: int
) -> Path:
    """A copy whose last shard of a split is this, and a description that says so."""
    shutil.copytree(prepared, root)
    held = description_of(root)
    entry = held["shards"][split][-1]
    (root / entry["file"]).write_bytes(content)
    held["class_counts"][split][0] += count - entry["pictures"]
    entry.update(pictures=count, bytes=max(len(content), 16 * count))
    if len(content) < entry["bytes"]:
        os.truncate(root / entry["file"], entry["bytes"])
    (root / "dataset.json").write_text(json.dumps(held))
    return root


def first_of(prepared: Path) -> bytes:
    """The first of the records, as it is stored."""
    path = next(prepared.glob("train-00000-*"))
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return content[: 16 + length]


@pytest.mark.compat
def test_damaged_records_are_one_line_that_names_file_and_record(
    prepared: Path, tmp_path: Path, limited: Callable[..., Any]
) -> None:
    whole = first_of(prepared)
    cases: list[tuple[str, str]] = [("train", str(prepared))]
    expected: list[tuple[str, ...]] = [()]
    for index, (name, (make, count, words)) in enumerate(SHARDS.items()):
        split = "validation" if index % 3 == 0 else "train"
        how = ("evaluate", "train", "order 1")[index % 3]
        root = with_shard(prepared, tmp_path / name, split, make(whole), count)
        cases.append((how, str(root)))
        expected.append((*words, *(() if name == "no picture" else (str(root),))))
    outcomes = limited(READ_RECORDS, cases)
    assert outcomes[0].result == 28
    for case, words, outcome in zip(cases[1:], expected[1:], outcomes[1:], strict=True):
        assert outcome.is_one_line(*words), (case, outcome)


@pytest.mark.compat
def test_counts_beyond_the_files_do_not_reach_tensorflow(
    prepared: Path, tmp_path: Path
) -> None:
    shutil.copytree(prepared, tmp_path / "copy")
    held = description_of(prepared)
    for count in (2**31, 2**62, 0, -1):
        changed = copy.deepcopy(held)
        entry = changed["shards"]["train"][0]
        changed["class_counts"]["train"][0] += count - entry["pictures"]
        entry["pictures"] = count
        if count == 0:  # no pictures at all
            changed["shards"]["train"] = []
            changed["class_counts"]["train"] = [0, 0, 0]
        (tmp_path / "copy" / "dataset.json").write_text(json.dumps(changed))
        with pytest.raises(ValueError, match="Received: ") as caught:
            open_source(f"records:{tmp_path / 'copy'}")
        assert "\n" not in str(caught.value)


def test_files_outside_of_the_directory_are_not_read(
    prepared: Path, tmp_path: Path
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(prepared, root)
    held = description_of(prepared)
    name = held["shards"]["train"][0]["file"]
    (root / name).rename(tmp_path / name)
    for file in (f"../{name}", str(tmp_path / name), f"..\\{name}", f"./{name}", ".."):
        held["shards"]["train"][0]["file"] = file
        (root / "dataset.json").write_text(json.dumps(held))
        with pytest.raises(ValueError, match="'shards' are not files of its directory"):
            open_source(f"records:{root}")


MEAN = [
    b"",
    b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': "
    b"(100000, 100000, 3), }".ljust(128, b" "),
    b"PK\x05\x06" + bytes(18),
    b"\x80\x04N.",
]


@pytest.mark.parametrize("content", MEAN, ids=["empty", "huge", "zip", "pickle"])
def test_another_mean_picture_is_named(
    prepared: Path, tmp_path: Path, content: bytes
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(prepared, root)
    (root / "mean_picture.npy").write_bytes(content)
    source: Any = open_source(f"records:{root}")
    with pytest.raises(ValueError, match=r"Received: '.*mean_picture\.npy'") as caught:
        _ = source.mean_picture
    assert "\n" not in str(caught.value)
