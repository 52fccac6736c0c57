"""What the workers of a run do together: compare, share a directory, stop, end."""

from __future__ import annotations

import collections
import contextlib
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.reasons import shortened

_TASK = re.compile(r"/job:worker/(?:replica:0/)?task:(\d+)")


def addresses(strategy: tf.distribute.Strategy) -> Sequence[str]:
    """`HOST:PORT` of each worker; empty for a run on one machine."""
    resolver = strategy.cluster_resolver
    return [] if resolver is None else resolver.cluster_spec().job_tasks("worker")


def several(strategy: tf.distribute.Strategy) -> bool:
    """Whether there are other workers."""
    return len(addresses(strategy)) > 1


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the run: it is the only one, or worker 0."""
    return not addresses(strategy) or strategy.cluster_resolver.task_id == 0


def introduction(strategy: tf.distribute.Strategy) -> str:
    """The only line of a worker that is not the chief."""
    known, own = addresses(strategy), strategy.cluster_resolver.task_id
    return f"worker {own} of {len(known)}: worker 0 ({known[0]}) shows the progress"


def gathered(strategy: tf.distribute.Strategy, number: int) -> list[int]:
    """A number from each worker, below 2**63. All must call this, and all wait."""
    if not several(strategy):
        return [number]
    each = _of_all(strategy, tf.constant([number], tf.int64)).numpy()
    by_worker = each.reshape(len(addresses(strategy)), -1)
    return by_worker[:, 0].tolist()  # all replicas of a worker have the same number


@tf.function
def _of_all(strategy: tf.distribute.Strategy, number: tf.Tensor) -> tf.Tensor:
    own = strategy.run(tf.identity, (number,))
    return strategy.gather(own, axis=0)


def agree(
    strategy: tf.distribute.Strategy, name: str, number: Callable[[], int]
) -> None:
    """Raises ValueError, on all workers, unless they all have the same number.

    Args:
        strategy: Of the run.
        name: What the number is, for the message.
        number: Returns it; called only if there are several workers.
    """
    if not several(strategy):
        return
    numbers = gathered(strategy, number())
    if len(set(numbers)) > 1:
        raise ValueError(
            f"{name} must be the same for all workers. Received: {numbers} on workers "
            f"0 to {len(numbers) - 1}"
        )


@contextlib.contextmanager
def chief_first(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Lets the chief run the body before the other workers do."""
    if not is_chief(strategy):
        gathered(strategy, 0)
    yield
    if is_chief(strategy):
        gathered(strategy, 0)


def check_shared(strategy: tf.distribute.Strategy, name: str, path: Path) -> None:
    """Raises ValueError, on all workers, unless they share the directory `path`.

    Args:
        strategy: Of the run.
        name: What the person calls it, for the message.
        path: The directory, which is made if it does not exist.
    """
    if not several(strategy):
        return
    # Named like an unfinished file: if this run is killed, the next one removes it.
    mark = path / f"{files.PREFIX}workers.{secrets.token_hex(4)}"
    if is_chief(strategy):
        path.mkdir(parents=True, exist_ok=True)
        mark.touch()
    token = gathered(strategy, int(mark.suffix[1:], 16))[0]
    seen = gathered(strategy, int(mark.with_suffix(f".{token:08x}").exists()))
    if is_chief(strategy):
        mark.unlink()
    blind = [index for index, there in enumerate(seen) if not there]
    if blind:
        raise ValueError(
            f"{name} must be a directory that all workers share, on a file system "
            f"that all see. Received: {name}={str(path)!r}, where worker(s) {blind} "
            "do not find what worker 0 writes"
        )


@contextlib.contextmanager
def directory_of(strategy: tf.distribute.Strategy, path: Path) -> Iterator[Path]:
    """Where this worker writes: the chief in `path`, the others in a temporary one."""
    if is_chief(strategy):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="keras_alexnet.") as temporary:
        yield Path(temporary)


def lost_worker(
    error: Exception, strategy: tf.distribute.Strategy | None = None
) -> ValueError | None:
    """The error to raise if a lost worker caused `error`; else None.

    TensorFlow notices a process that has ended by its connections, at once or at the
    next step, and one that does not answer after ten seconds, by the heartbeat of its
    coordination service. Either ends the collective operation with an
    `UnavailableError` or, if worker 0 does not answer, a `DeadlineExceededError`; after
    that no collective operation can run.

    Args:
        error: Raised by a step, an evaluation or a save.
        strategy: Of the run, to name the address.
    """
    if not isinstance(error, tf.errors.OpError) or (
        "ollective ops is aborted" not in error.message
        and "CoordinationService" not in error.message
    ):
        return None
    words = error.message.partition("Collective ops is aborted by: ")[2]
    return ValueError(
        "all workers must run to the end; fix what ended one of them, and start all "
        "again: the run resumes from its newest checkpoint. Received: "
        f"{_who(words, strategy)} is gone ({_reason(words or error.message)})"
    )


def _who(words: str, strategy: tf.distribute.Strategy | None) -> str:
    # The innermost report comes first: it names the worker that did not answer.
    # The coordination service, whose reports name no worker, runs in worker 0.
    task = _TASK.search(words)
    index = int(task[1]) if task else 0
    known = addresses(strategy) if strategy is not None else []
    return f"worker {index}" + (f" ({known[index]})" if index < len(known) else "")


def _reason(words: str) -> str:
    """The first line of TensorFlow's reasons."""
    lines = (line.strip() for line in words.split("\n"))
    first = next((line for line in lines if line), "")
    return shortened(first.replace("Collective ops is aborted by: ", "").rstrip("."))


class Signals(NamedTuple):
    """Requests of any worker to all workers: above 0 if one of them has it."""

    stop: float = 0.0
    save: float = 0.0


class SharedSignals:
    """Signals of any worker, read by all after the same step.

    The numbers are part of what each step sums over all replicas. They are read some
    steps later: reading those of the last step would wait for the device.

    Args:
        strategy: Of the run.

    Example:

    >>> signals = SharedSignals(tf.distribute.get_strategy())
    >>> signals.read(Signals(stop=1.0), tf.constant([1.0, 0.0]))
    Signals(stop=1.0, save=0.0)
    """

    _LATER = 2

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self._alone = not several(strategy)
        self._summed: collections.deque[tf.Tensor] = collections.deque()

    def read(self, own: Signals, summed: tf.Tensor) -> Signals:
        """The signals that all workers know now.

        Args:
            own: This worker's at this step, 0 or 1 each.
            summed: The sums over all replicas at this step, `[2]`.
        """
        if self._alone:
            return own
        self._summed.append(summed)
        if len(self._summed) <= self._LATER:
            return Signals()
        return Signals(*self._summed.popleft().numpy().tolist())
