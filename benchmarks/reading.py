"""How fast examples are read, decoding aside: by one process, and by each of eight.

python benchmarks/reading.py [--records=DIR]

Each turn is a process of its own on one core or on two. It reads the batches of
training as one process that makes all rows, or as one of eight workers that makes an
eighth of them; of the views, which decode, only their size is left. Both versions of
the order are read in turns: 1 as before files were dealt out, 2 as they are now. Bytes
are those that the process reads from files. After the first turn all files are in the
page cache: no disk is measured.

Without `--records` they are made: 40 files of 300 examples of 31 KB, the size of a
JPEG of 256×256 at quality 95.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from interleaved import show

BATCH, WORKERS = 128, 8
FILES, EACH, BYTES = 40, 300, 31_000
CASES = {
    f"order {order}, {cores} core{'s' * (cores > 1)}, 1 of {workers}": {
        "order": order,
        "cores": cores,
        "workers": workers,
    }
    for workers, cores, order in itertools.product((1, WORKERS), (1, 2), (1, 2))
}


def made(root: Path) -> Path:
    """A directory of records whose pictures are random bytes."""
    import tensorflow as tf

    from keras_alexnet.data.preparation.shards import record
    from keras_alexnet.data.record_files import Description, ShardEntry

    rng, entries = np.random.default_rng(0), {"train": [], "validation": []}
    for split, files in (("train", FILES), ("validation", 1)):
        for number in range(files):
            path = root / f"{split}-{number:05}-of-{files:05}.tfrecord"
            with tf.io.TFRecordWriter(str(path)) as file:
                for index in range(EACH):
                    name = f"{number}/{index}"
                    file.write(record(name, index % 2, rng.bytes(BYTES)))
            entries[split].append(ShardEntry(path.name, EACH, path.stat().st_size))
    half = {
        split: [sum(each.pictures for each in held) // 2] * 2
        for split, held in entries.items()
    }
    colours = {"mean": [0.0] * 3, "stddevs": [1.0] * 3, "vectors": np.eye(3).tolist()}
    identity = {"size": 256, "encoding": "jpeg"}
    Description("made", identity, ["a", "b"], half, entries, 0, colours, {}).write(root)
    return root


def read(spec: str, order: int, workers: int, cores: int, pictures: int) -> None:
    """One turn: prints pictures/s of this worker, CPU µs and bytes of a picture."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    import tensorflow as tf

    from keras_alexnet.data import open_source, training_batches, views

    def size_alone(self: views.Views, image: tf.Tensor, *drawn: object) -> tf.Tensor:
        return tf.strings.length(image)

    views.Views.training = size_alone  # type: ignore[assignment, method-assign]
    source = open_source(spec)
    source.order = order
    rows = range(BATCH // workers) if workers > 1 else None
    batches = iter(training_batches(source, 224, BATCH, seed=0, rows=rows))
    for _ in range(4 * workers):
        next(batches)
    steps = pictures * workers // BATCH // (workers if order == 1 else 1)
    began, worked, bytes_before = time.perf_counter(), time.process_time(), bytes_read()
    for _ in range(steps):
        next(batches)
    kept = steps * BATCH // workers
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    one = {
        "rate": kept / seconds,
        "cpu": 1e6 * cpu / kept,
        "bytes": (bytes_read() - bytes_before) / kept,
    }
    print(json.dumps(one))


def bytes_read() -> int:
    """Bytes that this process has read, from files or from the page cache."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def turns(spec: str, pictures: int, repetitions: int) -> dict[str, list[dict]]:
    """The results of all cases, which run in turns."""
    results: dict[str, list[dict]] = {name: [] for name in CASES}
    for turn in range(repetitions + 1):
        for name, case in CASES.items():
            flags = [f"--{key}={value}" for key, value in case.items()]
            command = [sys.executable, __file__, f"--turn={spec}", *flags]
            command.append(f"--pictures={pictures}")
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            if turn:  # The first one fills the page cache.
                results[name].append(json.loads(done.stdout.splitlines()[-1]))
    return results


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", help="prepared JPEG records")
    parser.add_argument("--pictures", type=int, default=24_000, help="of a turn")
    parser.add_argument("--repetitions", type=int, default=5)
    for name in ("turn", "order", "workers", "cores"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    if given.turn:
        numbers = (int(each) for each in (given.order, given.workers, given.cores))
        read(given.turn, *numbers, given.pictures)
        return
    with tempfile.TemporaryDirectory() as scratch:
        root = given.records or made(Path(scratch))
        results = turns(f"records:{root}", given.pictures, given.repetitions)
    for key, title, word in (
        ("rate", "pictures of the worker's rows", "pictures/s"),
        ("cpu", "CPU time for one", "us"),
        ("bytes", "bytes read for one", "bytes"),
    ):
        values = {
            name: np.array([each[key] for each in all_of_it])
            for name, all_of_it in results.items()
        }
        show(title, values, word=word)


if __name__ == "__main__":
    main()
