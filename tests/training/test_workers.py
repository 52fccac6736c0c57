"""Two workers, each a process, on this machine: they train as one, and end as one."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import tensorflow as tf
from two_workers import LATE, await_line, by_slurm, by_tf_config, ended, started

PROGRAM = Path(__file__).with_name("worker.py")


def workers(
    *arguments: str, environments: Callable[[], list[dict[str, str]]] = by_tf_config
) -> AbstractContextManager[list[subprocess.Popen]]:
    """Two workers that run `worker.py` with these arguments."""
    return started([sys.executable, str(PROGRAM), *arguments], environments())


@pytest.fixture
def program() -> ModuleType:
    """`worker.py`, to run it in this process."""
    spec = importlib.util.spec_from_file_location("worker", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.compat
def test_two_workers_train_as_one(program: ModuleType) -> None:
    with workers("learn") as both:
        alone = program.losses(tf.distribute.get_strategy())
        first, second = (json.loads(ended(process)) for process in both)
    assert first == second
    np.testing.assert_allclose(first, alone, rtol=1e-5)
    assert np.ptp(alone) > 0.015  # the steps have moved it, by far more than that


@pytest.mark.compat
def test_workers_agree_and_stop_at_the_same_step(tmp_path: Path) -> None:
    with workers("agree", str(tmp_path)) as both:
        first, second = (json.loads(process.stdout.readline()) for process in both)
        for process in both:
            await_line(process, "running")
        both[1].send_signal(signal.SIGTERM)
        last, same = (ended(process) for process in both)
    assert last == same
    assert last.startswith("stopped after step ")

    for line in (first, second):
        assert line["gathered"] == [10, 11]
        assert line["same"] == line["shared"] == ""
        assert line["other"] == (
            "step must be the same for all workers. Received: [7, 8] on workers 0 to 1"
        )
        assert "where worker(s) [1] do not find" in line["apart"]
        assert line["wrote"] == ["mean.data-00000-of-00001", "mean.index"]
    assert (first["found"], second["found"]) == (False, True)
    assert (first["stays"], second["stays"]) == (True, False)
    assert first["seen"] == [[0, 1, 2, 3], [8, 9, 10, 11]]
    assert second["seen"] == [[4, 5, 6, 7], [12, 13, 14, 15]]
    saved = tf.train.load_checkpoint(str(tmp_path / "run" / "mean"))
    assert saved.get_tensor("mean/.ATTRIBUTES/VARIABLE_VALUE") == 2.0
    assert not list(tmp_path.glob("*/.workers.*"))


@pytest.mark.parametrize(
    ("victim", "environments"),
    # The other way round it may be the heartbeat, after ten seconds, that tells.
    [pytest.param(0, by_slurm, marks=pytest.mark.compat), (1, by_tf_config)],
)
def test_a_killed_worker_ends_the_other(victim: int, environments: Callable) -> None:
    with workers("run", environments=environments) as both:
        for process in both:
            await_line(process, "running")
        both[victim].kill()
        _, errors = both[1 - victim].communicate(timeout=LATE)
        assert both[1 - victim].returncode == 1
    message = errors.strip().splitlines()[-1]
    assert message.startswith("all workers must run to the end; fix what ended")
    assert f"Received: worker {victim} (" in message
