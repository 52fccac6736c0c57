"""The runs of a claim: each arm with each seed, after a sweep of learning rates."""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
from rich.console import Console

from keras_alexnet.architectures import to_json
from keras_alexnet.claims.pictures import Pictures
from keras_alexnet.claims.records import Arm, Claim, Size
from keras_alexnet.claims.result import QUICK, WHOLE
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.weights import runs

# Shows what is being done while its context is open.
Working = Callable[[str], contextlib.AbstractContextManager[Any]]

_SWEEP_SEED = 1000  # the first; no seed of the runs that are compared
_HELD_OUT = 0.2  # part of the training pictures that judges learning rates


@dataclasses.dataclass(frozen=True)
class Finish:
    """The end of a run in a race.

    Args:
        epochs: Epochs to the target; where it was not reached, those that were trained.
        reached: Whether it was.
    """

    epochs: float
    reached: bool


def epochs_to(curve: Sequence[float], level: float) -> float:
    """After how many epochs a curve, a value at the end of each, first has a level.

    Between two epochs it is interpolated; the curve begins at 0.

    Args:
        curve: The values; one of them is the level, or above it.
        level: More than 0.

    Example:

    >>> epochs_to([0.2, 0.4, 0.3], 0.3)
    1.5
    """
    reached = next(index for index, value in enumerate(curve) if value >= level)
    before = curve[reached - 1] if reached else 0.0
    return reached + (level - before) / (curve[reached] - before)


