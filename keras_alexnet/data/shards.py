"""Files of many examples: read from front to back, or shuffled and dealt out."""

from __future__ import annotations

import abc
import functools
import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from keras_alexnet.data import order
from keras_alexnet.data.order import Lanes, Part, within
from keras_alexnet.data.sources import Source

_CORES = os.cpu_count() or 1
_HEAD, _FOOT = 12, 4  # bytes of a record before and after its content
_AHEAD = 2**20  # bytes: some ten examples of ImageNet

Examples = dict[str, tf.Tensor]
# Makes examples `[n]` of their numbers, int64 `[n]`, and what is stored, string `[n]`.
Parse = Callable[[tf.Tensor, tf.Tensor], Examples]


class Shards:
    """TFRecord files, one after the other, as a sequence of examples.

    Examples are parsed many at a time, which takes a fraction of the time. What is
    skipped is not read, but for the 13 bytes that say how long an example is.

    TensorFlow allocates whatever the head of a record says, and ends the process if it
    cannot. So before it reads a file for the first time, `fault_in_lengths` does.

    Args:
        paths: The files.
        counts: How many examples each has.
        parse: Makes examples of what is stored.
    """

    def __init__(
        self, paths: Sequence[bytes], counts: Sequence[int], parse: Parse
    ) -> None:
        self._paths = list(paths)
        # A buffer of TensorFlow's would read what is skipped; but in storage that is
        # reached by requests, as gs://, each example would take several.
        self._buffer = _AHEAD if any(b"://" in path for path in paths) else 0
        self._counts = np.array(counts, np.int64)
        self._parse = parse
        self._count = int(self._counts.sum())
        self._starts = self._counts.cumsum() - self._counts

    def part(self, first: int, count: int) -> tf.data.Dataset:
        """Successive examples.

        Args:
            first: Number of the first one.
            count: How many, or all that follow if these are fewer.
        """
        end = max(min(first + count, self._count), first)
        # Within a function, as all reading here: the numbers are tensors.
        parts = tf.data.Dataset.from_tensor_slices(np.array([[first, end]], np.int64))
        files = tf.range(len(self._paths))

        def numbered(part: tf.Tensor) -> tf.data.Dataset:
            records = self._read(files, part[0], part[1] - part[0])
            return tf.data.Dataset.zip(
                (tf.data.Dataset.range(part[0], part[1]), records)
            )

        return self._parsed(parts.flat_map(numbered))

    def by_turns(self, files: int, block: int) -> tf.data.Dataset:
        """All examples, each once: from each of some files a block by turns.

        Args:
            files: How many files are read at a time.
            block: How many examples in a turn.
        """

        def of_file(
            path: tf.Tensor, count: tf.Tensor, start: tf.Tensor
        ) -> tf.data.Dataset:
            return tf.data.TFRecordDataset(_checked(path, count)).enumerate(start)

        examples = tf.data.Dataset.from_tensor_slices(
            (self._paths, self._counts, self._starts)
        ).interleave(
            of_file,
            cycle_length=files,
            block_length=block,
            num_parallel_calls=min(files, _CORES),
            deterministic=True,
        )
        return self._parsed(examples)

    def mixed(self, files: tf.Tensor, at_once: int) -> tf.data.Dataset:
        """What is stored in files, one from each of some at a time.

        Args:
            files: Their numbers, in their order.
            at_once: How many are read at a time.
        """
        paths, counts = tf.gather(self._paths, files), tf.gather(self._counts, files)
        return tf.data.Dataset.from_tensor_slices((paths, counts)).interleave(
            lambda path, count: tf.data.TFRecordDataset(_checked(path, count)),
            cycle_length=at_once,
        )

    def _parsed(self, stored: tf.data.Dataset) -> tf.data.Dataset:
        windows = stored.batch(order.WINDOW)
        return windows.map(self._parse, num_parallel_calls=_CORES).unbatch()

    def stream(
        self, seed: int, start: int, batch_size: int, rows: range | None = None
    ) -> tf.data.Dataset:
        """Examples without end in version 2 of the order, from a position on.

        Args:
            seed: Of the order.
            start: The first position.
            batch_size: Rows of a batch.
            rows: Which rows of each batch to read; all if None.

        Returns:
            The examples, each with its `position`.
        """
        lanes = Lanes(self._count, batch_size)
        wanted = rows or range(batch_size)
        dealt = lanes.of_rows(wanted)
        batch = start - start % batch_size
        # Each lane is endless: one after the other gives its rows of a batch.
        examples = tf.data.Dataset.range(dealt.start, dealt.stop).interleave(
            lambda lane: self._lane(lanes, lane, seed, batch),
            cycle_length=len(dealt),
            block_length=lanes.rows,
            num_parallel_calls=min(len(dealt), _CORES),
            deterministic=True,
        )
        if start == batch and len(wanted) == len(dealt) * lanes.rows:
            return examples
        keep = within(wanted, batch_size) or (lambda position: position >= start)
        return examples.filter(
            lambda each: (each["position"] >= start) & keep(each["position"])
        )

    def _lane(
        self, lanes: Lanes, lane: tf.Tensor, seed: int, start: int
    ) -> tf.data.Dataset:
        """Examples of a lane without end, from where a batch begins."""

        def of_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
            part = lanes.part(lane, epoch, start)
            return self._shuffled(lanes, lane, part, seed, epoch)

        epochs = tf.data.Dataset.range(start // self._count, np.iinfo(np.int64).max)
        return epochs.flat_map(of_epoch)

    def _shuffled(
        self,
        lanes: Lanes,
        lane: tf.Tensor,
        part: Part,
        seed: int,
        epoch: tf.Tensor,
    ) -> tf.data.Dataset:
        """A part, shuffled window by window, without what is done of it."""
        files = order.shuffled_files(seed, epoch, len(self._paths))
        begin = order.cut(seed, epoch, self._count) + part.begin
        # The first window begins before the part, as if empty examples came first.
        missing = lane * order.WINDOW // lanes.number
        window = (part.done + missing) // order.WINDOW
        skipped = tf.maximum(window * order.WINDOW - missing, 0)

        def shuffled(window: tf.Tensor, records: tf.Tensor) -> Examples:
            first = window * order.WINDOW - missing
            records = records[tf.maximum(-first, 0) :]
            first = tf.maximum(first, 0)
            size = tf.shape(records)[0]
            places = first + tf.range(size, dtype=tf.int64)
            position = lanes.position(lane, part.before + places)
            shuffle = order.shuffled_window(seed, position, size)
            numbers = self._numbers(files, (begin + places) % self._count)
            examples = self._parse(
                tf.gather(numbers, shuffle), tf.gather(records, shuffle)
            )
            return {**examples, "position": position}

        ring = tf.concat([files, files], axis=0)
        records = self._read(ring, begin + skipped, part.size - skipped)
        empty = tf.data.Dataset.from_tensor_slices([b""])
        empty = empty.repeat(tf.where(window == 0, missing, 0))
        windows = empty.concatenate(records).batch(order.WINDOW).enumerate(window)
        return windows.map(shuffled).unbatch().skip(part.done - skipped)

    def _numbers(self, files: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
        """Numbers of the examples at places of the files in another order."""
        counts = tf.gather(self._counts, files)
        ends = tf.cumsum(counts)
        file = tf.searchsorted(ends, places, side="right")
        within = places - tf.gather(ends - counts, file)
        return tf.gather(self._starts, tf.gather(files, file)) + within

    def _read(
        self, files: tf.Tensor, first: tf.Tensor, count: tf.Tensor
    ) -> tf.data.Dataset:
        """What is stored from a place on in files, one file after the other."""
        counts = tf.gather(self._counts, files)
        ends = tf.cumsum(counts)
        file = tf.searchsorted(ends[:-1], [first], side="right")[0]
        paths = tf.gather(self._paths, files[file:])
        counts = counts[file:]
        before = first - (ends[file] - counts[0])
        records = self._of_file(paths[0], counts[0]).skip(before)
        others = tf.data.Dataset.from_tensor_slices((paths[1:], counts[1:]))
        return records.concatenate(others.flat_map(self._of_file)).take(count)

    def _of_file(self, path: tf.Tensor, count: tf.Tensor) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(_checked(path, count), buffer_size=self._buffer)


def _checked(path: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """The path of a file, once the lengths in it have been checked."""
    # Not stateful: op determinism makes what is so, and all after it, serial.
    checked = tf.numpy_function(_check, [path, count], tf.string, stateful=False)
    return tf.ensure_shape(checked, [])


def _check(path: bytes, count: int) -> bytes:
    """Returns `path`, or raises ValueError if TensorFlow must not read the file."""
    if b"://" in path:  # reached by requests, not as a file
        return path
    status = os.stat(path)
    fault = _known_fault(path, int(count), status.st_size, status.st_mtime_ns)
    if fault is not None:
        raise ValueError(
            "the files of the data must be as they were written; prepare them again. "
            f"Received: {os.fsdecode(path)!r} ({fault})"
        )
    return path


@functools.lru_cache(maxsize=2**16)
def _known_fault(path: bytes, count: int, size: int, changed: int) -> str | None:
    """`fault_in_lengths`, once for each file as it is."""
    return fault_in_lengths(path, count)


def fault_in_lengths(path: str | bytes, count: int) -> str | None:
    """What is wrong with the lengths in the heads of the records of a file.

    A record is its length (8 bytes, little-endian), a checksum of it (4), the content,
    and a checksum of that (4). Only the heads are read; TensorFlow checks the sums.

    Args:
        path: Of a TFRecord file.
        count: How many records it must have.

    Returns:
        The record, counted from 0, and its fault; None if there is none.
    """
    with open(path, "rb", buffering=0) as file:
        left, number = os.fstat(file.fileno()).st_size, 0
        while left:
            head = file.read(_HEAD)
            if len(head) < _HEAD:
                return f"record {number}: its head is cut short"
            length = int.from_bytes(head[:8], "little")
            left -= _HEAD + length + _FOOT
            if left < 0:
                return f"record {number}: longer than the file"
            file.seek(length + _FOOT, os.SEEK_CUR)
            number += 1
    return None if number == count else f"{number} records instead of {count}"


class SourceOfShards(Source):
    """A data set whose examples are in files of many."""

    @abc.abstractmethod
    def _files(self, split: str) -> Shards:
        """The files of a split."""

    def part(self, split: str, first: int, count: int) -> tf.data.Dataset:
        return self._files(split).part(first, count)

    def stream(
        self,
        split: str,
        seed: int,
        start: int,
        batch_size: int,
        rows: range | None = None,
    ) -> tf.data.Dataset:
        if self.order == 1:
            return super().stream(split, seed, start, batch_size, rows)
        return self._files(split).stream(seed, start, batch_size, rows)
