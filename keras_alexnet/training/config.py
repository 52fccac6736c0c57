"""Every setting of a training run, written once: the flags are made from it."""

from __future__ import annotations

import dataclasses

from keras_alexnet.training.settings import (
    NetworkSettings,
    PictureSettings,
    RecipeSettings,
    RunningSettings,
)


@dataclasses.dataclass(frozen=True)
class TrainingConfig(RunningSettings, RecipeSettings, NetworkSettings, PictureSettings):
    """The settings of a training run.

    Each field is a flag of `scripts/train.py`, with the help that stands beside it in
    `keras_alexnet.training.settings`.

    Raises:
        ValueError: If a setting is out of range.

    Example:

    >>> TrainingConfig(data="shapes", image_size=96, epochs=2).batch_size
    128
    """

    def __post_init__(self) -> None:
        self.expand()
        self.check()
        self._check_addons()

    def _check_addons(self) -> None:
        """tensorflow-addons' own can less than ours."""
        if self.average == "addons_moving_average":
            theirs = self.update_rule == "addons_sgdw"
            self.require("update_rule", theirs, "addons_sgdw for that average")
        if self.update_rule != "addons_sgdw":
            return
        kept = "for update_rule=addons_sgdw"
        self.require("layer_rates", not self.layer_rates, f"empty {kept}")
        self.require("bias_rate", self.bias_rate == 1, f"1 {kept}")
        self.require(
            "bias_learning_rate", not self.bias_learning_rate, f"left out {kept}"
        )
        self.require("on_nonfinite", self.on_nonfinite == "stop", f"stop {kept}")
        whole = self.precision != "mixed_float16"  # where steps are left out
        self.require("precision", whole, f"float32 or mixed_bfloat16 {kept}")
        self.require("average", self.average != "moving_average", f"another one {kept}")

    @property
    def rate_scale(self) -> float:
        """What the learning rates are multiplied by: batch size over that meant."""
        return self.batch_size / (self.rate_batch_size or self.batch_size)

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
