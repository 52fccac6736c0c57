"""What a worker of `test_workers.py` runs: `python worker.py ACT [PLACE]`."""

from __future__ import annotations

import dataclasses
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet import architectures
from keras_alexnet.data.batches import distribute
from keras_alexnet.data.colour import IMAGENET
from keras_alexnet.training import TrainingConfig
from keras_alexnet.training.devices import open_strategy
from keras_alexnet.training.network import network_of
from keras_alexnet.training.step import StepInputs, TrainStep
from keras_alexnet.training.workers import coordination

BATCH = 8
Line = dict[str, Any]


def numbers(count: int, rows: range) -> tf.data.Dataset:
    """The given rows of batches of the numbers from 0 on."""
    kept = tf.data.Dataset.range(count).filter(
        lambda n: (n % BATCH >= rows.start) & (n % BATCH < rows.stop)
    )
    return kept.batch(len(rows), drop_remainder=True)


def pictures(rows: range) -> tf.data.Dataset:
    """Noise, redder, greener or bluer by its label, without end."""

    def picture(n: tf.Tensor) -> dict[str, tf.Tensor]:
        seed = tf.stack([n, tf.constant(5, tf.int64)])
        pixels = tf.random.stateless_uniform([64, 64, 3], seed, 0.0, 100.0)
        pixels += 100 * tf.one_hot(n % 3, 3)
        noise = tf.random.stateless_normal([3], seed)
        return {"image": tf.cast(pixels, tf.uint8), "label": n % 3, "noise": noise}

    return numbers(10**6, rows).unbatch().map(picture).batch(len(rows), True)


def losses(strategy: tf.distribute.Strategy, steps: int = 20) -> list[float]:
    """The loss of each step of a small AlexNet, dropout and all."""
    record = dataclasses.replace(architectures.get("paper"), dense=(64, 64))
    keras.utils.set_random_seed(0)
    config = TrainingConfig(image_size=64, batch_size=BATCH, initialization="he")
    train_step = TrainStep(network_of(config, record), 3, IMAGENET, strategy)
    batches = iter(distribute(strategy, pictures, BATCH, endless=True))
    rates = np.full(len(train_step.train_state.trained), 0.01, "float32")
    sums = [0.0]
    for step in range(1, steps + 1):
        train_step.step(next(batches), StepInputs(step, rates))
        sums.append(float(train_step.totals.numpy()[0]))
    return (np.diff(sums) / BATCH).tolist()


def agreements(strategy: tf.distribute.Strategy, place: Path) -> Line:
    """The numbers that workers exchange, and who writes where."""
    own = strategy.cluster_resolver.task_id
    line: Line = {"gathered": coordination.gathered(strategy, 10 + own)}
    for name, act in {
        "same": lambda: coordination.agree(strategy, "step", lambda: 7),
        "other": lambda: coordination.agree(strategy, "step", lambda: 7 + own),
        "shared": lambda: coordination.check_shared(
            strategy, "model_dir", place / "run"
        ),
        "apart": lambda: coordination.check_shared(
            strategy, "model_dir", place / f"{own}"
        ),
    }.items():
        try:
            act()
            line[name] = ""
        except ValueError as error:
            line[name] = str(error)
    with coordination.chief_first(strategy):
        line["found"] = (place / "made").exists()
        (place / "made").touch()
    return {**line, **saved(strategy, place)}


def saved(strategy: tf.distribute.Strategy, place: Path) -> Line:
    """A checkpoint of what each replica keeps for itself."""
    with strategy.scope():
        mean = tf.Variable(
            0.0,
            trainable=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.MEAN,
        )
    strategy.run(lambda: mean.assign(4.0 * strategy.cluster_resolver.task_id))
    with coordination.directory_of(strategy, place / "run") as directory:
        tf.train.Checkpoint(mean=mean).write(str(directory / "mean"))
        wrote = sorted(path.name for path in directory.iterdir())
    return {"wrote": wrote, "stays": directory.exists()}


def seen(strategy: tf.distribute.Strategy) -> Line:
    batches = distribute(strategy, lambda rows: numbers(16, rows), BATCH)
    own = [strategy.experimental_local_results(batch)[0] for batch in batches]
    return {"seen": [rows.numpy().tolist() for rows in own]}


def steps(strategy: tf.distribute.Strategy) -> Iterator[int]:
    """Steps without end, until a worker is asked to stop: then all stop."""
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))

    @tf.function
    def step(own: tf.Tensor) -> tf.Tensor:
        return strategy.reduce("SUM", strategy.run(tf.identity, (own,)), axis=None)

    signals, number, known = (
        coordination.SharedSignals(strategy),
        0,
        coordination.Signals(),
    )
    while not known.stop:
        number += 1
        own = coordination.Signals(stop=len(asked))
        summed = step(tf.constant(own, tf.float32))
        yield number
        known = signals.read(own, summed)


def main(act: str, place: str = "") -> None:
    strategy = open_strategy("auto", "", BATCH, must_match={"act": act}, wait=60)
    if act == "learn":
        print(json.dumps(losses(strategy)))
        return
    if act == "agree":
        line = {**agreements(strategy, Path(place)), **seen(strategy)}
        print(json.dumps(line), flush=True)
    try:
        for number in steps(strategy):
            if number == 3:
                print("running", flush=True)
    except tf.errors.OpError as error:
        sys.exit(str(coordination.lost_worker(error, strategy) or f"unknown: {error}"))
    print(f"stopped after step {number}")


if __name__ == "__main__":
    main(*sys.argv[1:])
