"""Memory of a training step: ours, through the trainer, and in stock Keras.

python benchmarks/step_memory.py [--batch_size=128] [--precision=float32]
    [--accumulate=1]

The peak resident size during three steps minus the size just before them, when weights,
momentum and a batch are already in memory. Each case runs in its own process, in turns.
Only on Linux: /proc shows the peak and can reset it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

SIDE, CLASSES, STEPS = 227, 1000, 3
CASES = ("trainer", "keras_alexnet", "stock Keras")


def resident(what: str) -> float:
    """A size of this process in MiB: `VmRSS` is the present one, `VmHWM` the peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"/proc/self/status must have {what}")


def of_model(stock: bool, batch: int) -> Callable[[], object]:
    """A bare step of a model on a batch in memory; each side has its own optimizer."""
    import keras
    import tensorflow as tf
    from network import stock_network, training

    from keras_alexnet import AlexNet

    shape = (SIDE, SIDE, 3)
    ours = {"input_shape": shape, "classifier_activation": None}
    x = tf.random.stateless_normal([batch, *shape], [0, 1]) * 60
    if not stock:
        return training(AlexNet(**ours), x)
    sgd = keras.optimizers.SGD(1e-4, momentum=0.9, weight_decay=5e-4)
    return training(stock_network(), x, optimizer=sgd)


def of_trainer(batch: int, precision: str, parts: int) -> Callable[[], object]:
    """A step of the trainer on a batch in memory."""
    import tensorflow as tf

    from keras_alexnet.data.colour import IMAGENET
    from keras_alexnet.training import TrainingConfig
    from keras_alexnet.training.network import network_of
    from keras_alexnet.training.step import StepInputs, TrainStep

    config = TrainingConfig(
        batch_size=batch, image_size=SIDE, precision=precision, accumulate=parts
    )
    train_step = TrainStep(
        network_of(config), CLASSES, IMAGENET, tf.distribute.get_strategy()
    )
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, [batch, SIDE, SIDE, 3], np.uint8)
    pictures = {
        "image": tf.constant(images),
        "label": tf.constant(rng.integers(0, CLASSES, batch)),
        "noise": tf.zeros([batch, 3]),
    }
    inputs = StepInputs(1, np.full(len(train_step.train_state.names), 1e-4, np.float32))
    return lambda: train_step.step(pictures, inputs)


def measure(case: str, batch: int, precision: str, parts: int) -> float:
    """MiB that the steps of a case need."""
    import keras

    if case == "trainer":
        step = of_trainer(batch, precision, parts)
    else:
        keras.mixed_precision.set_global_policy(precision)
        step = of_model(case == "stock Keras", batch)
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak; see proc(5)
    before = resident("VmRSS")
    for _ in range(STEPS):
        step()
    return resident("VmHWM") - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--accumulate", type=int, default=1, help="of the trainer")
    parser.add_argument("--case", choices=CASES, help="only this one, in this process")
    arguments = parser.parse_args()
    if arguments.case:
        given = arguments.batch_size, arguments.precision, arguments.accumulate
        print(measure(arguments.case, *given))
        return
    sizes: dict[str, list[float]] = {case: [] for case in CASES}
    for _ in range(arguments.repetitions):
        for case in CASES:
            command = [sys.executable, *sys.argv, f"--case={case}"]
            out = subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL)
            sizes[case].append(float(out.splitlines()[-1]))
    title = f"a step of {arguments.batch_size} pictures, {arguments.precision}"
    print(f"{title}: MiB more than before it")
    stock = np.median(sizes["stock Keras"])
    for case, values in sizes.items():
        spread = f"[{min(values):.0f} .. {max(values):.0f}]"
        part = np.median(values) / stock
        print(f"  {case:16} {np.median(values):6.0f}  {spread:16} {part:.2f} of stock")


if __name__ == "__main__":
    main()
