"""Worker processes, and the pipes to them."""

from __future__ import annotations

import collections
import contextlib
import os
import pickle
import queue
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, TypeVar, cast

from keras_alexnet.data.preparation.pixel_worker.serve import Answer, Block
from keras_alexnet.data.preparation.settings import Settings

Note = TypeVar("Note")

# glibc returns the memory of every large array to the system, which takes as long as
# filling it. These settings keep the memory: averaging takes about half the time.
_KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(2**25),  # The largest value that it accepts.
    "MALLOC_TRIM_THRESHOLD_": str(2**30),
}
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class Worker:
    """A process that prepares pictures.

    It gets its work through pipes, not from `multiprocessing`. So it does not import
    TensorFlow (see `pixel_worker`), and it ends when this process ends or is killed,
    because its pipe is closed then.

    Args:
        settings: The settings of the preparation.
    """

    def __init__(self, settings: Settings) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pixel_worker.serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(),
            start_new_session=True,  # So that Ctrl-C reaches this process alone.
        )
        self._questions = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)
        pickle.dump((settings.size, settings.jpeg_quality), self._questions)

    def ask(self, block: Block) -> Answer:
        """Has a block prepared, and waits for it.

        Raises:
            ChildProcessError: If the process ended, for example without memory.
            RuntimeError: If it failed otherwise; the message is its traceback.
        """
        try:
            pickle.dump(block, self._questions, protocol=pickle.HIGHEST_PROTOCOL)
            self._questions.flush()
            succeeded, reply = pickle.load(self._answers)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise ChildProcessError(self._exit_message()) from error
        if not succeeded:
            raise RuntimeError(reply)
        return reply

    def _exit_message(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace").split()
        return (
            "a worker process must not end before its work; use fewer processes if "
            f"memory is short. Received: exit code {code} "
            f"({' '.join(words)[-300:] or 'no output'})"
        )

    def kill(self) -> None:
        """Ends the process at once: it has nothing to save."""
        self._process.kill()

    def close(self) -> None:
        """Closes the files of the process, which must have been killed."""
        self._process.wait()
        for file in (self._questions, self._answers, self._errors):
            with contextlib.suppress(BrokenPipeError):  # Not everything had been sent.
                file.close()


class Workers:
    """A number of worker processes.

    Args:
        count: How many.
        settings: The settings of the preparation.
    """

    def __init__(self, count: int, settings: Settings) -> None:
        self._workers = [Worker(settings) for _ in range(count)]
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        # One thread for each process: it sends, waits and receives.
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
        """The answer to each block, in the blocks' order; few blocks are read ahead.

        Args:
            blocks: Each with a note, which is returned with the answer.

        Raises:
            ChildProcessError: If a worker process ended.
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


def _environment() -> dict[str, str]:
    # The module path of this process. The folder of `pixel_worker` is last, so that it
    # hides no module.
    folders = os.pathsep.join([*sys.path, str(Path(__file__).parent)])
    path = {"PYTHONPATH": folders, "PYTHONSAFEPATH": "1"}
    return {**os.environ, **_KEEP_MEMORY, **_ONE_THREAD, **path}
