"""A run that is killed many times, against one that is not.

python benchmarks/kill_and_resume.py [--kills=20] [--seed=0] [-- FLAG ...]

Trains twice with the same flags: once undisturbed, and once by a command that is
ended by SIGKILL at a random moment of a step, a checkpoint's writing, an evaluation
or an export, and given again, until all kills are spent. Then compares every value
of the last checkpoints bit by bit, and metrics.csv but for its two timings. Flags
after `--` go to training, as in

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
)
_CHECKPOINT_STEPS = 3


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


def child(phase: str, nth: int, share: float, flags: list[str]) -> None:
    """Trains, and dies in the `nth` call of a phase, a `share` of it being done."""
    from keras_alexnet import commands
    from keras_alexnet.evaluation import Evaluator
    from keras_alexnet.training import checkpoints, loop, trainer

    places: dict[str, tuple[Any, str]] = {
        "step": (loop.Loop, "_step"),
        "checkpoint": (checkpoints.Checkpoints, "save"),
        "evaluation": (Evaluator, "evaluate"),
        "export": (trainer, "export_saved_model"),
    }
    if phase in places:
        owner, name = places[phase]
        setattr(owner, name, _deadly(getattr(owner, name), phase, nth, share))
    commands.main(["keras-alexnet", "train", *flags])


def _deadly(call: Callable, phase: str, nth: int, share: float) -> Callable:
    typical = {"step": 0.1, "checkpoint": 0.3, "evaluation": 0.3, "export": 4.0}
    calls = []

    def dying(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == nth:
            print(f"dies in {phase}", flush=True)
            delay = share * typical[phase]
            threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
        began = time.perf_counter()
        result = call(*arguments, **named)
        if len(calls) > 1:  # The first one is traced, which takes longer.
            typical[phase] = time.perf_counter() - began
        return result

    return dying


def start(phase: str, nth: int, share: float, flags: list[str]) -> tuple[int, str]:
    """Gives the command once; returns its exit code and its output."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", phase, str(nth), str(share), *flags],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(done.stderr)
    return done.returncode, done.stdout


def killed_run(flags: list[str], kills: int, draw: random.Random) -> dict[str, int]:
    """Gives the command until it ends by itself; returns the kills by phase."""
    spent = dict.fromkeys(PHASES, 0)
    while sum(spent.values()) < kills:
        # Exports come last: no other phase is left when the first of them is reached.
        left = kills // len(PHASES)
        phase = draw.choice(
            [each for each in PHASES[:3] if spent[each] < left] or PHASES[3:]
        )
        nth = draw.randint(1, 2 * _CHECKPOINT_STEPS) if phase == "step" else 1
        nth = 2 if phase == "checkpoint" else nth  # so that every start gets further
        code, output = start(phase, nth, draw.random(), flags)
        if code == 0:
            break
        spent[phase] += 1
        print(f"  {sum(spent.values()):2} killed: {_last(output)}", flush=True)
    start("none", 0, 0, flags)
    return spent


def _last(output: str) -> str:
    lines = [line for line in output.splitlines() if line.startswith(("taken", "dies"))]
    return ", ".join(lines)


def differences(one: Path, other: Path) -> list[str]:
    """What differs between two finished runs."""
    import tensorflow as tf

    found = []
    for name in ("metrics.csv",):
        if _rows(one / name) != _rows(other / name):
            found.append(name)
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
        start("none", 0, 0, both[0])
        spent = killed_run(both[1], options.kills, random.Random(options.seed))
        print(f"killed in {spent}, {sum(spent.values())} in all")
        found = differences(*runs)
    print(f"differ: {found}" if found else "bit-identical, and so is metrics.csv")
    sys.exit(bool(found))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:])
    else:
        main()
