"""Every setting of a training run, written once: the flags are made from it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from keras_alexnet import architectures, initializations
from keras_alexnet.data.colour import FORMS
from keras_alexnet.data.sources import GRAMMAR
from keras_alexnet.training.schedules import SCHEDULES

_COUNTS = ("image_size", "batch_size", "epochs", "checkpoint_steps", "crop_chunk")
_FACTORS = ("weight_decay", "bias_rate", "colour_noise_strength")


def _setting(default: Any, help: str, choices: tuple[str, ...] | None = None) -> Any:
    metadata = {"help": help, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """The settings of a training run.

    Each field is a flag of `scripts/train.py`, with the help that stands here.

    Raises:
        ValueError: If a setting is out of range.

    Example:

    >>> TrainingConfig(data="shapes", image_size=96, epochs=2).batch_size
    128
    """

    data: str = _setting("shapes", f"{GRAMMAR}.")
    data_dir: str | None = _setting(
        None, "Where tensorflow-datasets keeps its data; its own default if not given."
    )
    manual_dir: str | None = _setting(
        None, "Where tensorflow-datasets finds what was downloaded by hand."
    )
    variant: str = _setting(
        "paper", "Which AlexNet to train.", choices=architectures.names()
    )
    initialization: str = _setting(
        "default", "Starting values of the weights.", choices=initializations.names()
    )
    image_size: int = _setting(224, "Side of the crops that the network sees.")
    batch_size: int = _setting(128, "Pictures in a step, over all devices together.")
    epochs: int = _setting(90, "Number of reports and evaluations until the end.")
    steps_per_epoch: int | None = _setting(
        None, "Steps from one report to the next; one pass over the data by default."
    )
    learning_rate: float = _setting(0.01, "Highest learning rate of the weights.")
    schedule: str = _setting(
        "constant", "How the learning rate goes over the run.", choices=SCHEDULES
    )
    warmup_steps: int = _setting(0, "Steps of linear rise to the learning rate.")
    momentum: float = _setting(0.9, "Share of the last step that a step keeps.")
    weight_decay: float = _setting(0.0005, "Decay of weights, not of biases.")
    bias_rate: float = _setting(2.0, "Learning rate of biases over that of weights.")
    crop_chunk: int = _setting(
        1, "How many successive pictures share crop and mirroring; 32 in the source."
    )
    colour_noise: str = _setting(
        "paper", "Form of the noise along the colour components.", choices=FORMS
    )
    colour_noise_strength: float = _setting(0.1, "Strength of the colour noise.")
    seed: int = _setting(0, "Of starting values, order, crops, noise and dropout.")
    deterministic: bool = _setting(
        False, "Let TensorFlow use only ops that give the same bits every time."
    )
    model_dir: str = _setting("runs/alexnet", "Where the run keeps all that it writes.")
    export_dir: str | None = _setting(
        None, "Where to export the trained model; not exported if not given."
    )
    checkpoint_steps: int = _setting(
        1000, "Steps between checkpoints; each epoch ends with one besides."
    )
    dry_run: bool = _setting(False, "Print what would be done, and stop.")

    def __post_init__(self) -> None:
        for name in _COUNTS:
            self._check(name, getattr(self, name) >= 1, "at least 1")
        if self.steps_per_epoch is not None:
            self._check("steps_per_epoch", self.steps_per_epoch >= 1, "at least 1")
        for name in ("warmup_steps", "seed", *_FACTORS):
            value = getattr(self, name)
            self._check(name, 0 <= value < math.inf, "0 or more, and finite")
        for name in ("data", "model_dir", "export_dir"):
            self._check(name, getattr(self, name) != "", "a name, not empty")
        self._check("seed", self.seed < 2**31, "below 2**31")
        self._check("momentum", 0 <= self.momentum < 1, "from 0 to below 1")
        rate = self.learning_rate
        self._check("learning_rate", rate > 0 and math.isfinite(rate), "above 0")
        for field in dataclasses.fields(self):
            choices = field.metadata["choices"]
            if choices is not None:
                chosen = getattr(self, field.name)
                self._check(field.name, chosen in choices, f"one of {choices}")
        smallest = architectures.get(self.variant).smallest_input
        self._check(
            "image_size",
            self.image_size >= smallest,
            f"at least {smallest} for variant={self.variant}",
        )

    def _check(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise ValueError(
                f"{name} must be {expected}. Received: {name}={getattr(self, name)}"
            )

    def as_flags(self) -> str:
        """The configuration as the text of a flagfile, defaults included."""
        lines = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool):
                lines.append(f"--{field.name}={str(value).lower()}")
            elif value is not None:
                lines.append(f"--{field.name}={value}")
        return "\n".join(lines) + "\n"
