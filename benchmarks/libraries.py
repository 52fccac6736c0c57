"""Builds of the native library side by side, as of GCC and of the wheel's compiler.

python benchmarks/libraries.py gcc=PATH zig=PATH [--repetitions=15]

Each is loaded in a process of its own, and the processes take turns. Measured is
the time that the processor spends, with one thread, so that other work on the machine
matters little. The maps are those after conv1 and conv2 of 8 pictures.
"""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from interleaved import ratio, show

SHAPES = ([8, 55, 55, 96], [8, 27, 27, 256])
TYPES = ("float32", "bfloat16", "float16")


def cases() -> dict[str, Callable[[], object]]:
    """The op and its gradient, for each shape and type."""
    import tensorflow as tf

    from keras_alexnet.ops import cross_connect

    made = {}

    def add(shape: list[int], dtype: str) -> None:
        x = tf.cast(tf.random.stateless_normal(shape, [0, 1]) * 20, dtype)

        def seam() -> tf.Tensor:
            return cross_connect(
                x, towers=2, pool_size=3, pool_strides=2, kernels="native"
            )

        def both() -> tf.Tensor:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = seam()
            return tape.gradient(y, x)

        made[f"{shape} {dtype}"] = seam
        made[f"{shape} {dtype}, with gradient"] = both

    for shape, dtype in itertools.product(SHAPES, TYPES):
        add(shape, dtype)
    return made


def serve(library: Path) -> None:
    """Runs the cases that are asked for by number, and prints their milliseconds."""
    from keras_alexnet.ops import native

    native.LIBRARY = library
    runs = cases()
    for run in runs.values():
        run()
    print("\t".join(runs), flush=True)
    for line in sys.stdin:
        began = time.process_time()
        list(runs.values())[int(line)]()
        print(1e3 * (time.process_time() - began), flush=True)


def start(library: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, __file__, "--serve", library],
        env={**os.environ, "KERAS_ALEXNET_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libraries", nargs="*", help="NAME=PATH")
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve)
        return
    paths = dict(each.split("=", 1) for each in given.libraries)
    workers = {name: start(Path(path).resolve()) for name, path in paths.items()}
    names = [
        worker.stdout.readline().strip().split("\t") for worker in workers.values()
    ]
    for number, title in enumerate(names[0]):
        times = {name: [] for name in workers}
        for _ in range(given.repetitions):
            for name, worker in workers.items():
                worker.stdin.write(f"{number}\n")
                times[name].append(float(worker.stdout.readline()))
        arrays = {name: np.array(values) for name, values in times.items()}
        show(title, arrays)
        first, *others = arrays
        for other in others:
            ratio(arrays, other, first)
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()


if __name__ == "__main__":
    main()
