"""The end of a run: what it keeps, its export, and `result.json`."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_alexnet._version import __version__
from keras_alexnet.evaluation import Scores
from keras_alexnet.export import export_saved_model, warmup
from keras_alexnet.models import AlexNet
from keras_alexnet.training import pictures
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.epochs import Epochs, reaches
from keras_alexnet.training.kept_weights import KeptWeights
from keras_alexnet.training.profiling import peak_memory
from keras_alexnet.training.run_directory import RunDirectory
from keras_alexnet.training.schedules import plateau
from keras_alexnet.training.workers import coordination
from keras_alexnet.training.workers.environment import find_workers
from keras_alexnet.weights import runs
from keras_alexnet.weights.checkpoint_files import Damaged


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of a run.

    Args:
        values: The content of `result.json`.
        fresh: False if the run was finished before this call.
        exported: Whether this call exported a run that was finished before.
        drawn: Whether this call drew pictures that a run finished before lacked.
        reported: Whether this call made the report that such a run lacked.
    """

    values: dict[str, Any]
    fresh: bool
    exported: bool = False
    drawn: bool = False
    reported: bool = False


def finished(
    run: RunDirectory, config: TrainingConfig, say: Callable[[str], None]
) -> Result | None:
    """The result of a run that has ended, after what it lacks is exported and drawn.

    Args:
        run: Its directory.
        config: Its settings, perhaps with more epochs than it had.
        say: Prints a line.

    Returns:
        The `Result`; None if there are steps to train.
    """
    values = run.result
    if values is None:
        return None
    if config.epochs != run.epochs:
        ended_by = _ended_by(run, config)
        if ended_by is None:
            return None
        say(f"{ended_by} has ended this run: more epochs add no step")
    _check_data(run, config)
    wanted, workers = config.export_dir, find_workers()
    if workers is not None and workers.own > 0:
        return Result(values, fresh=False)
    export = wanted is not None and not _is_version_of(values.get("export"), wanted)
    if export or config.keep == runs.BEST:
        with run.locked():
            KeptWeights(run.path, config.keep).end_run()  # if it was killed before that
            if export:
                assert wanted is not None
                path = _export(run.path, config.keep, wanted)
                values = {**values, "export": str(path)}
                run.finish(values)
    drawn = pictures.complete(run, config, say)
    reported = pictures.complete_report(run, config, say)
    return Result(values, False, exported=export, drawn=drawn, reported=reported)


def _check_data(run: RunDirectory, config: TrainingConfig) -> None:
    """Raises ValueError for data of another name that are not the run's."""
    if runs.data(run.path).get("spec", config.data) == config.data:
        return
    try:
        source = config.open_data()
    except (ValueError, OSError):  # A run that has ended does not need its data.
        return
    run.check_data(source)


def _ended_by(run: RunDirectory, config: TrainingConfig) -> str | None:
    """The setting that has ended the run, so that no epoch can follow, if one has."""
    *_, last = [{}, *runs.metrics(run.path)]
    if reaches(last, config.target_top1):
        return "--target_top1"
    if config.schedule != "plateau":
        return None
    try:
        errors = runs.errors(runs.newest_checkpoint(run.path))
    except Damaged:  # Resuming finds an older one.
        return None
    return "the schedule plateau" if plateau(errors, config.patience).over else None


def finish(
    run: RunDirectory,
    config: TrainingConfig,
    strategy: tf.distribute.Strategy,
    kept: KeptWeights,
    epochs: Epochs,
    scores: Scores | None,
    steps: int,
    began: float,
) -> dict[str, Any]:
    """Ends a run after its last step.

    Args:
        run: Its directory; a temporary one for workers that are not the chief.
        config: Its settings.
        strategy: Of the run.
        kept: The weights that it keeps.
        epochs: The epochs that are done.
        scores: The scores of the last epoch; None without validation pictures.
        steps: The number of steps that the whole run has taken.
        began: When this call began, in seconds of the monotonic clock.

    Returns:
        The content of `result.json`.
    """
    kept.end_steps(steps, epochs.errors)
    values = {
        "epochs": len(epochs.errors),
        "val_top1": scores and scores.top1,
        "val_top5": scores and scores.top5,
        "val_loss": scores and scores.loss,
        "val_pictures": scores.pictures if scores else 0,
        "best": epochs.best(),
        "steps": steps,
        "seconds": round(time.monotonic() - began, 1),  # this call alone
        "peak_memory_gib": round(peak_memory(), 2),
        "export": None,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "keras_alexnet": __version__,
    }
    if coordination.is_chief(strategy) and config.export_dir is not None:
        path = Path(config.model_dir)
        values["export"] = str(_export(path, config.keep, config.export_dir))
    run.finish(values)
    kept.end_run()
    # Workers end together: if the chief fails here, all have to start again.
    coordination.gathered(strategy, 0)
    return values


def _export(run: Path, keep: str, path: str) -> Path:
    best = keep == runs.BEST and runs.best_checkpoint(run) is not None
    # Its checkpoint, by its path: the run has not ended before it is exported.
    checkpoint = runs.checkpoint_of(run / runs.BEST if best else run)
    # A new model from the checkpoint has plain variables on one device.
    # Warm-up requests are for servers: without their package a run does without.
    return export_saved_model(
        AlexNet(weights=checkpoint), path, warmup=warmup.has_protos()
    )


def _is_version_of(export: str | None, directory: str) -> bool:
    """Whether `export` exists and is a version in `directory`."""
    if export is None or not os.path.isdir(export):
        return False
    return os.path.dirname(os.path.abspath(export)) == os.path.abspath(directory)
