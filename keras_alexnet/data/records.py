"""Prepared records: a directory that `scripts/prepare.py` wrote."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_alexnet.data.colour import ColourStatistics
from keras_alexnet.data.division import Division
from keras_alexnet.data.order import Keep
from keras_alexnet.data.record_files import (
    DIVISION,
    FILE_NAME,
    MEAN_PICTURE,
    UNFINISHED,
    Description,
    ShardEntry,
)
from keras_alexnet.data.shards import Shards, SourceOfShards, fault_in_lengths
from keras_alexnet.data.sources import (
    TRAIN,
    VALIDATION,
    VALIDATION_NAMES,
    endless,
    shuffle,
)
from keras_alexnet.reasons import printable, reason

# Of version 1 of the order. The most that the shuffle buffer takes: it may be small,
# since the records are stored in a random order, and each epoch mixes other files.
_SHUFFLE_BYTES = 256 * 2**20
_FILES_AT_ONCE = 16
_FEATURES = {
    "image": tf.io.FixedLenFeature([], tf.string),
    "label": tf.io.FixedLenFeature([], tf.int64),
    "name": tf.io.FixedLenFeature([], tf.string),
}


class RecordsSource(SourceOfShards):
    """Records of squares of one size, with the statistics of their colours.

    Args:
        directory: A directory that `prepare` wrote.
        split: `"train"` to evaluate on the training pictures; the validation pictures
            by default.
        validating: Whether there must be validation pictures.

    Attributes:
        size: Side of the pictures.
        encoding: `"jpeg"`; or `"raw"`, where `image` holds the bytes of the pixels,
            uint8 `[size, size, 3]`, which `tf.io.decode_raw` reads.

    Raises:
        ValueError: If there are no records, they are unfinished or of another format
            version, or a file is missing or has another length.

    Example:

    >>> source = RecordsSource("prepared")  # doctest: +SKIP
    >>> source.mean_picture.shape  # doctest: +SKIP
    (256, 256, 3)
    """

    def __init__(
        self, directory: str, split: str | None = None, validating: bool = True
    ) -> None:
        self._root = Path(directory)
        self._description = description = _described(self._root)
        description.check_shards(self._root)
        self.size = description.identity["size"]
        self.encoding = description.identity["encoding"]
        names, sizes = tuple(description.class_names), description.sizes
        self._splits = {TRAIN: TRAIN, VALIDATION: _validation_split(directory, split)}
        if not validating:
            del self._splits[VALIDATION]
        sizes = {ours: sizes[its] for ours, its in self._splits.items()}
        if not sizes[TRAIN]:
            raise ValueError(
                "data must have pictures to train on; prepare some. "
                f"Received: data='records:{directory}', which have none"
            )
        if not all(sizes.values()):
            raise ValueError(
                "data to evaluate on must have validation pictures; give val_share=0 "
                "to train without, or split=train. Received: "
                f"data='records:{directory}', which were prepared without"
            )
        division = description.identity.get(DIVISION)
        self.division = None if division is None else Division(**division)
        super().__init__(f"records:{directory}", names, sizes)

    @property
    def statistics(self) -> ColourStatistics:
        """Mean colour and components of these training pictures."""
        held = self._description.statistics
        return ColourStatistics(
            mean=tuple(held["mean"]),
            stddevs=tuple(held["stddevs"]),
            vectors=tuple(map(tuple, held["vectors"])),
            origin="of these data",
        )

    @property
    def mean_picture(self) -> np.ndarray:
        """The mean of the training pictures, float32 `[size, size, 3]`, 0-255."""
        path, shape = self._root / MEAN_PICTURE, (self.size, self.size, 3)
        try:
            if not path.is_file():  # a pipe would be waited for
                raise ValueError("which is no file")
            # Mapped, because a header may ask for more memory than there is data.
            found = np.lib.format.open_memmap(path, mode="r")
            if found.dtype != np.float32 or found.shape != shape:
                raise ValueError(f"no float32 of shape {shape}")
            if not np.all((found >= 0) & (found <= 255)):  # NaN is neither
                raise ValueError("values outside of 0-255")
            return np.array(found)
        except (ValueError, EOFError, OverflowError) as error:
            raise ValueError(
                f"{MEAN_PICTURE} must be as prepare wrote it; prepare the data again. "
                f"Received: {str(path)!r} ({reason(error)})"
            ) from None

    def ordered(self, split: str) -> tf.data.Dataset:
        return self.part(split, 0, self.sizes[split])

    def _files(self, split: str) -> Shards:
        counts = [each.pictures for each in self._shards(split)]
        return Shards(self._paths(split), counts, self._parsed)

    def shuffled(
        self, split: str, seed: int, start: int, keep: Keep | None = None
    ) -> tf.data.Dataset:
        count, files = self.sizes[split], self._files(split)
        buffer_size = self._buffer_size(split)

        def epoch(number: tf.Tensor) -> tf.data.Dataset:
            draws = tf.random.stateless_uniform(
                [len(self._shards(split))],
                tf.stack([tf.constant(seed, tf.int64), number]),
            )
            records = files.mixed(tf.argsort(draws), _FILES_AT_ONCE)
            return shuffle(records, buffer_size, seed, number)

        # Parsed last, so that records before the start are not parsed at all.
        return endless(epoch, count, start, keep).map(
            lambda position, record: {
                **self._labelled(_example(record)),
                "position": position,
            }
        )

    def damaged(self) -> str | None:
        for split in self.sizes:
            pairs = zip(self._paths(split), self._shards(split), strict=True)
            for path, entry in pairs:
                fault = fault_in_lengths(path, entry.pictures)
                fault = fault or self._fault_in_records(path)
                if fault is not None:
                    return f"{os.fsdecode(path)!r} ({fault})"
        return None

    def _fault_in_records(self, path: bytes) -> str | None:
        """The first record that cannot be read, and why."""
        number = -1
        try:
            for number, record in enumerate(tf.data.TFRecordDataset(path)):
                label = int(_example(record)["label"])
                if not 0 <= label < len(self.class_names):
                    classes = len(self.class_names)
                    return f"record {number}: label {label}, of {classes} classes"
        except tf.errors.DataLossError as error:
            return reason(error)
        except tf.errors.OpError as error:
            return f"record {number}: {printable(reason(error))}"
        except UnicodeDecodeError:  # TensorFlow's message quotes the record
            return f"record {number}: no example"
        return None

    def _parsed(self, numbers: tf.Tensor, records: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._labelled(_examples(numbers, records))

    def _labelled(self, examples: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The examples, if their labels are numbers of classes: else an error."""
        # A gather of numbers is stateless, unlike an assertion.
        labels = tf.range(len(self.class_names), dtype=tf.int64)
        return {**examples, "label": tf.gather(labels, examples["label"])}

    def _contents(self) -> dict:
        return self._description.identity

    def _paths(self, split: str) -> list[bytes]:
        return [os.fsencode(self._root / each.file) for each in self._shards(split)]

    def _shards(self, split: str) -> list[ShardEntry]:
        return self._description.shards[self._splits[split]]

    def _buffer_size(self, split: str) -> int:
        total = sum(each.bytes for each in self._shards(split))
        return min(self.sizes[split], _SHUFFLE_BYTES * self.sizes[split] // total + 1)


def _described(root: Path) -> Description:
    if (root / FILE_NAME).is_file():
        return Description.read(root)
    if (root / UNFINISHED).is_dir():
        raise ValueError(
            "data=records:DIR must be finished; run the same prepare command again, "
            f"which resumes where it stopped. Received: {str(root)!r}, unfinished"
        )
    raise ValueError(
        "data=records:DIR must be a directory that scripts/prepare.py wrote. "
        f"Received: {str(root)!r}, which has no {FILE_NAME}"
    )


def _validation_split(directory: str, split: str | None) -> str:
    if split is None or split in VALIDATION_NAMES:
        return VALIDATION
    if split == TRAIN:
        return TRAIN
    raise ValueError(
        "split must be train or validation with records; prepare the others with "
        f"--split={split} into another directory. Received: split={split!r}, "
        f"data='records:{directory}'"
    )


def _example(record: tf.Tensor) -> dict[str, tf.Tensor]:
    return tf.io.parse_single_example(record, _FEATURES)


def _examples(numbers: tf.Tensor, records: tf.Tensor) -> dict[str, tf.Tensor]:
    return tf.io.parse_example(records, _FEATURES)
