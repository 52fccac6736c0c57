"""Five to six days on two GTX 580: multiply-adds against a peak (introduction)."""

from __future__ import annotations

import dataclasses
import statistics as middle
import time

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.architectures.anatomy import Anatomy, anatomy
from keras_alexnet.claims import statistics
from keras_alexnet.claims.experiment import Experiment
from keras_alexnet.claims.measured import Measured
from keras_alexnet.claims.result import Chart, Comparison
from keras_alexnet.data.colour import IMAGENET
from keras_alexnet.training import TrainingConfig
from keras_alexnet.training.network import network_of
from keras_alexnet.training.step import StepInputs, TrainStep

PICTURES = 1_200_000  # of ILSVRC-2012's training set (paper, section 2)
EPOCHS = 90  # "roughly 90 cycles" (section 5)
DAYS = (5.0, 6.0)  # section 5
GPUS = 2
# Operations per second of one GTX 580 in float32: 512 processors at 1.544 GHz, each a
# multiply-add, which is two operations, a cycle.
# https://bit-tech.net/reviews/tech/graphics/nvidia-geforce-gtx-580-review/2/
PEAK = 512 * 1.544e9 * 2
# What is plausible: convolutions of 2012 reached more than a tenth of a GPU's peak,
# and nothing exceeds the peak.
PLAUSIBLE = (0.1, 1.0)
_DAY = 24 * 60 * 60


@dataclasses.dataclass(frozen=True)
class Days:
    """The work of a training, and the time that it takes.

    Args:
        operations: Of a picture in a step of training.
        pictures: Pictures that the whole training reads, all epochs together.
    """

    operations: int
    pictures: int

    def at(self, rate: float) -> float:
        """The days at a rate of operations a second."""
        return self.operations * self.pictures / rate / _DAY

    def part_of_peak(self, days: float) -> float:
        """The part of the peak of two GTX 580 that a training of these days implies."""
        return self.at(GPUS * PEAK) / days


def operations(network: Anatomy) -> int:
    """Operations in a step of training, for a picture.

    A multiply-add is two. Each product of the forward pass has two in the backward
    pass, for the gradients of the weights and of the inputs; the pictures, which
    `conv1` reads, need no gradient.

    Example:

    >>> operations(anatomy("paper"))
    4135610496
    """
    forward = network.totals.multiply_adds
    return 2 * (3 * forward - network.layer("conv1").multiply_adds)


def part_of_peak(found: Days) -> Comparison:
    """Which part of the peak of two GTX 580 five to six days imply.

    The interval is the range of days, and not one of chance. The claim is seen if all
    of it is plausible: above a tenth, and below the peak.
    """
    low, high = (found.part_of_peak(days) for days in reversed(DAYS))
    least, most = PLAUSIBLE
    verdict = statistics.UNDECIDED
    if least < low and high < most:
        verdict = statistics.SEEN
    elif high < least or low > most:
        verdict = statistics.CONTRADICTED
    return Comparison(
        "part of the peak of two GTX 580 that 5 to 6 days imply; plausible from "
        f"{least} to {most:g}",
        "of the peak",
        value=found.part_of_peak(sum(DAYS) / 2),
        low=low,
        high=high,
        smallest=0.0,
        level=least,
        verdict=verdict,
        seeds=0,
        pictures=0,
    )


def training_speed(steps: int = 5, batch_size: int = 128) -> float:
    """Pictures a second that this machine trains the paper's network on, in float32.

    By the median time of some steps after a first one, on noise of 224 pixels, without
    reading or cutting any picture.

    Args:
        steps: Number of steps that are timed.
        batch_size: Pictures in a step.
    """
    config = TrainingConfig(data="shapes", batch_size=batch_size)
    strategy = tf.distribute.get_strategy()
    train_step = TrainStep(network_of(config), 1000, IMAGENET, strategy)
    rng = np.random.default_rng(0)
    batch = {
        "image": tf.constant(rng.integers(0, 256, [batch_size, 224, 224, 3], np.uint8)),
        "label": tf.constant(rng.integers(0, 1000, [batch_size])),
        "noise": tf.zeros([batch_size, 3]),
    }
    rates: np.ndarray = np.full([len(train_step.train_state.names)], 1e-4, np.float32)
    times = []
    for step in range(1, steps + 2):
        began = time.perf_counter()
        train_step.step(batch, StepInputs(step, rates))
        train_step.totals.numpy()  # waits for the device
        times.append(time.perf_counter() - began)
    keras.backend.clear_session()
    return batch_size / middle.median(times[1:])


def days(experiment: Experiment) -> Measured:
    """Holds the paper's days against the peak of its GPUs and this machine's speed."""
    return measured(training_speed(steps=max(3, experiment.size.seeds)))


def measured(images_per_second: float) -> Measured:
    """What follows from a speed of training."""
    found = Days(operations(anatomy("paper")), EPOCHS * PICTURES)
    here = found.pictures / images_per_second / _DAY
    rate = found.operations * images_per_second
    return Measured(
        comparisons=(part_of_peak(found),),
        chart=Chart(
            kind="bars",
            title="Days of training: 90 epochs of 1.2 million pictures",
            x=(
                "two GTX 580 at their peak",
                "paper, at least",
                "paper, at most",
                "this machine",
            ),
            series={"days": [round(found.at(GPUS * PEAK), 3), *DAYS, round(here, 2)]},
            x_label="",
            y_label="days",
            log_y=True,
        ),
        facts={
            "operations of a step, for a picture": float(found.operations),
            "operations of the training": float(found.operations * found.pictures),
            "peak of two GTX 580, operations a second": GPUS * PEAK,
            "days at that peak": round(found.at(GPUS * PEAK), 3),
            "pictures a second of the paper, 6 days": _speed(found, DAYS[1]),
            "pictures a second of the paper, 5 days": _speed(found, DAYS[0]),
            "pictures a second of this machine": round(images_per_second, 2),
            "operations a second of this machine": float(round(rate)),
            "days of this machine": round(here, 2),
        },
    )


def _speed(found: Days, in_days: float) -> float:
    return round(found.pictures / in_days / _DAY, 2)
