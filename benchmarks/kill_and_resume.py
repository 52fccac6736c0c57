"""A run that is killed and resumed many times, against one that is not.

python benchmarks/kill_and_resume.py [--kills=20] [--seed=0] [-- FLAG ...]

Trains twice with the same flags: once undisturbed, and once by a command that is
killed (SIGKILL) at a random moment of a step, the writing of a checkpoint, an
evaluation or an export, and started again, until it was killed `--kills` times. Then
compares every value of the last checkpoints bit by bit, and metrics.csv except its two
columns of timings. Flags after `--` are passed to training, as in

python benchmarks/kill_and_resume.py -- --precision=mixed_bfloat16 --devices=CPU:0,CPU:1

Exits with 1 if anything differs. Writes to a directory of its own, which it removes.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PHASES = ("step", "checkpoint", "evaluation", "export")
TIMINGS = ("images_per_second", "data_wait")
_FLAGS = (
    "--image_size=64",
    "--batch_size=8",
    "--epochs=12",
    "--steps_per_epoch=8",
    "--checkpoint_steps=3",
    "--average=moving_average",
    "--deterministic",
    "--keep_optimizer",
)
_CHECKPOINT_STEPS = 3
# The kill comes within this fraction of a phase's usual time. An export that is done
# earlier would end the run, and nothing would be killed.
_SAFE = 0.7


def draw_pictures(root: Path) -> None:
    """Three classes of noisy colours, 40 and 8 pictures each."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 40), ("val", 8)):
        for label in range(3):
            folder = root / split / str(label)
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = rng.normal(90, 40, (80, 80, 3))
                pixels[..., label] += 30
                picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
                picture.save(folder / f"{index}.jpg")


def child(phase: str, nth: int, delay: float, flags: list[str]) -> None:
    """Trains, and kills itself `delay` seconds after the `nth` call of a phase begins.

    If it is not killed, it prints how long the calls of each phase took.
    """
    from keras_alexnet import commands
    from keras_alexnet.evaluation import Evaluator
    from keras_alexnet.training import checkpoints, finishing, loop

    places: dict[str, tuple[Any, str]] = {
        "step": (loop.Loop, "_step"),
        "checkpoint": (checkpoints.Checkpoints, "_write"),
        "evaluation": (Evaluator, "evaluate"),
        "export": (finishing, "export_saved_model"),
    }
    took: dict[str, list[float]] = {name: [] for name in places}
    for name, (owner, attribute) in places.items():
        killed = nth if name == phase else None
        call = getattr(owner, attribute)
        setattr(owner, attribute, _watched(call, name, took[name], killed, delay))
    try:
        commands.main(["keras-alexnet", "train", *flags])
    finally:
        for name, seconds in took.items():
            print("took", name, np.median(seconds or [0.0]), flush=True)


def _watched(
    call: Callable, phase: str, took: list[float], nth: int | None, delay: float
) -> Callable:
    def watched(*arguments: Any, **named: Any) -> Any:
        if len(took) + 1 == nth:
            print(f"to be killed in {phase}", flush=True)
            threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
        began = time.perf_counter()
        result = call(*arguments, **named)
        took.append(time.perf_counter() - began)
        return result

    return watched


def start(phase: str, nth: int, delay: float, flags: list[str]) -> tuple[int, str]:
    """Runs the command once; returns its exit code and its output."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", phase, str(nth), str(delay), *flags],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(done.stderr)
    return done.returncode, done.stdout


def killed_run(
    flags: list[str], kills: int, took: dict[str, float], draw: random.Random
) -> dict[str, int]:
    """Runs the command until it ends by itself; returns the kills by phase."""
    spent = dict.fromkeys(PHASES, 0)
    while sum(spent.values()) < kills:
        phase = _next(spent, kills, draw)
        # The second checkpoint, so that every start makes some progress.
        last = {"step": 2 * _CHECKPOINT_STEPS, "checkpoint": 2}.get(phase, 1)
        nth = draw.randint(1, last) if phase == "step" else last
        delay = _SAFE * draw.random() * took[phase]
        code, output = start(phase, nth, delay, flags)
        if code == 0:  # it finished before it was killed
            break
        spent[phase] += 1
        print(f"  {sum(spent.values()):2} killed: {_last(output)}", flush=True)
    start("none", 0, 0, flags)
    return spent


def _next(spent: dict[str, int], kills: int, draw: random.Random) -> str:
    """A phase to kill; exports are last, because they come when all steps are done."""
    left = [each for each in PHASES[:-1] if spent[each] < kills // len(PHASES)]
    return draw.choice(left or PHASES[-1:])


def _last(output: str) -> str:
    """Where the run was resumed, and in which phase it was killed."""
    starts = ("resumed", "to be killed")
    return ", ".join(line for line in output.splitlines() if line.startswith(starts))


def _took(output: str) -> dict[str, float]:
    """Seconds that a call of each phase takes, as `child` printed them."""
    lines = (line.split() for line in output.splitlines())
    return {words[1]: float(words[2]) for words in lines if words[:1] == ["took"]}


def differences(one: Path, other: Path) -> list[str]:
    """The names of what differs between two finished runs."""
    import tensorflow as tf

    alike = _rows(one / "metrics.csv") == _rows(other / "metrics.csv")
    found = [] if alike else ["metrics.csv"]
    readers = [
        tf.train.load_checkpoint(str(run / "checkpoints")) for run in (one, other)
    ]
    names = [set(reader.get_variable_to_shape_map()) for reader in readers]
    found += sorted(names[0] ^ names[1])
    for name in sorted(names[0] & names[1] - {"_CHECKPOINTABLE_OBJECT_GRAPH"}):
        values = [np.asarray(reader.get_tensor(name)) for reader in readers]
        if values[0].tobytes() != values[1].tobytes():
            found.append(name)
    print(f"  {len(names[0])} values of the last checkpoint compared")
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return [
            {name: value for name, value in row.items() if name not in TIMINGS}
            for row in csv.DictReader(file)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("flags", nargs="*")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        draw_pictures(root / "pictures")
        flags = [f"--data=folder:{root / 'pictures'}", *_FLAGS, *options.flags]
        runs = [root / "whole", root / "killed"]
        both = [
            [*flags, f"--model_dir={run}", f"--export_dir={run}-export"] for run in runs
        ]
        print("undisturbed", flush=True)
        _, output = start("none", 0, 0, both[0])
        draw = random.Random(options.seed)
        spent = killed_run(both[1], options.kills, _took(output), draw)
        print(f"killed in {spent}, {sum(spent.values())} of {options.kills}")
        found = differences(*runs)
    print(f"differ: {found}" if found else "bit-identical, and so is metrics.csv")
    sys.exit(bool(found))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:])
    else:
        main()
