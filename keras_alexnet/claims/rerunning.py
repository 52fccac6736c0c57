"""`rerun(claim, …)`: from a claim to its result."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import platform
import shlex
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf

from keras_alexnet.claims.experiment import Experiment, Working
from keras_alexnet.claims.measured import Measured
from keras_alexnet.claims.pictures import copied
from keras_alexnet.claims.records import Claim
from keras_alexnet.claims.result import ArmResult, Result
from keras_alexnet.data import Source

_CURVES = ("loss", "top1", "val_loss", "val_top1")


def rerun(
    claim: Claim,
    directory: Path,
    source: Source | None,
    *,
    quick: bool = False,
    seeds: int | None = None,
    sweep: bool = False,
    command: Sequence[str] = (),
    say: Callable[[str], None] = print,
    working: Working = contextlib.nullcontext,
) -> Result:
    """Reruns a claim: trains its arms, compares them, and judges.

    Killed at any moment and called again it resumes where it was, and the result is the
    same but for its time.

    Args:
        claim: The claim.
        directory: Where its runs and pictures are kept.
        source: The data; None for a claim that reads none.
        quick: Whether to take the quick form, meant for ten minutes on two cores.
        seeds: How many seeds; those of the form by default.
        sweep: Whether to choose learning rates anew, by a part of the training
            pictures, which takes longer.
        command: What the person typed, for the result.
        say: Shows a line for each run that has ended.
        working: Shows what is being trained, while the context that it gives is open.

    Returns:
        The `Result`.

    Raises:
        ValueError: If the data do not fit.
        Stopped: On SIGTERM, SIGINT and SIGHUP, after the state was saved.

    Example:

    >>> result = rerun(get("dropout"), Path("runs/claims"), source, quick=True)
    ... # doctest: +SKIP
    """
    size = claim.quick if quick else claim.whole
    if seeds is not None:
        size = dataclasses.replace(size, seeds=seeds)
    pictures = None
    if source is not None:
        pictures = copied(source, directory / "data", size.pictures, size.held_out)
    experiment = Experiment(
        claim,
        size,
        pictures,
        directory,
        say,
        quick=quick,
        sweep=sweep,
        working=working,
    )
    began = time.monotonic()
    measured = claim.measure(experiment)
    measuring = time.monotonic() - began
    classes = 0 if source is None else len(source.class_names)
    return Result(
        name=claim.name,
        title=claim.title,
        section=claim.section,
        statement=claim.statement,
        paper=claim.paper,
        source=claim.source,
        others=claim.others,
        since=claim.since,
        setting=_setting(experiment),
        caveats=claim.caveats,
        form=experiment.form,
        data=source.spec if source is not None else "",
        comparisons=measured.comparisons,
        arms={name: _arm(experiment, measured, name, classes) for name in claim.arms},
        chart=measured.chart,
        facts=measured.facts,
        command=shlex.join(command),
        time=round(_seconds(experiment) or measuring, 1),
        machine=machine(),
    )


def _seconds(experiment: Experiment) -> float:
    """How long the steps of all runs took, whenever they were trained."""
    return sum(run.seconds for run in experiment.used.values())


def _setting(experiment: Experiment) -> str:
    """Network, data and size in words."""
    claim, size = experiment.claim, experiment.size
    if experiment.pictures is None:
        return claim.setting
    trained = (
        f"{claim.setting}. {size.pictures:,} pictures to train on, "
        f"{size.epochs} epochs at most, {size.seeds} seeds"
    )
    if claim.race_to is not None:  # judged by the training pictures themselves
        return f"{trained}."
    return f"{trained}; judged by {size.held_out:,} others."


def _arm(
    experiment: Experiment, measured: Measured, name: str, classes: int
) -> ArmResult:
    architecture = experiment.claim.arms[name].architecture
    runs = experiment.ended(name)
    return ArmResult(
        differs=experiment.claim.differences(name),
        rate=experiment.chosen(name)["learning_rate"],
        sweep=experiment.sweeps.get(name, {}),
        parameters=architecture.parameters(classes),
        unit=measured.unit,
        results=measured.results.get(name, []),
        curves={column: [run.curve(column) for run in runs] for column in _CURVES},
    )


def machine() -> str:
    """The machine in words: processor, cores, devices, TensorFlow."""
    gpus = len(tf.config.list_physical_devices("GPU"))
    parts = [
        f"{os.cpu_count()} cores, {_processor()}",
        f"{gpus} GPUs" if gpus else "no GPU",
        f"TensorFlow {tf.__version__}",
        f"Python {platform.python_version()}",
    ]
    return "; ".join(parts)


def _processor() -> str:
    """The processor's name, as far as the system says it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:  # not on Linux
        pass
    return platform.processor() or platform.machine()
