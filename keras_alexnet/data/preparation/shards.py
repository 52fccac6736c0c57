"""Writes one shard of records."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf

from keras_alexnet.data.preparation.reports import Report
from keras_alexnet.data.sources import Stored

# An example, and its picture as prepared or, as text, why there is none.
Made = tuple[Stored, "bytes | str"]


def record(name: str, label: int, image: bytes) -> bytes:
    """A `tf.train.Example` with `image`, `label` and `name`, in its one byte order."""
    features = {
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[image])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
        "name": tf.train.Feature(bytes_list=tf.train.BytesList(value=[name.encode()])),
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def write(made: Iterable[Made], begun: Path, path: Path, report: Report) -> None:
    """Writes a TFRecord file that appears at `path` whole, or not at all.

    Args:
        made: The examples, in their order, with what was made of them.
        begun: Where the file is as long as it is not whole, on the same disk.
        path: Where it is then.
        report: Takes up counts, skipped pictures and the size of the file.
    """
    with tf.io.TFRecordWriter(os.fsencode(begun)) as file:
        for stored, image in made:
            if isinstance(image, str):
                report.skipped.append((stored.name, image))
                continue
            file.write(record(stored.name, stored.label, image))
            report.counts[stored.label] += 1
    with open(begun, "rb+") as written:
        os.fsync(written.fileno())
    report.size = begun.stat().st_size
    os.replace(begun, path)
