"""The input pipeline, stage by stage, against the usual one and a bare decoder.

python benchmarks/input_pipeline.py --originals=DIR [--records=DIR] [--raw=DIR]

DIR holds photos in their original sizes, in folders or not; they are repeated up to
`--pictures`. Records that are not given are prepared first, in a temporary folder.
After the first turn all files are in the page cache: no disk is measured. CPU time is
that of all threads of the process. Other work on the machine lowers the pictures per
second, but hardly raises the CPU time.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pipelines
import tensorflow as tf
from interleaved import Times, ratio, show

from keras_alexnet.data import Source, open_source, training_batches
from keras_alexnet.data.preparation import Settings, prepare
from keras_alexnet.data.sources import TRAIN

BATCH, SIDE = 128, 224
CORES = len(os.sched_getaffinity(0))
Case = Callable[[], tuple[float, float]]  # seconds and CPU seconds for a picture


def originals(directory: str, pictures: int, root: Path) -> Source:
    """The photos in folders that `folder:` reads: links, repeated, in two classes."""
    found = [path for path in sorted(Path(directory).rglob("*")) if path.is_file()]
    for number in range(-1, pictures):
        split = "train" if number >= 0 else "val"
        link = root / split / "ab"[number % 2] / f"{number}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(found[number % len(found)].resolve())
    return open_source(f"folder:{root}")


def records(source: Source, given: str | None, out: Path, encoding: str) -> Source:
    """The records that are given, or records made from the originals."""
    if given is None:
        prepare(source, str(out), Settings(encoding=encoding))
    return open_source(f"records:{given or out}")


def streamed(stream: tf.data.Dataset, pictures: int) -> Case:
    """Reads `pictures` pictures of an endless stream, after the first few batches."""

    def run() -> tuple[float, float]:
        batches = iter(stream)  # deleted, and so stopped, at the end of the turn
        for _ in range(4):
            next(batches)
        return timed(
            lambda: [next(batches) for _ in range(pictures // BATCH)], pictures
        )

    return run


def alone(run: Callable[[], object], pictures: int) -> Case:
    return lambda: timed(run, pictures)


def timed(run: Callable[[], object], pictures: int) -> tuple[float, float]:
    began, worked = time.perf_counter(), time.process_time()
    run()
    seconds = time.perf_counter() - began, time.process_time() - worked
    return seconds[0] / pictures, seconds[1] / pictures


def reading(source: Source) -> tf.data.Dataset:
    """The work of a source alone: reading, shuffling, parsing."""
    examples = source.shuffled(TRAIN, 0, 0).batch(BATCH)
    return examples.map(lambda batch: tf.shape(batch["image"]))


def cases(folder: Source, jpeg: Source, raw: Source, few: int) -> dict[str, Case]:
    """The cases, with numbers of pictures that make their turns about equally long."""
    many = 4 * few
    paths = [e["name"].numpy().decode() for e in folder.ordered(TRAIN)]
    stored = [e["image"].numpy() for e in jpeg.ordered(TRAIN).take(many)]
    photos = paths[: few // 4]
    ours = {
        source.spec: training_batches(source, SIDE, BATCH, seed=0)
        for source in (folder, jpeg, raw)
    }
    return {
        "a usual: decode, resize, crop, mirror": streamed(pipelines.usual(paths), few),
        "  with antialias=True": streamed(pipelines.usual(paths, antialias=True), few),
        "b ours from originals": streamed(ours[folder.spec], few),
        "c ours from JPEG records": streamed(ours[jpeg.spec], many),
        "  its reading, shuffling, parsing": streamed(reading(jpeg), many),
        "d bare decode_and_crop_jpeg": alone(
            pipelines.bare(stored, CORES), len(stored)
        ),
        "e ours from raw records": streamed(ours[raw.spec], many),
        "  its reading, shuffling, parsing ": streamed(reading(raw), many),
        "f Pillow from originals, one core": alone(
            pipelines.pillow(photos), len(photos)
        ),
        "  Pillow from records, one core": alone(
            pipelines.pillow_cut(stored[:few]), len(stored[:few])
        ),
    }


def turns(cases: dict[str, Case], repetitions: int) -> tuple[Times, Times]:
    """Seconds and CPU seconds for a picture, by case; the cases run in turns."""
    for run in cases.values():
        run()
    each = [[run() for run in cases.values()] for _ in range(repetitions)]
    seconds, worked = np.array(each).T  # [cases, repetitions] of both
    return dict(zip(cases, seconds, strict=True)), dict(zip(cases, worked, strict=True))


def judge(title: str, times: Times, cores: int) -> None:
    """Prints ratios and targets; `cores`: how many a case uses, if not one."""
    print(f"\n{title}")
    named = {name[0]: each for name, each in times.items() if name[0] != " "}
    named["a, antialias=True"] = times["  with antialias=True"]
    named["c per core"] = named["c"] * cores
    ratio(named, "a", "c", 5)
    ratio(named, "a, antialias=True", "c")
    ratio(named, "d", "c", 0.8)
    ratio(named, "f", "c per core", 4)
    ratio(named, "a", "b")
    ratio(named, "c", "e")


def memory(source: Source, pictures: int) -> Iterator[tuple[int, float]]:
    """Pairs of pictures read from one stream so far and resident memory in MB."""
    stream = training_batches(source, SIDE, BATCH, seed=0).take(pictures // BATCH)
    every = max(pictures // BATCH // 6, 1)
    for number, _ in enumerate(stream, start=1):
        if number % every == 0:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            yield number * BATCH, pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--originals", required=True)
    parser.add_argument("--records", help="JPEG records of the originals")
    parser.add_argument("--raw", help="raw records of the originals")
    parser.add_argument("--pictures", type=int, default=2048)
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--memory", type=int, default=40_000, help="pictures")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        folder = originals(given.originals, given.pictures, root / "folder")
        jpeg = records(folder, given.records, root / "jpeg", "jpeg")
        raw = records(folder, given.raw, root / "raw", "raw")
        print(f"TensorFlow {tf.__version__}, NumPy {np.__version__}, {CORES} cores")
        measured = cases(folder, jpeg, raw, given.pictures // 4)
        seconds, worked = turns(measured, given.repetitions)
        rates = {name: 1 / each for name, each in seconds.items()}
        show(f"{SIDE}x{SIDE} views, batches of {BATCH}", rates, word="pictures/s")
        show("CPU time for a picture", worked, 1e6, "us")
        judge("by pictures per second", seconds, CORES)
        judge("by CPU time", worked, 1)
        print("\nresident memory while JPEG records are streamed")
        for pictures, megabytes in memory(jpeg, given.memory):
            print(f"  after {pictures:8,} pictures {megabytes:8.0f} MB")


if __name__ == "__main__":
    main()
