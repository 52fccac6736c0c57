"""Small preparations, and readers of their files."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from keras_alexnet.data import Source, open_source
from keras_alexnet.data.preparation import Settings, driver, prepare, shards, writing

SIZE = 32
SETTINGS = Settings(SIZE)
RAW = Settings(SIZE, encoding="raw")


def make_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several shards, and several blocks in each, of the few pictures of a test."""
    monkeypatch.setattr(shards, "SHARD_BYTES", 10_000)
    monkeypatch.setattr(writing, "_BLOCK", 2)
    monkeypatch.setattr(driver, "_cores", lambda: 1)


def folder(root: Path) -> Source:
    """The files in a folder as a source, pictures or not."""
    return open_source(f"folder:{root}", check_pictures=False)


def interrupt(pictures: Path, out: Path, after: int) -> None:
    """Prepares, and stops after a number of pictures."""

    def watch(done: int, total: int) -> None:
        if done >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(folder(pictures), str(out), SETTINGS, watch=watch)


def contents(out: Path) -> dict[str, bytes]:
    """The content of every file in a directory and below."""
    paths = (path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


def examples(out: Path, split: str) -> list[tf.train.Example]:
    """The records of a split."""
    files = sorted(str(path) for path in out.glob(f"{split}-*.tfrecord"))
    records = tf.data.TFRecordDataset(files).as_numpy_iterator()
    return [tf.train.Example.FromString(record) for record in records]


def value(example: tf.train.Example, key: str) -> bytes | int:
    """The value of a record for a key."""
    feature = example.features.feature[key]
    return (feature.int64_list.value or feature.bytes_list.value)[0]


def names(out: Path, split: str) -> list[str]:
    """Names of the pictures of a split, in the order of the records."""
    return [value(each, "name").decode() for each in examples(out, split)]
