"""Which weights a run keeps: those of its best epoch, and at its end of the last one.

They are checkpoints of what was evaluated, without what only a further step needs. Each
is copied from a whole checkpoint, which is removed only after the copy is whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_alexnet.reasons import reason
from keras_alexnet.weights import runs
from keras_alexnet.weights.checkpoint_files import (
    VALUE,
    CheckpointReader,
    Damaged,
    at_step,
    checkpoint_files,
    checkpoint_prefix,
    record_newest,
    remove_checkpoint,
    step_of,
    weights_at,
    written_checkpoints,
    written_weights,
)

BOTH = "both"
KEEPS = (BOTH, runs.BEST, runs.LAST)  # the values of --keep
# The parts of a run's state that only a further step needs.
OPTIMIZER = "optimizer"
AVERAGE = "average"


class KeptWeights:
    """The weights that a run keeps besides what it resumes from.

    Args:
        run: The run's directory.
        keep: One of `KEEPS`.
        keep_optimizer: Whether a run that has ended keeps all of its state.
        chief: Whether this process writes; the others leave all to it.
    """

    def __init__(
        self, run: Path, keep: str, keep_optimizer: bool = False, chief: bool = True
    ) -> None:
        self._directory = run / runs.CHECKPOINTS
        self._keep = keep
        self._keep_optimizer = keep_optimizer
        self._chief = chief

    def end_epoch(self, step: int, errors: Sequence[float]) -> None:
        """Keeps the weights of the epoch that has ended, if it is the best so far.

        It may be called again, as after a kill: what is there already is not written.

        Args:
            step: The last step of the epoch, of which there is a checkpoint.
            errors: The validation errors of all epochs that are done.

        Raises:
            ValueError: If the weights cannot be written; the checkpoint stays.
        """
        if not self._chief or self._keep == runs.LAST:
            return
        if not checkpoint_files(at_step(self._directory, step)):
            return  # resumed from weights alone, which are all there is
        if runs.best_epoch(errors) == len(errors):
            self._write(step, errors)
            self._remove_but(weights_at(self._directory, step))
            return
        # The last weights of a run that had ended are not needed any more.
        best = runs.best_checkpoint(self._directory.parent)
        if best is not None and step_of(best) < step:
            self._remove_but(best)

    def end_steps(self, step: int, errors: Sequence[float]) -> None:
        """Drops momentum and averages after the last step, unless they are kept.

        Args:
            step: The last step.
            errors: The validation errors of all epochs.

        Raises:
            ValueError: If the weights cannot be written; the checkpoint stays.
        """
        if not self._chief or self._keep_optimizer:
            return
        self._write(step, errors)
        last = weights_at(self._directory, step)
        record_newest([last])
        for path in written_checkpoints(self._directory):
            remove_checkpoint(path)
        if self._keep == runs.LAST:
            self._remove_but(last)

    def end_run(self) -> None:
        """Drops the last weights if only the best are kept.

        It comes after the result was written: without it the run would resume from
        the best epoch.
        """
        if not self._chief or self._keep != runs.BEST:
            return
        best = runs.best_checkpoint(self._directory.parent)
        if best is not None and not written_checkpoints(self._directory):
            record_newest([best])
            self._remove_but(best)

    def _remove_but(self, kept: Path) -> None:
        for path in written_weights(self._directory):
            if path != kept:
                remove_checkpoint(path)

    def _write(self, step: int, errors: Sequence[float]) -> None:
        target = weights_at(self._directory, step)
        if _holds(target, errors):
            return
        source = at_step(self._directory, step)
        try:
            _copy_weights(source, target)
        except (tf.errors.OpError, OSError) as error:
            remove_checkpoint(target, unfinished=True)
            raise ValueError(
                f"the weights of step {step} must be written to "
                f"{str(self._directory)!r}, but were not; {source.name} stays good. "
                "Make room, or the directory writable, and give the same command "
                f"again. Received: {reason(error)}"
            ) from error


def _holds(path: Path, errors: Sequence[float]) -> bool:
    """Whether a checkpoint is whole and was written after epochs of these errors."""
    if not checkpoint_files(path):
        return False
    try:
        CheckpointReader(path).check()
        return runs.errors(str(path)) == list(errors)
    except Damaged:
        return False


def _copy_weights(source: Path, target: Path) -> None:
    """Writes what was evaluated at a checkpoint, without what updates the weights."""
    reader = CheckpointReader(source)
    names = {key.removesuffix(VALUE) for key in reader.shapes if key.endswith(VALUE)}
    state: dict[str, Any] = {}
    with tf.device("CPU:0"):
        for name in sorted(names):
            kind, _, rest = name.partition("/")
            if kind in (OPTIMIZER, AVERAGE):
                continue
            average = f"{AVERAGE}/{rest}"
            of = average if kind == "model" and average in names else name
            *groups, last = name.split("/")
            place = state
            for group in groups:
                place = place.setdefault(group, {})
            place[last] = tf.Variable(reader.read(f"{of}{VALUE}"), trainable=False)
        tf.train.Checkpoint(**state).write(checkpoint_prefix(target))
