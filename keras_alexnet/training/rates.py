"""Each variable's learning rate at a step: schedule, layer and kind of weight.

Here fractions of the run become steps, for the rates and for the averages of weights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keras_alexnet.reasons import near
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.course import Course
from keras_alexnet.training.schedules import (
    LayerRates,
    average_momentum,
    learning_rate,
    plateau,
    whole_epochs,
)

BIAS = "bias"


class Rates:
    """The learning rates of a run, and how many steps it has.

    Args:
        config: The run's settings.
        names: `(layer, weight)` of each trained variable, as `("conv1", "bias")`.
        steps_per_epoch: Steps of an epoch.
        course: How many epochs the run has, and had; as configured if None.

    Raises:
        ValueError: If `layer_rates` names a layer that is not trained.
    """

    def __init__(
        self,
        config: TrainingConfig,
        names: Sequence[tuple[str, str]],
        steps_per_epoch: int,
        course: Course | None = None,
    ) -> None:
        self._config = config
        self.course = course or Course(config.epochs)
        self._names = names
        self.steps_per_epoch = steps_per_epoch
        self._layers = LayerRates(config.layer_rates)
        self.drops_after = whole_epochs(config.step_epochs)
        unknown = sorted(self._layers.layers - {layer for layer, _ in names})
        if unknown:
            known = sorted({layer for layer, _ in names})
            raise ValueError(
                f"layer_rates must name layers that are trained, as {known}"
                f"{near(unknown[0], known)}. Received: {unknown[0]!r}"
            )

    @property
    def total_steps(self) -> int:
        """Steps of the whole run, unless the schedule `plateau` ends it before."""
        return self.course.epochs * self.steps_per_epoch

    @property
    def schedule(self) -> str:
        """How the rate changes over the run."""
        return self._config.schedule

    @property
    def highest(self) -> float:
        """The rate of weights after the warm-up."""
        return self._config.learning_rate * self._config.rate_scale

    @property
    def warmup_steps(self) -> int:
        """Steps of linear rise; the same, however many epochs are added."""
        first = self.course.begun_with * self.steps_per_epoch
        return self._config.warmup_steps or round(self._config.warmup * first)

    @property
    def average_steps(self) -> float:
        """Steps that the average of the weights reaches back, 1 or more."""
        return self._average_steps(self.total_steps)

    def average_momentum(self, step: int) -> float:
        """How much of itself the average of the weights keeps in a step, from 1."""
        if not self._config.average_window:
            return self._config.average_momentum
        steps = self.course.epochs_at(step) * self.steps_per_epoch
        return average_momentum(step, int(self._average_steps(steps)))

    def _average_steps(self, total_steps: int) -> float:
        config = self._config
        if config.average_window:
            return max(1, round(config.average_window * total_steps))
        return 1 / (1 - config.average_momentum)

    def weights(self, step: int, errors: Sequence[float]) -> float:
        """The rate of weights at a step, without the factors of layers.

        Args:
            step: Number of the step, from 1.
            errors: Validation errors of the epochs that are done.
        """
        config, done = self._config, self.epochs_before(step)
        if config.schedule == "plateau":
            drops = plateau(errors[:done], config.patience).drops
        else:
            drops = sum(after <= done for after in self.drops_after)
        return learning_rate(
            step,
            schedule=config.schedule,
            highest=self.highest,
            warmup_steps=self.warmup_steps,
            total_steps=self.course.epochs_at(step) * self.steps_per_epoch,
            drops=drops,
        )

    def epochs_before(self, step: int) -> int:
        """How many whole epochs come before a step, which is counted from 1."""
        return (step - 1) // self.steps_per_epoch

    def over(self, errors: Sequence[float]) -> bool:
        """Whether the paper's rule ends the run after these epochs."""
        config = self._config
        return config.schedule == "plateau" and plateau(errors, config.patience).over

    def each(self, step: int, errors: Sequence[float]) -> np.ndarray:
        """The rate of every trained variable at a step, float32 `[variables]`.

        Args:
            step: Number of the step, from 1.
            errors: Validation errors of the epochs that are done.
        """
        rate, done = self.weights(step, errors), self.epochs_before(step)
        return np.array(
            [
                self._layers.factor(layer, done) * self._of(name, rate)
                for layer, name in self._names
            ],
            np.float32,
        )

    def _of(self, name: str, rate: float) -> float:
        if name != BIAS:
            return rate
        if self._config.bias_learning_rate is not None:
            return self._config.bias_learning_rate * self._config.rate_scale
        return self._config.bias_rate * rate
