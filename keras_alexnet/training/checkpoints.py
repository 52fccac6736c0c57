"""A run's checkpoints: written whole and checked; the newest good one is restored.

They are written beside the training: a save only copies the state to the host, and a
thread writes the copy while the next steps change the variables.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_alexnet.reasons import reason
from keras_alexnet.training.kept_weights import AVERAGE, OPTIMIZER
from keras_alexnet.training.workers import coordination
from keras_alexnet.weights.checkpoint_files import (
    CheckpointReader,
    Damaged,
    at_step,
    checkpoint_files,
    checkpoint_prefix,
    record_newest,
    remove_checkpoint,
    written_checkpoints,
    written_weights,
)
from keras_alexnet.weights.runs import CHECKPOINTS

_KEPT = 2
_SET_ASIDE = "damaged-"


def _nothing() -> None:
    """Most states need nothing before or after."""


class Checkpoints:
    """Saves and restores all that a run needs to resume.

    TensorFlow keeps a checksum of every value, and of the index of them.

    Args:
        run: The run's directory.
        state: The variables, nested by names.
        say: Prints a line.
        before: Called before the state is written.
        after: Called after the state was read.
        strategy: The strategy of the variables; the current one if None.

    Attributes:
        weights_alone: Whether weights were restored, and nothing of their updates.
    """

    def __init__(
        self,
        run: Path,
        state: dict[str, Any],
        say: Callable[[str], None],
        before: Callable[[], None] = _nothing,
        after: Callable[[], None] = _nothing,
        strategy: tf.distribute.Strategy | None = None,
    ) -> None:
        self._before, self._after = before, after
        self._chief = coordination.is_chief(strategy or tf.distribute.get_strategy())
        self._directory = run / CHECKPOINTS
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._checkpoint = tf.train.Checkpoint(step=self._step, **state)
        kept = {name: state[name] for name in state.keys() - {OPTIMIZER, AVERAGE}}
        self._weights = tf.train.Checkpoint(step=self._step, **kept)
        self._state = state
        self._updated = OPTIMIZER in state
        self._writer = ThreadPoolExecutor(max_workers=1)
        self._writing: Future[None] | None = None
        self._say = say
        self.weights_alone = False

    def save(self, step: int, then: Callable[[], None] = _nothing) -> None:
        """Begins to save the state as it is after a step; `wait` ends it.

        It waits for the save before. Of several workers all must call it, and the chief
        alone writes.

        Args:
            step: Number of the step, from 1.
            then: Called in the thread that writes, after the state is written.

        Raises:
            ValueError: If the save before failed; earlier checkpoints stay.
        """
        self.wait()
        self._step.assign(step)
        self._before()
        copy = tf.nest.map_structure(_on_host, {"step": self._step, **self._state})
        if self._chief:
            self._writing = self._writer.submit(self._save, step, copy, then)

    def wait(self) -> None:
        """Waits until the last save is done, and what follows it.

        Raises:
            ValueError: If it could not be written; earlier checkpoints stay.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def check(self) -> None:
        """As `wait` if the last save is done; else nothing."""
        if self._writing is not None and self._writing.done():
            self.wait()

    @contextlib.contextmanager
    def written(self) -> Iterator[None]:
        """Waits at the end of the body, whatever ends it, until all is written."""
        try:
            yield
        finally:
            self.wait()

    def _save(self, step: int, copy: dict[str, Any], then: Callable[[], None]) -> None:
        path = at_step(self._directory, step)
        before = checkpoint_files(path) if self._directory.is_dir() else []
        try:
            self._write(path, copy)
        except (tf.errors.OpError, OSError) as error:
            remove_checkpoint(path, unfinished=bool(before))
            raise self._failed(step, error) from error
        then()

    def _write(self, path: Path, copy: dict[str, Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tf.device("CPU:0"):
            state = tf.nest.map_structure(tf.Variable, copy)
            tf.train.Checkpoint(**state).write(checkpoint_prefix(path))
        older = [each for each in written_checkpoints(self._directory) if each != path]
        record_newest([*older[-(_KEPT - 1) :], path])
        for each in older[: -(_KEPT - 1)]:
            remove_checkpoint(each)  # The next save tries again if this fails.

    def restore(self) -> int:
        """Restores the newest state that is whole, or weights if there is none.

        A checkpoint that is damaged, by its checksums or its lengths, is renamed, and
        a line reports it. Without any checkpoint the state stays as it is.

        Returns:
            How many steps were done when it was saved; 0 without a checkpoint.

        Raises:
            ValueError: If none is whole, the newest cannot be read for a reason
                other than damage, or it is of another network.
            OSError: If the directory cannot be listed.
        """
        written = self._written()
        while written:
            newest = written.pop()
            try:
                reader = CheckpointReader(newest)
                reader.check()
            except Damaged as damage:
                self._fall_back(newest, damage, written)
                continue
            self._take(reader, newest)
            if self._chief:
                record_newest([*written, newest])
            return int(self._step)
        return 0

    def _written(self) -> list[Path]:
        """All checkpoints, the one to resume from last."""
        directory = self._directory
        return [*written_weights(directory), *written_checkpoints(directory)]

    def _take(self, reader: CheckpointReader, path: Path) -> None:
        updates = any(name.startswith(f"{OPTIMIZER}/") for name in reader.shapes)
        self.weights_alone = self._updated and not updates
        state = self._weights if self.weights_alone else self._checkpoint
        try:
            state.read(reader.prefix).assert_consumed()
        except (tf.errors.OpError, AssertionError, ValueError) as error:
            raise ValueError(
                "the checkpoint must be of this network; give another --model_dir. "
                f"Received: {str(path)!r} ({reason(error)})"
            ) from error
        self._after()

    def _fall_back(self, path: Path, damage: Damaged, older: list[Path]) -> None:
        """Renames a damaged checkpoint, if there is an older one."""
        if not self._chief:  # The chief could read it.
            raise ValueError(
                "a checkpoint must be readable by all workers; check the file "
                f"system and start all again. Received: {str(path)!r} ({damage.reason})"
            )
        if not older:
            raise ValueError(
                "a checkpoint must be whole; start again with another --model_dir. "
                f"Received: {str(path)!r}, the only one ({damage.reason})"
            )
        name = self._set_aside(path)
        self._say(
            f"the checkpoint {path.name} is damaged and was set aside as {name}; the "
            f"run resumes from {older[-1].name} ({damage.reason})"
        )

    def _set_aside(self, path: Path) -> str:
        """Renames a checkpoint, so that it is ignored; returns the new name."""
        new, number = f"{_SET_ASIDE}{path.name}", 2
        while checkpoint_files(path.with_name(new)):
            new, number = f"{_SET_ASIDE}{path.name}-{number}", number + 1
        for file in checkpoint_files(path):
            file.rename(file.with_name(file.name.replace(path.name, new, 1)))
        return new

    def _failed(self, step: int, error: Exception) -> ValueError:
        kept: list[str] = []
        with contextlib.suppress(OSError):
            kept = [path.name for path in self._written()]
        stays = f"{kept[-1]} stays good" if kept else "there is none before it"
        return ValueError(
            f"the checkpoint of step {step} must be written to "
            f"{str(self._directory)!r}, but was not; {stays}. Make room, or the "
            "directory writable, and give the same command again. Received: "
            f"{reason(error)}"
        )


def _on_host(variable: tf.Variable) -> tf.Tensor:
    """The value in the host's memory; what changes the variable later makes a copy.

    Variables that differ between replicas are combined, by all workers together.
    """
    with tf.device("CPU:0"):
        return tf.identity(variable.read_value())
