"""Shards of records: which examples each holds, writing one, and the report of it."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.data.preparation.pixel_worker.sums import ColourSums
from keras_alexnet.data.preparation.settings import Settings
from keras_alexnet.data.sources import TRAIN, Source, Stored
from keras_alexnet.reasons import reason

# Files of this size are read at full speed and are easy to copy.
SHARD_BYTES = 128 * 2**20
# A JPEG of a photo takes about 0.5 bytes a pixel at quality 95 and 1 at 100.
_JPEG_BYTES_PER_PIXEL, _JPEG_HEADER = 0.75, 700
_SEED = 2012
# What NumPy raises for a file that is no archive of arrays, or of others.
_DAMAGED = (ValueError, KeyError, EOFError, TypeError, AttributeError)

# An example with its prepared picture or, as text, the reason why there is none.
Prepared = tuple[Stored, "bytes | str"]


@dataclasses.dataclass(frozen=True, eq=False)
class Shard:
    """A file of records to be written.

    Args:
        name: Name of the file.
        split: `"train"` or `"validation"`.
        indices: Which of the split's examples it holds, in this order.
    """

    name: str
    split: str
    indices: np.ndarray


def plan(source: Source, settings: Settings) -> list[Shard]:
    """Plans all shards of a data set: a function of the data and settings alone.

    Args:
        source: The data set.
        settings: The settings of the preparation.

    Returns:
        The shards, those of the training pictures first.
    """
    return [
        shard
        for split in source.sizes
        for shard in _of_split(split, _order(source, split), settings)
    ]


def _order(source: Source, split: str) -> np.ndarray:
    """The order in which a split is stored.

    Training pictures are shuffled once, when they are stored, as in cuda-convnet2's
    make-data. Sources that can only be read from front to back are not shuffled:
    tensorflow-datasets did that when it stored them. NumPy promises that this old
    generator draws the same numbers in all its versions.
    """
    count = source.sizes[split]
    if split == TRAIN and source.random_access:
        return np.random.RandomState(_SEED).permutation(count)
    return np.arange(count)


def _of_split(split: str, order: np.ndarray, settings: Settings) -> list[Shard]:
    total = -(-len(order) * _expected_bytes(settings) // SHARD_BYTES)
    return [
        Shard(f"{split}-{number:05}-of-{total:05}.tfrecord", split, indices)
        for number, indices in enumerate(np.array_split(order, total))
    ]


def _expected_bytes(settings: Settings) -> int:
    """Bytes of a picture: an estimate, rather too high than too low."""
    if settings.encoding == "raw":
        return 3 * settings.size**2
    return _JPEG_HEADER + int(_JPEG_BYTES_PER_PIXEL * settings.size**2)


@dataclasses.dataclass
class Report:
    """What a shard holds, and what was skipped; kept until all shards are written.

    The sums over its pictures are in the same file but not held in memory: they are
    as large as a picture, and there are many shards.

    Args:
        counts: int64 `[classes]`, the pictures of each class in it.
        skipped: Name and reason of each example that was skipped.
        size: Size of the file, in bytes.
    """

    counts: np.ndarray
    skipped: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    size: int = 0

    @property
    def pictures(self) -> int:
        """How many pictures the shard holds."""
        return int(self.counts.sum())

    def save(self, path: Path, sums: ColourSums) -> None:
        """Writes report and sums to a file, all at once."""
        with io.BytesIO() as file:
            np.savez_compressed(
                file,
                counts=self.counts,
                skipped=np.array(json.dumps(self.skipped)),
                size=np.array(self.size),
                pixels=sums.pixels,
                products=sums.products,
            )
            files.write_bytes(path, file.getvalue())

    @classmethod
    def load(cls, path: Path) -> Report:
        """Reads a report that `save` wrote.

        Raises:
            ValueError: If the file is damaged.
        """
        with _held(path) as held:
            skipped = [(name, why) for name, why in json.loads(str(held["skipped"]))]
            return cls(held["counts"], skipped, int(held["size"]))


def merge_sums(path: Path, total: ColourSums) -> None:
    """Adds to a total the sums that `Report.save` wrote."""
    with _held(path) as held:
        total.merge(held["pixels"], held["products"])


@contextlib.contextmanager
def _held(path: Path) -> Iterator[Any]:
    try:
        with np.load(path, allow_pickle=False) as held:
            yield held
    except (*_DAMAGED, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            "the report of a shard must be as prepare wrote it; remove it, and the "
            f"shard is prepared again. Received: {str(path)!r} ({reason(error)})"
        ) from None


def record(name: str, label: int, image: bytes) -> bytes:
    """A `tf.train.Example` with `image`, `label` and `name`: always the same bytes."""
    features = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
        "name": tf.train.Feature(bytes_list=tf.train.BytesList(value=[name.encode()])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def write(
    prepared: Iterable[Prepared], partial: Path, path: Path, report: Report
) -> None:
    """Writes a TFRecord file that appears at `path` complete, or not at all.

    Args:
        prepared: The examples, in their order, with their prepared pictures.
        partial: Where the file is while it is incomplete, on the same disk.
        path: Where the complete file is.
        report: Counts, skipped pictures and the size of the file are added to it.
    """
    with tf.io.TFRecordWriter(os.fsencode(partial)) as file:
        for stored, image in prepared:
            if isinstance(image, str):
                report.skipped.append((stored.name, image))
                continue
            file.write(record(stored.name, stored.label, image))
            report.counts[stored.label] += 1
    with open(partial, "rb+") as written:
        os.fsync(written.fileno())
    report.size = partial.stat().st_size
    os.replace(partial, path)