def finish_of(top1: Sequence[float], target: float) -> Finish:
    """When a curve of top-1, each value the mean of an epoch, reaches a target.

    A mean is taken to be the value in the middle of its epoch.

    Example:

    >>> finish_of([0.25, 0.5, 1.0], target=0.75)
    Finish(epochs=2.0, reached=True)
    >>> finish_of([0.25, 0.5], target=0.75)
    Finish(epochs=2.0, reached=False)
    """
    if max(top1, default=0.0) < target:
        return Finish(float(len(top1)), False)
    at_ends = epochs_to(top1, target)
    # Half an epoch earlier; from the beginning to the first middle there is but half.
    return Finish(max(at_ends - 0.5, at_ends / 2), True)


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that has ended.

    Args:
        path: Its directory.
        seed: Its seed.
        diverged: Whether its loss became infinite, which ended it.
    """

    path: Path
    seed: int
    diverged: bool

    def curve(self, column: str) -> list[float]:
        """A column of its `metrics.csv`: a value for each epoch."""
        rows = runs.metrics(self.path)
        return [float(row[column]) for row in rows if row[column]]

    def finish(self, top1: float) -> Finish:
        """When it reached a top-1 on the training pictures."""
        return finish_of(self.curve("top1"), top1)

    @property
    def seconds(self) -> float:
        """How long its steps took, without evaluations.

        An epoch that was resumed at its end has no speed (NaN): it counts as the mean.
        """
        settings = runs.settings(self.path)
        pictures = int(settings["batch_size"]) * int(settings["steps_per_epoch"])
        speeds = self.curve("images_per_second")
        times = [pictures / speed for speed in speeds if speed > 0]
        return sum(times) / len(times) * len(speeds) if times else 0.0


class Experiment:
    """Trains what a claim needs, and keeps it: each run is trained once.

    Two claims that need the same run share it, since its directory is named by what
    defines it.

    Args:
        claim: The claim.
        size: How much to train.
        pictures: The pictures; None for a claim that reads none.
        directory: Where runs are kept.
        say: Shows a line.
        quick: Whether `size` is that of the quick form.
        sweep: Whether the settings that an arm names are swept; if not, those that
            it has are taken.
        working: Shows what is being trained, while the context that it gives is open.

    Attributes:
        sweeps: The error for each setting that was tried, by arm.
        used: Every run that was asked for, by its directory.
    """

    def __init__(
        self,
        claim: Claim,
        size: Size,
        pictures: Pictures | None,
        directory: Path,
        say: Callable[[str], None],
        *,
        quick: bool = False,
        sweep: bool = False,
        working: Working = contextlib.nullcontext,
    ) -> None:
        self.claim, self.size, self.pictures = claim, size, pictures
        self.form = QUICK if quick else WHOLE
        self.directory = directory
        self.say = say
        self._working = working
        self._chosen: dict[str, dict[str, Any]] = {}
        self._ended: dict[tuple[str, int], Run] = {}
        self.sweeps: dict[str, dict[str, float]] = {}
        self.used: dict[Path, Run] = {}
        self._sweep = sweep

    @property
    def seeds(self) -> range:
        """The seeds of each arm."""
        return range(self.size.seeds)

    def runs(self, name: str) -> list[Run]:
        """The runs of an arm, one for each seed, trained if they are not there yet."""
        return [self.run(name, seed) for seed in self.seeds]

    def run(self, name: str, seed: int, **settings: Any) -> Run:
        """One run of an arm.

        Args:
            name: Of the arm.
            seed: Of the run.
            **settings: Settings in place of the arm's.
        """
        given = {"epochs": self.size.epochs, **self.chosen(name), **settings}
        arm = self.claim.arms[name]
        run = self._trained(f"{name}, seed {seed}", arm, seed, given)
        self._ended[name, seed] = run
        return run

    def ended(self, name: str) -> list[Run]:
        """The runs of an arm so far, of the seeds that are compared, in their order."""
        found = [self._ended.get((name, seed)) for seed in self.seeds]
        return [run for run in found if run is not None]

    def chosen(self, name: str) -> dict[str, Any]:
        """The settings of an arm, after those that are swept were chosen."""
        if name not in self._chosen:
            arm = self.claim.arms[name]
            own = {**self.claim.settings, **arm.settings}
            if self._sweep and len(arm.tries) > 1:
                errors = [self._error(name, arm, tried) for tried in arm.tries]
                self.sweeps[name] = dict(
                    zip(map(_named, arm.tries), errors, strict=True)
                )
                own |= arm.tries[self._choice(errors)]
            self._chosen[name] = own
        return self._chosen[name]

    def _choice(self, errors: Sequence[float]) -> int:
        """The first setting that is as good as the best, to within a standard error.

        Of rates that are equally good the higher ones fail with one seed or another,
        which a sweep of few seeds does not see (Breiman et al. 1984, "Classification
        and regression trees", section 3.4.3, have the rule). In a race the best.
        """
        best = min(errors)
        if self.claim.race_to is None:
            judged = int(self.size.pictures * _HELD_OUT) * self.size.sweep_seeds
            best += math.sqrt(best * (1 - best) / judged)
        return next(index for index, error in enumerate(errors) if error <= best)

    def _error(self, name: str, arm: Arm, tried: Mapping[str, Any]) -> float:
        """What a setting costs, the mean over the sweep's seeds.

        It is the error on a part of the training pictures that was held out; in a race,
        how many epochs the others take to the target, or at least as many as there are.
        """
        assert self.pictures is not None
        settings = {
            **self.claim.settings,
            **arm.settings,
            **tried,
            "data": self.pictures.sweep_spec,
            "val_share": _HELD_OUT,
            "epochs": self.size.sweep_epochs,
            "target_top1": self.claim.race_to,
        }
        seeds = [_SWEEP_SEED + index for index in range(self.size.sweep_seeds)]
        title = f"{name}, {_named(tried)}, seed"
        runs = [self._trained(f"{title} {seed}", arm, seed, settings) for seed in seeds]
        return sum(map(self._cost, runs)) / len(runs)

    def _cost(self, run: Run) -> float:
        if self.claim.race_to is None:
            return 1.0 if run.diverged else 1 - run.curve("val_top1")[-1]
        finish = run.finish(self.claim.race_to)
        if finish.reached:
            return finish.epochs
        return self.size.sweep_epochs + 1 - (run.curve("top1") or [0.0])[-1]

    def _trained(
        self, title: str, arm: Arm, seed: int, settings: dict[str, Any]
    ) -> Run:
        assert self.pictures is not None
        given = {
            "data": self.pictures.spec,
            "image_size": arm.architecture.input_size,
            "keep": "last",  # the best epoch would be chosen by the pictures that judge
            **settings,
            "seed": seed,
        }
        swept = given["data"] == self.pictures.sweep_spec
        path = self.directory / self._name(arm, given)
        config = TrainingConfig(**given, model_dir=str(path), pictures=False)
        steps = config.steps_per_epoch or self._one_pass(config, swept)
        config = dataclasses.replace(config, steps_per_epoch=steps)
        fresh = not (path / runs.RESULT).is_file() and not _diverged(path)
        if fresh:
            with self._working(f"{self.claim.name}: {title}"):
                self._train(config, arm)
        run = self.used[path] = Run(path, seed, _diverged(path))
        if fresh:
            self._tell(title, run)
        return run

    def _one_pass(self, config: TrainingConfig, swept: bool) -> int:
        """Steps of an epoch: whole batches only."""
        part = 1 - _HELD_OUT if swept else 1
        return max(1, int(self.size.pictures * part) // config.batch_size)

    def _name(self, arm: Arm, settings: dict[str, Any]) -> str:
        """A name that tells a run from all that train otherwise."""
        assert self.pictures is not None
        named = {**settings, "data": self.pictures.key, "pictures": self.size.pictures}
        named["divided"] = settings["data"] == self.pictures.sweep_spec
        text = to_json(arm.architecture) + json.dumps(named, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return f"{arm.architecture.name}-{digest}-seed{settings['seed']}"

    def _train(self, config: TrainingConfig, arm: Arm) -> None:
        try:
            Trainer(config, Console(quiet=True), arm.architecture).fit()
        except ValueError:
            if not _diverged(Path(config.model_dir)):
                raise
        finally:
            # A process trains many networks: each would stay until the end.
            keras.backend.clear_session()
            gc.collect()

    def _tell(self, title: str, run: Run) -> None:
        if run.diverged:
            self.say(f"{self.claim.name}: {title}: the loss became infinite")
            return
        ends = [f"top-1 {run.curve('top1')[-1]:.3f}"]
        held_out = run.curve("val_top1")
        if held_out:
            ends.append(f"val top-1 {held_out[-1]:.3f}")
        self.say(f"{self.claim.name}: {title}: {', '.join(ends)} ({run.seconds:.0f} s)")


def _named(settings: Mapping[str, Any]) -> str:
    """Settings as text, such as `"learning_rate=0.01"`."""
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _diverged(path: Path) -> bool:
    return (path / runs.NONFINITE).is_file() and not (path / runs.RESULT).is_file()
