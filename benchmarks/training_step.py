"""A step of the trainer, data included, against the bare step; also in 16 bits.

python benchmarks/training_step.py --data=folder:DIR [--repetitions=7] [--steps=8]

Batch 64 at 224×224. The bare step is the gradient of a model and `PaperSGD` on one
prepared batch that stays in memory. The trainer's steps are those of `Loop`, as in
`train`: pictures are decoded, cropped, mirrored and changed in colour; metrics, checks
and the progress line are included. Both run in turns in one process, `--steps` steps
each, after two that are not counted.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf
from interleaved import Times, ratio, show
from network import training
from rich.console import Console

from keras_alexnet import AlexNet
from keras_alexnet.data import Source, open_source
from keras_alexnet.training import TrainingConfig
from keras_alexnet.training.checkpoints import Checkpoints
from keras_alexnet.training.epochs import Epochs, new_errors
from keras_alexnet.training.kept_weights import KeptWeights
from keras_alexnet.training.loop import Loop
from keras_alexnet.training.network import network_of
from keras_alexnet.training.progress import ProgressLine
from keras_alexnet.training.rates import Rates
from keras_alexnet.training.run_directory import RunDirectory
from keras_alexnet.training.step import TrainStep

BATCH, SIDE = 64, 224
NOT_COUNTED = 2  # steps; as many batches are ready when a turn begins
REFILL = 2.0  # seconds between turns, in which the pipeline makes as many again
PRECISIONS = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


class Turns:
    """Takes the place of the profiler of `Loop`, and lets it run one turn at a time.

    Args:
        steps: Number of counted steps in a turn.
    """

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._taken = 0

    def turn(self) -> float:
        """Lets the loop run for a turn; returns the seconds for a step."""
        self._go.release()
        self._done.acquire()
        return self._seconds / self._steps

    @contextlib.contextmanager
    def step(self, number: int) -> Iterator[None]:
        if self._taken == 0:
            self._go.acquire()
        if self._taken == NOT_COUNTED:
            self._began = time.perf_counter()
        yield
        self._taken += 1
        if self._taken == NOT_COUNTED + self._steps:
            self._seconds = time.perf_counter() - self._began
            self._taken = 0
            time.sleep(REFILL)
            self._done.release()


def through_trainer(
    source: Source, precision: str, steps: int, directory: str
) -> Callable[[], float]:
    """A function that runs a turn of the trainer and returns the seconds for a step."""
    config = TrainingConfig(
        data=source.spec,
        image_size=SIDE,
        batch_size=BATCH,
        precision=precision,
        learning_rate=1e-4,
        steps_per_epoch=10**6,
        model_dir=directory,
    )
    strategy = tf.distribute.get_strategy()
    network, classes = network_of(config), len(source.class_names)
    train_step = TrainStep(network, classes, source.statistics, strategy)
    rates = Rates(config, train_step.train_state.names, 10**6)
    run, turns = RunDirectory(directory), Turns(steps)
    loop = Loop(
        config,
        source,
        train_step,
        strategy,
        rates=rates,
        epochs=Epochs(run, new_errors(), train_step.model, config.epochs),
        checkpoints=Checkpoints(run.path, {}, print),  # saves none
        kept=KeptWeights(run.path, config.keep),
        progress=ProgressLine(Console(file=io.StringIO()), 0, rates.total_steps),
        profiler=turns,
    )
    threading.Thread(target=loop.run, args=(0,), daemon=True).start()
    return turns.turn


def bare(source: Source, precision: str, steps: int) -> Callable[[], float]:
    """A function that runs a turn of bare steps and returns the seconds for a step."""
    keras.mixed_precision.set_global_policy(precision)
    classes = len(source.class_names)  # as many as the trainer has
    shape = (SIDE, SIDE, 3)
    model = AlexNet(input_shape=shape, classes=classes, classifier_activation=None)
    keras.mixed_precision.set_global_policy("float32")
    x = tf.random.stateless_normal([BATCH, *shape], [0, 1]) * 60
    step = training(model, x)

    def turn() -> float:
        for _ in range(NOT_COUNTED):
            step()
        began = time.perf_counter()
        for _ in range(steps):
            step()
        return (time.perf_counter() - began) / steps

    return turn


def measured(cases: dict[str, Callable[[], float]], repetitions: int) -> Times:
    """Milliseconds for a step in each turn of each case, after a turn to warm up."""
    times: dict[str, list[float]] = {name: [] for name in cases}
    for repetition in range(repetitions + 1):
        for name, turn in cases.items():
            milliseconds = 1e3 * turn()
            if repetition:
                times[name].append(milliseconds)
    return {name: np.array(values) for name, values in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="shapes")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--steps", type=int, default=8, help="counted in a turn")
    arguments = parser.parse_args()
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, {arguments.data}")
    source = open_source(arguments.data)
    with tempfile.TemporaryDirectory() as directory:
        cases = {}
        for name, precision in PRECISIONS.items():
            cases[f"bare, {name}"] = bare(source, precision, arguments.steps)
            cases[f"trainer, {name}"] = through_trainer(
                source, precision, arguments.steps, f"{directory}/{name}"
            )
        times = measured(cases, arguments.repetitions)
    show(f"a step of {BATCH} pictures of {SIDE}x{SIDE}", times)
    ratio(times, "trainer, float32", "bare, float32", at_most=1.05)
    ratio(times, "trainer, bfloat16", "bare, bfloat16", at_most=1.05)
    ratio(times, "trainer, float32", "trainer, bfloat16", goal=1.45)


if __name__ == "__main__":
    main()
