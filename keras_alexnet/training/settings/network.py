"""Settings of the network and of where its weights begin."""

from __future__ import annotations

import dataclasses

from keras_alexnet import architectures, initializations
from keras_alexnet.training.settings.checks import Settings, setting

PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@dataclasses.dataclass(frozen=True)
class NetworkSettings(Settings):
    """Which network, from which weights, in which precision."""

    variant: str = setting(
        "paper", "Which AlexNet to train.", choices=architectures.names()
    )
    architecture: str | None = setting(
        None,
        "JSON file of a network that is none of these, in place of --variant; see "
        "architectures.to_json.",
    )
    initialization: str = setting(
        "default", "Starting values of the weights.", choices=initializations.names()
    )
    init_from: str | None = setting(
        None,
        "Weights to begin with, as far as their layers fit: a run, one of its "
        "checkpoints, a file, or the name of published ones.",
    )
    init_layers: str = setting(
        "",
        "Which layers to take from --init_from, with commas between; all that fit if "
        "not given.",
    )
    precision: str = setting(
        "float32", "What the layers compute in.", choices=PRECISIONS
    )

    def check(self) -> None:
        super().check()
        self.require("init_from", self.init_from != "", "a name, not empty")
        alone = bool(self.init_layers) and self.init_from is None
        self.require("init_layers", not alone, "given with --init_from")
