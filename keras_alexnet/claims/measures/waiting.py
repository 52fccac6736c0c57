"""Whether augmentation is free: how long a device waits for pictures (section 4.1)."""

from __future__ import annotations

import dataclasses
import statistics as middle
import time
from collections.abc import Mapping, Sequence

import numpy as np

from keras_alexnet.claims import statistics
from keras_alexnet.claims.experiment import Experiment
from keras_alexnet.claims.measured import Measured
from keras_alexnet.claims.records import Arm
from keras_alexnet.claims.result import Chart
from keras_alexnet.data import Source, open_source, training_batches
from keras_alexnet.training import TrainingConfig

FASTER = tuple(round(float(x), 2) for x in np.geomspace(1, 100, 21))
FREE = 0.01  # of the time; a device that waits less waits for nothing that matters
_BATCHES = 40  # timed in each repeat
BUFFER = 2  # batches that the input pipeline keeps ready


def waiting_part(
    batch_times: Sequence[float], step_time: float, buffer: int = BUFFER
) -> float:
    """The part of its time that a device waits for batches.

    The pipeline makes one batch after another while there is room for it: batch i is
    begun when batch i − 1 is done and batch i − `buffer` was taken. The device takes
    batch i when it is done and the step before is. What it waits for the first `buffer`
    batches, when the pipeline starts, is not counted.

    Args:
        batch_times: Seconds in which the pipeline makes each batch.
        step_time: Seconds of a step, above 0.
        buffer: Batches that are kept ready, 1 or more.

    Returns:
        From 0 to 1; for equal times max(0, 1 − step time / batch time).

    Example:

    >>> waiting_part([2.0] * 10, step_time=0.5)
    0.75
    """
    made = free = waited = worked = 0.0
    taken: list[float] = []
    for index, seconds in enumerate(batch_times):
        room = taken[index - buffer] if index >= buffer else 0.0
        made = max(made, room) + seconds
        start = max(made, free)
        if index >= buffer:
            waited += start - free
            worked += step_time
        taken.append(start)
        free = start + step_time
    return waited / (waited + worked)


def batch_times(
    source: Source,
    image_size: int,
    batch_size: int,
    batches: int,
    seed: int = 0,
    **options: object,
) -> list[float]:
    """Seconds in which the input pipeline alone makes each of some batches.

    The first ones, with which it starts, are left out.

    Args:
        source: The data.
        image_size: Side of the pictures that the network reads.
        batch_size: Pictures in a batch.
        batches: How many are timed.
        seed: Of order and crops.
        **options: Of `training_batches`.
    """
    stream = iter(
        training_batches(source, image_size, batch_size, seed, **options)  # type: ignore[arg-type]
    )
    for _ in range(BUFFER + 1):
        next(stream)
    times = []
    for _ in range(batches):
        began = time.perf_counter()
        next(stream)
        times.append(time.perf_counter() - began)
    return times


def pipelines(
    source: Source, arms: Mapping[str, Arm], batch_size: int, repeats: int
) -> dict[str, list[list[float]]]:
    """`batch_times` of each arm, whose settings are those of its crops, in turns.

    Colour noise is no part of it: the device adds it.
    """
    found: dict[str, list[list[float]]] = {name: [] for name in arms}
    for repeat in range(repeats):
        for name, arm in arms.items():
            side = arm.architecture.input_size
            found[name].append(
                batch_times(source, side, batch_size, _BATCHES, repeat, **arm.settings)
            )
    return found


def free_augmentation(experiment: Experiment) -> Measured:
    """How long the device of this machine waits, and when a faster one begins to.

    The speed of the device is that of the runs of the claim's arms, without their
    waiting, which is among the facts.
    """
    assert experiment.pictures is not None
    runs = {name: experiment.runs(name) for name in experiment.claim.arms}
    waits = {
        name: middle.median(run.curve("data_wait")[-1] for run in each)
        for name, each in runs.items()
    }
    speed = middle.median(
        run.curve("images_per_second")[-1] / (1 - run.curve("data_wait")[-1])
        for each in runs.values()
        for run in each
    )
    first = next(iter(runs))
    batch_size = TrainingConfig(**experiment.chosen(first)).batch_size
    source = open_source(experiment.pictures.spec)
    repeats = max(3, experiment.size.seeds)
    found = measured(
        pipelines(source, experiment.claim.arms, batch_size, repeats),
        batch_size,
        speed,
    )
    own = {f"waiting of runs, {name}": round(wait, 4) for name, wait in waits.items()}
    return dataclasses.replace(found, facts={**found.facts, **own})


def measured(
    found: Mapping[str, Sequence[Sequence[float]]], batch_size: int, speed: float
) -> Measured:
    """What follows from times of the pipeline and from the speed of a device.

    The claim is seen if this machine's device waits less than a hundredth of its time
    with augmentation.

    Args:
        found: As `pipelines` returns it.
        batch_size: Pictures in a batch.
        speed: Pictures a second that this machine's device trains without waiting.
    """
    first = next(iter(found))
    step = batch_size / speed
    parts = [waiting_part(times, step) for times in found[first]]
    rates = {
        name: middle.median(batch_size * len(times) / sum(times) for times in each)
        for name, each in found.items()
    }
    return Measured(
        comparisons=(
            statistics.numbers(
                f"part of its time in which the device works, with {first}",
                "of the time",
                [1 - part for part in parts],
                level=1 - FREE,
            ),
        ),
        chart=Chart(
            kind="lines",
            title="Waiting for pictures, by the speed of the device",
            x=FASTER,
            series={
                name if place == 1 else f"{name} #{place}": [
                    waiting_part(times, step / faster) for faster in FASTER
                ]
                for name, each in found.items()
                for place, times in enumerate(each, start=1)
            },
            x_label="times the speed of this machine",
            y_label="waiting, part of the time",
            level=FREE,
            log_x=True,
        ),
        results={
            name: [waiting_part(times, step) for times in each]
            for name, each in found.items()
        },
        unit="of the time is waiting",
        facts={
            "pictures a second of this machine's training": round(speed, 2),
            **{
                f"pictures a second of the pipeline, {name}": round(rate, 1)
                for name, rate in rates.items()
            },
            **{
                f"no longer free, {name}: times this machine": round(rate / speed, 2)
                for name, rate in rates.items()
            },
        },
    )
