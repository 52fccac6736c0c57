"""What two towers on two devices exchange: computed, counted and timed.

python benchmarks/two_towers.py [--batch_size=128] [--repetitions=3]
python benchmarks/two_towers.py --picture=docs/two-towers.svg

The devices are logical devices of this CPU: they show what is transferred, not how much
faster a second processor makes a step.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf
from interleaved import interleaved, show
from two_towers_picture import picture

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "references"))

from tower_nets import training_step
from transfers import Transfer, partitioned

from keras_alexnet import AlexNet, architectures, convert_towers
from keras_alexnet.two_towers import Crossing, crossings
from keras_alexnet.two_towers.choosing import with_towers

DEVICES = ("/CPU:0", "/CPU:1", "/CPU:2", "/CPU:3")
BATCHES = (32, 128, 512, 1024, 2048)
FLOAT = 4


def computed(found: list[Crossing], batch_size: int) -> None:
    print(f"\ncrossing in a step of {batch_size}, float32, MB each way")
    for each in found:
        size = each.bytes(batch_size) / 1e6
        print(f"  {each.layer:9} {each.source} -> {each.destination}  {size:8.3f}")


def counted(sent: list[Transfer]) -> None:
    print("\nthe same, by the graphs that TensorFlow ran")
    for each in sorted(sent, key=lambda each: -each.bytes):
        print(f"  {each.source} -> {each.destination}  {each.bytes / 1e6:8.3f}", end="")
        print(f"  {each.shape}  {each.tensor}")


def by_towers(found: list[Crossing], batch_size: int) -> float:
    """MB that the busiest device sends in a step: maps forward, gradients back."""
    sizes = dict.fromkeys(DEVICES, 0)
    for each in found:
        sizes[each.source] += each.bytes(batch_size)
        sizes[each.destination] += each.bytes(batch_size)
    return max(sizes.values()) / 1e6


def by_batch(parameters: int, devices: int) -> float:
    """MB that a device sends in a ring all-reduce of all parameters' gradients."""
    return 2 * (devices - 1) / devices * parameters * FLOAT / 1e6


def by_both(convolutions: int, devices: int, batch_size: int) -> float:
    """MB where the batch is split for convolutions, and the units for fc6 to fc8.

    A device sends the last 9216 values of each of its pictures to all others, and
    receives as many gradients; fc6 and fc7 are exchanged as between towers.
    """
    others = devices - 1
    last = 2 * others * batch_size / devices * 9216
    dense = 3 * others * batch_size * 4096 / devices
    return by_batch(convolutions, devices) + (last + dense) * FLOAT / 1e6


def compared(devices: int) -> None:
    towers = AlexNet(towers=devices, devices=DEVICES[:devices])
    found = crossings(towers)
    record = with_towers(architectures.get("paper"), devices)
    parameters = record.parameters()
    dense = sum(o * (i + 1) for i, o in ((9216, 4096), (4096, 4096), (4096, 1000)))
    print(f"\nMB that a device sends in a step, {devices} devices")
    print(f"  parameters: {parameters:,}, {parameters - dense:,} of convolutions")
    print("  batch      towers   the batch   batch, then units")
    for size in BATCHES:
        both = by_both(parameters - dense, devices, size)
        alone = by_batch(parameters, devices)
        print(f"  {size:5} {by_towers(found, size):10.1f} {alone:10.1f} {both:12.1f}")


def timed(model: keras.Model, batch: tuple[tf.Tensor, ...]) -> Callable[[], object]:
    step, _ = training_step(model)
    return lambda: step(*batch).numpy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--picture", help="only draw the network, to this file")
    arguments = parser.parse_args()
    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * len(DEVICES)
    tf.config.set_logical_device_configuration(cpu, logical)
    packed = AlexNet(classifier_activation=None)
    spread = convert_towers(packed, DEVICES[:2])
    if arguments.picture:
        Path(arguments.picture).write_text(picture(spread, arguments.batch_size))
        return
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}")
    computed(crossings(spread), arguments.batch_size)
    count = arguments.batch_size
    batch = (
        tf.random.stateless_normal([count, 224, 224, 3], [0, 1]) * 60,
        tf.random.stateless_uniform([count], [2, 3], 0, 1000, tf.int32),
        tf.constant(0, tf.int64),
        tf.constant(1e-4),
    )
    step, _ = training_step(spread)
    counted(partitioned(step, *batch)[0])
    for devices in (2, 4):
        compared(devices)
    cases = {"packed": timed(packed, batch), "spread": lambda: step(*batch).numpy()}
    show(f"a step of {count}", interleaved(cases, arguments.repetitions))


if __name__ == "__main__":
    main()
