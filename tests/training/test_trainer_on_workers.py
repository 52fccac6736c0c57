"""`train` on two workers: one is killed, one is asked to stop, and nothing is lost."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from finished_runs import TIMINGS, confused, quiet, rows
from two_workers import LATE, await_line, by_slurm, by_tf_config, ended, started

from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.training.stopping import STOPPED

PROGRAM = """
import sys
from keras_alexnet import commands
commands.main(["keras-alexnet", "train", *sys.argv[1:]])
"""


def both(
    config: TrainingConfig,
    environments: Callable[[], list[dict[str, str]]] = by_tf_config,
) -> AbstractContextManager[list[subprocess.Popen]]:
    """Two workers of one run."""
    flags = config.as_flags().splitlines()
    return started([sys.executable, "-c", PROGRAM, *flags], environments())


@pytest.mark.compat
def test_two_workers_lose_nothing_and_are_as_one(
    config: TrainingConfig, tmp_path: Path, narrow: Callable[[str], str]
) -> None:
    config = dataclasses.replace(
        config,
        # Batch normalisation makes the workers exchange sums in the forward pass too.
        architecture=narrow("modern"),
        epochs=5,
        learning_rate=0.001,
        steps_per_call=2,
        checkpoint_steps=None,
        export_dir=str(tmp_path / "export"),
    )
    with both(config) as (chief, other):
        await_line(chief, "epoch 1/5")
        other.kill()
        _, errors = chief.communicate(timeout=LATE)
        assert chief.returncode == 2
        assert errors.strip().splitlines()[-1].startswith("train: all workers must run")
        assert "Received: worker 1 (127.0.0.1:" in errors
    with both(config, by_slurm) as (chief, other):
        await_line(chief, "resumed after step ")
        await_line(chief, "epoch ")
        other.send_signal(signal.SIGTERM)
        last = [process.communicate(timeout=LATE)[1] for process in (chief, other)]
        assert [chief.returncode, other.returncode] == [STOPPED] * 2
    assert "stopped by another worker after step " in last[0]
    assert "stopped by SIGTERM after step " in last[1]
    config = dataclasses.replace(config, epochs=6)  # one more, on which all agree
    with both(config) as processes:
        first, second = (ended(process) for process in processes)
    assert "resumed after step" in first
    assert ": rate 0.001 to the end\n" in first
    assert second.startswith("worker 1 of 2: ")

    assert [path.name for path in (tmp_path / "export").iterdir()] == ["1"]
    assert confused(config.model_dir) == [3, 3, 3]
    assert (Path(config.model_dir) / "confusion.png").is_file()

    alone = dataclasses.replace(
        config,
        model_dir=str(tmp_path / "alone"),
        export_dir=None,
        steps_per_call=1,
    )
    Trainer(alone, quiet()).fit()
    pairs = zip(rows(config.model_dir), rows(alone.model_dir), strict=True)
    for found, expected in pairs:
        for name in expected.keys() - set(TIMINGS):
            assert float(found[name]) == pytest.approx(float(expected[name]), rel=1e-4)
