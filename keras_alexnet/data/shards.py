"""Files of many examples: read from front to back, or shuffled and dealt out."""

from __future__ import annotations

import abc
import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from keras_alexnet.data import order
from keras_alexnet.data.order import Lanes, Part, within
from keras_alexnet.data.sources import Source

_CORES = os.cpu_count() or 1
_AHEAD = 2**20  # bytes: some ten examples of ImageNet

Examples = dict[str, tf.Tensor]
# Makes examples `[n]` of their numbers, int64 `[n]`, and what is stored, string `[n]`.
Parse = Callable[[tf.Tensor, tf.Tensor], Examples]


class Shards:
    """TFRecord files, one after the other, as a sequence of examples.

    Examples are parsed many at a time, which takes a fraction of the time. What is
    skipped is not read, but for the 13 bytes that say how long an example is.

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

        def of_file(path: tf.Tensor, start: tf.Tensor) -> tf.data.Dataset:
            return tf.data.TFRecordDataset(path).enumerate(start)

        examples = tf.data.Dataset.from_tensor_slices(
            (self._paths, self._starts)
        ).interleave(
            of_file,
            cycle_length=files,
            block_length=block,
            num_parallel_calls=min(files, _CORES),
            deterministic=True,
        )
        return self._parsed(examples)

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
        before = first - tf.gather(ends - counts, file)
        records = tf.data.TFRecordDataset(paths, buffer_size=self._buffer)
        return records.skip(before).take(count)


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
