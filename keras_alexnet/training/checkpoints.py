"""A run's checkpoints: written whole, checked, the newest good one taken up again."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.training import cluster
from keras_alexnet.weights.runs import CHECKPOINTS, UNREADABLE, readable

_KEPT = 2
_PREFIX = "step-"


def _nothing() -> None:
    """Most states are what is written."""


class Checkpoints:
    """Saves and restores all that a run needs to go on.

    TensorFlow keeps a checksum of every value, and of the index of them.

    Args:
        run: The run's directory.
        state: The variables, nested by names.
        say: Shows a line to the person.
        before: Is called before the state is written.
        after: Is called after it was read.
        strategy: Under which the variables were made; the current one if None.
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
        self._strategy = strategy or tf.distribute.get_strategy()
        self._chief = cluster.is_chief(self._strategy)
        self._directory = run / CHECKPOINTS
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._checkpoint = tf.train.Checkpoint(step=self._step, **state)
        self._say = say

    def save(self, step: int) -> None:
        """Saves the state after `step` steps.

        Raises:
            ValueError: If it cannot be written; those that there are stay.
        """
        self._step.assign(step)
        try:
            with cluster.directory_of(self._strategy, self._directory) as directory:
                self._write(directory / f"{_PREFIX}{step}")
        except (tf.errors.OpError, OSError) as error:
            if self._chief:
                with contextlib.suppress(OSError):
                    self._remove(self._directory / f"{_PREFIX}{step}")
            if cluster.lost_worker(error) is not None:
                raise
            raise self._failed(step, error) from error

    def _write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._before()
        self._checkpoint.write(str(path))
        if not self._chief:
            return
        older = [each for each in self._written() if each != path]
        self._record([*older[-(_KEPT - 1) :], path])
        for each in older[: -(_KEPT - 1)]:
            with contextlib.suppress(OSError):  # The next one tries again.
                self._remove(each)

    def restore(self) -> int:
        """Restores the newest state that is whole; returns its number of steps.

        A damaged one is removed, with a line that says so. Without any the state
        stays as it is, and the number is 0.

        Raises:
            ValueError: If none is whole, or it is another network's.
        """
        written = self._written()
        while written:
            newest = written.pop()
            damage = _damage(newest)
            if damage is None:
                with readable(str(newest)):
                    self._checkpoint.read(str(newest)).assert_consumed()
                self._after()
                if self._chief:
                    self._record([*written, newest])
                return int(self._step)
            if not self._chief:  # The chief has read it.
                raise ValueError(
                    "a checkpoint must be readable by all workers; look at the file "
                    f"system and start all again. Received: {str(newest)!r} ({damage})"
                )
            if not written:
                raise ValueError(
                    "a checkpoint must be whole; begin anew with another --model_dir. "
                    f"Received: {str(newest)!r}, the only one ({damage})"
                )
            self._say(
                f"the checkpoint {newest.name} is damaged and was removed; the run "
                f"goes on from {written[-1].name} ({damage})"
            )
            self._remove(newest)
        return 0

    def _written(self) -> list[Path]:
        """The checkpoints that there are, oldest first."""
        found = (
            path.with_suffix("")
            for path in self._directory.glob(f"{_PREFIX}*.index")
            if path.stem[len(_PREFIX) :].isdecimal()
        )
        return sorted(found, key=lambda path: int(path.name[len(_PREFIX) :]))

    def _record(self, paths: list[Path]) -> None:
        """Writes the file by which TensorFlow knows the newest checkpoint."""
        names = [path.name for path in paths]
        # Beside a relative directory TensorFlow would take the names as from here.
        state = tf.compat.v1.train.generate_checkpoint_state_proto(
            str(self._directory.absolute()), names[-1], names
        )
        files.write_text(self._directory / "checkpoint", str(state))

    def _remove(self, path: Path) -> None:
        # The index first: without it the rest is nothing.
        path.with_name(f"{path.name}.index").unlink(missing_ok=True)
        for file in self._directory.glob(f"{path.name}.data-*"):
            file.unlink(missing_ok=True)
        shutil.rmtree(path.with_name(f"{path.name}_temp"), ignore_errors=True)

    def _failed(self, step: int, error: Exception) -> ValueError:
        directory = self._directory if self._chief else tempfile.gettempdir()
        kept = [path.name for path in self._written()]
        stays = f"{kept[-1]} stays good" if kept else "there is none before it"
        return ValueError(
            f"the checkpoint of step {step} must be written to "
            f"{str(directory)!r}, but was not; {stays}. Make room, or the "
            "directory writable, and give the same command again. Received: "
            f"{' '.join(str(error).split())[:200]}"
        )


def _damage(path: Path) -> str | None:
    """What is wrong with a checkpoint, all of whose values are read; or None."""
    try:
        reader = tf.train.load_checkpoint(str(path))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except UNREADABLE as error:
        return " ".join(str(error).split())[:120]
    return None
