"""Which training example comes when: the one place that says the order.

The stream of examples has no end. Its position p is row p mod B of batch p div B, for
batches of B pictures, and epoch e has the positions from e·n to (e + 1)·n − 1 for n
examples. Each version of the order is a function of seed, batch size and position, so
that a stream can begin anywhere, and is the same for any number of workers, of which
each makes some rows of every batch. A run keeps the version that it began with.

Pictures that are files of their own, `folder:`, have one order: in each epoch a
permutation whose places are computed one by one (`tf.random.experimental.index_shuffle`
with seed and epoch).

Files of many examples, `records:` and `tfds:`, have had two. In version 1 they are
read one after the other, some at once, through a shuffle buffer; each worker has to
read all (`shuffled` of the sources). In version 2 they are dealt out, and `shards.py`
reads them:

1. The rows of a batch are divided into lanes of the same number of consecutive rows: as
   many lanes as possible, at most 64 and one for each 64 examples of an epoch.
2. In each epoch the files are put in a random order and joined to a ring of n examples.
   The ring is cut at a random place, and then into one part for each lane, one after
   the other, each as long as the lane has positions in this epoch.
3. A lane goes through its part in windows of 64 examples, and each window is shuffled.
   (The first window of lane l of L is shorter by 64·l div L, so that the lanes do not
   all need another window at the same time.)

So a lane reads its files from front to back, and a worker only the parts of the lanes
whose rows it makes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

NEWEST = 2
# Of version 2. Other numbers would change the order.
MOST_LANES = 64
WINDOW = 64

# How many seeds there are: each kind of draw adds another multiple of it.
SEEDS = 2**31
_FILES, _CUT, _WINDOWS = (kind * SEEDS for kind in (3, 4, 5))

# Whether the examples at positions, int64, are wanted.
Keep = Callable[[tf.Tensor], tf.Tensor]


def within(rows: range | None, batch_size: int) -> Keep | None:
    """A test whether positions are in these rows of their batch; None for all rows."""
    if rows is None or len(rows) == batch_size:
        return None
    return lambda position: (
        (position % batch_size >= rows.start) & (position % batch_size < rows.stop)
    )


def positions(
    start: int, batch_size: int, rows: range | None = None
) -> tf.data.Dataset:
    """The positions of a stream from `start` on, or of these rows of its batches.

    Example:

    >>> [int(each) for each in positions(8, 8, range(2, 4)).take(4)]
    [10, 11, 18, 19]
    """
    end = np.iinfo(np.int64).max
    if rows is None or len(rows) == batch_size:
        return tf.data.Dataset.range(start, end)
    count, first = len(rows), start + rows.start
    numbers = tf.data.Dataset.range(end // batch_size)
    return numbers.map(lambda n: first + n // count * batch_size + n % count)


@dataclasses.dataclass(frozen=True)
class Part:
    """What a lane reads in an epoch; the numbers are scalar int64.

    Args:
        begin: Where it begins in the ring of examples.
        size: How many examples it has.
        before: How many examples the lane has had in the epochs before.
        done: How many of the part come before the start of the stream.
    """

    begin: tf.Tensor
    size: tf.Tensor
    before: tf.Tensor
    done: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Lanes:
    """The lanes of a batch, and the part of an epoch that each reads.

    Args:
        count: How many examples there are.
        batch_size: Rows of a batch.

    Example:

    >>> lanes = Lanes(count=12_800, batch_size=128)
    >>> lanes.number, lanes.rows
    (64, 2)
    >>> part = lanes.part(tf.constant(1, tf.int64), epoch=tf.constant(0, tf.int64))
    >>> int(part.begin), int(part.size)
    (200, 200)
    """

    count: int
    batch_size: int

    @property
    def number(self) -> int:
        """How many lanes there are: the largest divisor of the batch within limits."""
        # Below a window, a part would cost more to begin than to read.
        most = min(self.batch_size, MOST_LANES, max(self.count // WINDOW, 1))
        lanes = range(most, 0, -1)
        return next(each for each in lanes if self.batch_size % each == 0)

    @property
    def rows(self) -> int:
        """How many consecutive rows of a batch a lane has."""
        return self.batch_size // self.number

    def of_rows(self, rows: range) -> range:
        """The lanes that have these rows of a batch, maybe with others."""
        return range(rows.start // self.rows, -(-rows.stop // self.rows))

    def part(self, lane: tf.Tensor, epoch: tf.Tensor, start: int = 0) -> Part:
        """The part of an epoch that a lane reads.

        Args:
            lane: Number of the lane, from 0, scalar int64.
            epoch: Number of the epoch, from 0, scalar int64.
            start: First position of the stream, where a batch begins.
        """
        begin, end = epoch * self.count, (epoch + 1) * self.count
        before = self._below(begin, lane + 1) - self._below(begin, lane)
        upto = self._below(end, lane + 1) - self._below(end, lane)
        done = start // self.batch_size * self.rows - before
        return Part(
            begin=self._below(end, lane) - self._below(begin, lane),
            size=upto - before,
            before=before,
            done=tf.maximum(done, 0),
        )

    def position(self, lane: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
        """Position in the stream of the examples of a lane, by their numbers."""
        batch, row = number // self.rows, number % self.rows
        return batch * self.batch_size + lane * self.rows + row

    def _below(self, position: tf.Tensor, lane: tf.Tensor) -> tf.Tensor:
        """How many positions before a position are in the lanes before a lane."""
        rows = lane * self.rows
        batch, row = position // self.batch_size, position % self.batch_size
        return batch * rows + tf.minimum(row, rows)


def shuffled_files(seed: int, epoch: tf.Tensor, files: int) -> tf.Tensor:
    """The order of the files in an epoch: their numbers, int32 `[files]`."""
    draws = tf.random.stateless_uniform([files], tf.stack([seed + _FILES, epoch]))
    return tf.argsort(draws)


def cut(seed: int, epoch: tf.Tensor, count: int) -> tf.Tensor:
    """Where the ring of an epoch is cut: scalar int64 from 0 to `count` − 1."""
    return tf.random.stateless_uniform(
        [], tf.stack([seed + _CUT, epoch]), maxval=count, dtype=tf.int64
    )


def shuffled_window(seed: int, positions: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """The order within a window: the numbers of its examples, int32 `[size]`.

    Args:
        seed: Of the order.
        positions: Of its examples, int64 `[size]`: the first one tells windows apart.
        size: How many it has.
    """
    first = tf.reduce_min(positions)
    draws = tf.random.stateless_uniform([size], tf.stack([seed + _WINDOWS, first]))
    return tf.argsort(draws)
