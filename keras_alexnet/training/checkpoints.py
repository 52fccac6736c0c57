"""A run's checkpoints: written whole, the newest taken up again."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from keras_alexnet.training.learner import Learner
from keras_alexnet.weights.names import named_weights
from keras_alexnet.weights.runs import CHECKPOINTS, readable

_KEPT = 2


class Checkpoints:
    """Saves and restores all that a run needs to go on.

    That is the model's weights (under names that do not depend on Keras'
    generation), the optimizer's variables, the step, and the sums since the last
    report.

    Args:
        run: The run's directory.
        learner: What is saved and restored.
    """

    def __init__(self, run: Path, learner: Learner) -> None:
        self._step = tf.Variable(0, dtype=tf.int64, trainable=False)
        checkpoint = tf.train.Checkpoint(
            model=named_weights(learner.model),
            optimizer=learner.optimizer_state(),
            progress={"step": self._step, "totals": learner.totals},
        )
        self._manager = tf.train.CheckpointManager(
            checkpoint, str(run / CHECKPOINTS), _KEPT, checkpoint_name="step"
        )

    def save(self, step: int) -> None:
        """Saves the state after `step` steps."""
        self._step.assign(step)
        self._manager.save(checkpoint_number=step)

    def restore(self) -> int:
        """Restores the newest state; returns its number of steps, 0 without any.

        Raises:
            ValueError: If the checkpoint cannot be read.
        """
        newest = self._manager.latest_checkpoint
        if newest is not None:
            with readable(newest):
                self._manager.checkpoint.restore(newest).assert_consumed()
        return int(self._step)
