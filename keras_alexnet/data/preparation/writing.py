"""Writes the missing shards, with all workers at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from keras_alexnet.data.preparation.directory import PreparationDirectory
from keras_alexnet.data.preparation.outcome import check_skipped
from keras_alexnet.data.preparation.pixel_worker.serve import Answer, Block
from keras_alexnet.data.preparation.pixel_worker.sums import ColourSums
from keras_alexnet.data.preparation.settings import Settings
from keras_alexnet.data.preparation.shards import Prepared, Report, Shard, write
from keras_alexnet.data.preparation.workers import Workers
from keras_alexnet.data.sources import TRAIN, Source, Stored

# Pictures that a worker gets at once: some tenths of a second of work.
_BLOCK = 32
Watch = Callable[[int, int], None]
Piece = tuple[Shard, list[Stored]]


class Writing:
    """Writes the shards that are not finished yet.

    Each free worker takes the next pictures, and the answers are put back in order: the
    number of processes does not change what is written.

    Args:
        source: The data set.
        shards: All of its shards.
        directory: The directory to write to.
        settings: The settings of the preparation.
        max_bad: How many unreadable pictures may be skipped.
        watch: Called with the number of finished examples and of all.
    """

    def __init__(
        self,
        source: Source,
        shards: list[Shard],
        directory: PreparationDirectory,
        settings: Settings,
        max_bad: int,
        watch: Watch | None,
    ) -> None:
        self._source, self._directory, self._settings = source, directory, settings
        self._max_bad, self._watch = max_bad, watch
        self._reports = {shard: directory.report(shard) for shard in shards}
        self._total = sum(len(shard.indices) for shard in shards)
        self._done = self._total - sum(len(shard.indices) for shard in self._missing())

    def run(self, processes: int) -> dict[Shard, Report]:
        """Writes the missing shards, and returns the reports of all shards.

        Raises:
            ValueError: If more than `max_bad` pictures are unreadable.
        """
        self._check_and_show()
        missing = self._missing()
        blocks = sum(-(-len(shard.indices) // _BLOCK) for shard in missing)
        if missing:
            with Workers(min(processes, blocks), self._settings) as workers:
                pieces = ((each, _question(each)) for each in self._pieces(missing))
                answered = workers.answers(pieces)
                for shard, group in itertools.groupby(
                    answered, lambda each: each[0][0]
                ):
                    self._write(shard, group)
        return {each: report for each, report in self._reports.items() if report}

    def _missing(self) -> list[Shard]:
        return [shard for shard, report in self._reports.items() if report is None]

    def _pieces(self, shards: list[Shard]) -> Iterator[Piece]:
        for shard in shards:
            examples = self._source.examples_at(shard.split, shard.indices)
            while block := list(itertools.islice(examples, _BLOCK)):
                yield shard, block

    def _write(self, shard: Shard, group: Iterable[tuple[Piece, Answer]]) -> None:
        report = Report(np.zeros(len(self._source.class_names), np.int64))
        sums = ColourSums(self._settings.size)
        self._reports[shard] = report
        prepared = self._prepared(group, sums)
        path = self._directory.path / shard.name
        write(prepared, self._directory.partial_path(shard), path, report)
        self._directory.save_report(shard, report, sums)

    def _prepared(
        self, group: Iterable[tuple[Piece, Answer]], sums: ColourSums
    ) -> Iterator[Prepared]:
        for (_, block), (images, of_block) in group:
            if of_block is not None:
                sums.merge(*of_block)
            yield from zip(block, images, strict=True)
            self._done += len(block)
            self._check_and_show()

    def _check_and_show(self) -> None:
        """Shows the progress, and stops if too many pictures are unreadable."""
        if self._watch is not None:
            self._watch(self._done, self._total)
        check_skipped(self._directory.path, self._reports, self._max_bad)


def _question(piece: Piece) -> Block:
    shard, block = piece
    return [stored.image for stored in block], shard.split == TRAIN
