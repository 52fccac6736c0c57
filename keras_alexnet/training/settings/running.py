"""Settings of where and how a run runs; most change nothing of what is trained."""

from __future__ import annotations

import dataclasses

from keras_alexnet.training.devices import STRATEGIES
from keras_alexnet.training.profiling import profile_window
from keras_alexnet.training.settings.checks import Settings, setting

ON_NONFINITE = ("stop", "skip")


@dataclasses.dataclass(frozen=True)
class RunningSettings(Settings):
    """Devices, directories, checkpoints and what to do when things go wrong."""

    strategy: str = setting(
        "auto", "How several devices or machines share a batch.", choices=STRATEGIES
    )
    devices: str = setting(
        "", "The devices, as in GPU:0,GPU:1; all GPUs, or one CPU, if not given."
    )
    tower_devices: str = setting(
        "",
        "A device for each tower of the network, as in GPU:0,GPU:1; all towers on one "
        "if not given. Not together with --strategy=mirrored.",
    )
    seed: int = setting(0, "Of starting values, order, crops, noise and dropout.")
    deterministic: bool = setting(
        False, "Let TensorFlow use only ops that give the same bits every time."
    )
    model_dir: str = setting(
        "runs/alexnet", "Where the run keeps all that it writes.", path=True
    )
    export_dir: str | None = setting(
        None, "Where to export the trained model; not exported if not given.", path=True
    )
    checkpoint_steps: int = setting(
        1000, "Steps between checkpoints; each epoch ends with one besides."
    )
    checkpoint_minutes: float | None = setting(
        None, "Minutes between checkpoints, besides those."
    )
    on_nonfinite: str = setting(
        "stop",
        "What to do when loss or gradient is not finite: end the run, or leave the "
        "batch out.",
        choices=ON_NONFINITE,
    )
    nonfinite_limit: int = setting(
        10, "How many batches --on_nonfinite=skip leaves out before the run ends."
    )
    profile_steps: str = setting(
        "", "First and last step of a profile for TensorBoard, as in 20,30."
    )
    dry_run: bool = setting(False, "Print what would be done, and stop.")

    def check(self) -> None:
        super().check()
        self.at_least_one("checkpoint_steps", "nonfinite_limit")
        self.positive("checkpoint_minutes")
        self.require("model_dir", self.model_dir != "", "a name, not empty")
        self.require("export_dir", self.export_dir != "", "a name, not empty")
        self.require("seed", 0 <= self.seed < 2**31, "0 or more, and below 2**31")
        profile_window(self.profile_steps)
