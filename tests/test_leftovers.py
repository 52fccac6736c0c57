"""What killed processes leave is removed; what anybody else has put there is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import keras
import pytest

import keras_alexnet
from keras_alexnet import files

HELD = """
import os, sys
from pathlib import Path
from keras_alexnet import files
with files.whole_directory(Path(sys.argv[1]) / "7") as begun:
    print(begun.name, flush=True)
    sys.stdin.read()
"""


@pytest.mark.compat
def test_only_leftovers_of_killed_processes_are_removed(tmp_path: Path) -> None:
    """Names that others chose stay, and so does what a process is still writing."""
    mine = (".env.template", ".notes.markdown", ".keras_alexnet", ".x.a1b2c3d4")
    for name in mine:
        (tmp_path / name).write_text("mine")
    (tmp_path / ".git.directory").mkdir()
    living = subprocess.Popen(
        [sys.executable, "-c", HELD, str(tmp_path)],
        # Where the package lies that is being tested.
        cwd=Path(files.__file__).parent.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert living.stdout is not None
    held = living.stdout.readline().strip()
    (tmp_path / f"{files.PREFIX}metrics.csv.a1b2c3d4").write_text("beg")
    (tmp_path / f"{files.PREFIX}1.x_ytl4t5" / "variables").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (tmp_path / f"{files.PREFIX}link").symlink_to(outside)
    files.remove_leftovers(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    link = f"{files.PREFIX}link"
    assert left == {*mine, ".git.directory", held, "outside", link}
    living.kill()
    living.communicate()
    files.remove_leftovers(tmp_path)
    assert held not in {path.name for path in tmp_path.iterdir()}


def test_a_killed_exports_leftover_goes_with_the_next_export(tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    begun = tmp_path / f"{files.PREFIX}1.x_ytl4t5"
    begun.mkdir()
    (tmp_path / ".1.notes1234").mkdir()
    keras_alexnet.export.export_saved_model(
        model, tmp_path, class_names=["a", "b"], preprocessing="paper", warmup=False
    )
    assert {path.name for path in tmp_path.iterdir()} == {"1", ".1.notes1234"}
