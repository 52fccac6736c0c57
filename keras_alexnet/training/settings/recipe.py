"""Settings of how the weights are changed: batches, rates, update rule."""

from __future__ import annotations

import dataclasses

from keras_alexnet.training.schedules import SCHEDULES, LayerRates, whole_epochs
from keras_alexnet.training.settings.checks import Settings, setting

UPDATE_RULES = ("paper_sgd", "sgdw", "adamw", "addons_sgdw")
AVERAGES = ("none", "moving_average", "addons_moving_average")


@dataclasses.dataclass(frozen=True)
class RecipeSettings(Settings):
    """Batches, schedule of the learning rate, and update rule."""

    batch_size: int = setting(128, "Pictures in a step, over all devices together.")
    epochs: int = setting(90, "Number of reports and evaluations until the end.")
    steps_per_epoch: int | None = setting(
        None, "Steps from one report to the next; one pass over the data by default."
    )
    learning_rate: float = setting(0.01, "Highest learning rate of the weights.")
    rate_batch_size: int | None = setting(
        None,
        "Batch that --learning_rate is meant for: the rate is scaled by --batch_size "
        "over it. Not scaled if not given.",
    )
    schedule: str = setting(
        "constant", "How the learning rate goes over the run.", choices=SCHEDULES
    )
    warmup_steps: int = setting(0, "Steps of linear rise to the learning rate.")
    step_epochs: str = setting(
        "", "With --schedule=step: after which epochs the rate drops, as in 25,51,79."
    )
    patience: int = setting(
        5, "With --schedule=plateau: epochs without a lower validation error."
    )
    layer_rates: str = setting(
        "",
        "Rates of single layers over that of the others, from the beginning or after "
        "an epoch, as in fc8=10,conv1=0.1@67,conv1=0@72.",
    )
    update_rule: str = setting(
        "paper_sgd", "How gradients change the weights.", choices=UPDATE_RULES
    )
    momentum: float = setting(0.9, "Share of the last step that a step keeps.")
    weight_decay: float = setting(
        0.0005, "Decay of weights, not of biases; what it multiplies is the rule's."
    )
    bias_rate: float = setting(2.0, "Learning rate of biases over that of weights.")
    bias_learning_rate: float | None = setting(
        None, "A learning rate of biases that stays, in place of --bias_rate."
    )
    label_smoothing: float = setting(
        0.0, "Share of the target that is spread evenly over the classes."
    )
    average: str = setting(
        "none", "Which average of the weights is evaluated.", choices=AVERAGES
    )
    average_momentum: float = setting(
        0.999, "Share of itself that the average keeps in a step."
    )

    def check(self) -> None:
        super().check()
        self.at_least_one("batch_size", "epochs", "steps_per_epoch", "patience")
        self.at_least_one("rate_batch_size")
        self.positive("learning_rate", "bias_learning_rate")
        self.not_negative("warmup_steps", "weight_decay", "bias_rate")
        self.below_one("momentum", "label_smoothing", "average_momentum")
        self._check_step_epochs()
        LayerRates(self.layer_rates)

    def _check_step_epochs(self) -> None:
        stepped = self.schedule == "step"
        expected = "given with --schedule=step, and only then"
        self.require("step_epochs", bool(self.step_epochs) == stepped, expected)
        whole_epochs(self.step_epochs)
