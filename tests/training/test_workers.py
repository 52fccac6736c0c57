"""Two workers, each a process, on this machine: they train as one, and end as one."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet import architectures

PROGRAM = Path(__file__).with_name("worker.py")
LATE = 60  # seconds, where seconds are expected: this machine may have other work


def free(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_server(("", port)):
        return True
    return False


def by_tf_config() -> list[dict[str, str]]:
    """The environment of each of two workers."""
    # No ports that the system may give to a connection meanwhile.
    ports = list(filter(free, random.sample(range(15_000, 32_000), 20)))[:2]
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    tasks = [{"type": "worker", "index": index} for index in range(2)]
    return [{"TF_CONFIG": json.dumps({"cluster": cluster, "task": t})} for t in tasks]


def by_slurm() -> list[dict[str, str]]:
    """The same, as of two tasks of Slurm on one node."""
    jobs = random.sample(range(1000), 20)
    job = next(job for job in jobs if all(map(free, (p := 12_000 + 20 * job, p + 1))))
    step = {
        "SLURM_JOB_ID": str(job),
        "SLURM_STEP_NUM_TASKS": "2",
        "SLURM_STEP_NODELIST": "localhost",
        "SLURM_STEP_TASKS_PER_NODE": "2",
    }
    return [{**step, "SLURM_PROCID": str(index)} for index in range(2)]


@contextlib.contextmanager
def workers(
    *arguments: str, told: Callable[[], list[dict[str, str]]] = by_tf_config
) -> Iterator[list[subprocess.Popen]]:
    """Two workers that run `worker.py` with these arguments."""
    begun = [
        subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments],
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for own in told()
    ]
    try:
        yield begun
    finally:
        for process in begun:
            process.kill()
            process.communicate()


def await_line(process: subprocess.Popen, text: str) -> None:
    for line in process.stdout:
        if line.strip() == text:
            return
    raise AssertionError(process.stderr.read()[-2000:])


def ended(process: subprocess.Popen) -> str:
    """What it printed; it must have ended well."""
    out, errors = process.communicate(timeout=LATE)
    assert process.returncode == 0, errors[-2000:]
    return out


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`worker.py`, to run it in this process; what it replaces is put back."""
    paper = architectures.get("paper")
    monkeypatch.setitem(architectures._ARCHITECTURES, "paper", paper)
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
    ("victim", "told"),
    # The other way round it may be the heartbeat, after ten seconds, that tells.
    [pytest.param(0, by_slurm, marks=pytest.mark.compat), (1, by_tf_config)],
)
def test_a_killed_worker_ends_the_other(victim: int, told: Callable) -> None:
    with workers("run", told=told) as both:
        for process in both:
            await_line(process, "running")
        both[victim].kill()
        _, errors = both[1 - victim].communicate(timeout=LATE)
        assert both[1 - victim].returncode == 1
    message = errors.strip().splitlines()[-1]
    assert message.startswith("all workers must run to the end; mend what ended")
    assert f"Received: worker {victim} (" in message
