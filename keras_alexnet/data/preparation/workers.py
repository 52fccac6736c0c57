"""All worker processes together."""

from __future__ import annotations

import collections
import queue
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TypeVar

from keras_alexnet.data.preparation.pixel_worker.serve import Answer, Block
from keras_alexnet.data.preparation.settings import Settings
from keras_alexnet.data.preparation.worker import Worker

Note = TypeVar("Note")


class Workers:
    """A number of worker processes.

    Args:
        count: How many.
        settings: Of the preparation.
    """

    def __init__(self, count: int, settings: Settings) -> None:
        self._workers = [Worker(settings) for _ in range(count)]
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        # One thread for each, which sends, waits and receives.
        self._threads = ThreadPoolExecutor(count)

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.kill()
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.close()

    def answers(
        self, blocks: Iterable[tuple[Note, Block]]
    ) -> Iterator[tuple[Note, Answer]]:
        """What comes of each block, in the blocks' order; few are read ahead.

        Args:
            blocks: Each with a note, which comes back with the answer.

        Raises:
            ChildProcessError: If a worker ended.
        """
        waiting: collections.deque[tuple[Note, Future[Answer]]] = collections.deque()
        for note, block in blocks:
            waiting.append((note, self._threads.submit(self._ask, block)))
            if len(waiting) > 2 * len(self._workers):
                yield _answered(*waiting.popleft())
        while waiting:
            yield _answered(*waiting.popleft())

    def _ask(self, block: Block) -> Answer:
        worker = self._idle.get()
        try:
            return worker.ask(block)
        finally:
            self._idle.put(worker)


def _answered(note: Note, answer: Future[Answer]) -> tuple[Note, Answer]:
    return note, answer.result()
