"""Merging requests into batches, as TensorFlow Serving's BatchingSession does.

Reference: tensorflow_serving/batching/README.md; what is asked for at the same time is
joined along the first dimension, run once and split again.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import queue
import threading
from collections.abc import Callable

import tensorflow as tf

Tensors = dict[str, tf.Tensor]
Signature = Callable[..., Tensors]


@dataclasses.dataclass
class Task:
    """What one request asks of a signature, and where its answer goes."""

    signature: Signature
    inputs: Tensors
    rows: int
    outcome: concurrent.futures.Future


class Batcher:
    """Runs requests in batches of `rows` rows, as soon as so many have come.

    TensorFlow Serving does not wait for longer than `batch_timeout_micros`; a test
    waits until the rows that it sends are there, so that what is merged does not hang
    on time.

    Args:
        rows: Rows of a batch; with 1, every request is run by itself.
    """

    def __init__(self, rows: int = 1) -> None:
        self.rows = rows
        self.batches: list[list[int]] = []  # the rows of the requests in each batch
        self._tasks: queue.Queue[Task | None] = queue.Queue()
        self._lock, self._closed = threading.Lock(), False
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def run(self, signature: Signature, inputs: Tensors) -> Tensors:
        """What the signature gives for these inputs, run with those of others."""
        rows = {int(tensor.shape[0]) for tensor in inputs.values()}
        if len(rows) != 1:
            raise ValueError(
                "Batching Run() input tensors must have equal 0th-dimension size"
            )
        task = Task(signature, inputs, rows.pop(), concurrent.futures.Future())
        with self._lock:
            if self._closed:
                raise ValueError("the server was closed")
            self._tasks.put(task)
        return task.outcome.result()

    def close(self) -> None:
        """Ends the thread; what waits for a full batch fails."""
        with self._lock:
            self._closed = True
            self._tasks.put(None)
        self._thread.join()

    def _work(self) -> None:
        waiting: list[Task] = []
        while (task := self._tasks.get()) is not None:
            waiting.append(task)
            if sum(each.rows for each in waiting) >= self.rows:
                self._run(waiting)
                waiting = []
        for task in waiting:
            task.outcome.set_exception(ValueError("the server was closed"))

    def _run(self, tasks: list[Task]) -> None:
        self.batches.append([task.rows for task in tasks])
        try:
            joined = {
                name: tf.concat([task.inputs[name] for task in tasks], axis=0)
                for name in tasks[0].inputs
            }
            outputs = tasks[0].signature(**joined)
            parts = {
                name: tf.split(tensor, [task.rows for task in tasks])
                for name, tensor in outputs.items()
            }
        except Exception as error:  # each request of the batch fails, as there
            for task in tasks:
                task.outcome.set_exception(error)
            return
        for index, task in enumerate(tasks):
            task.outcome.set_result({name: part[index] for name, part in parts.items()})
