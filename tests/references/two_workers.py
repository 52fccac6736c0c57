"""Two workers, each a process on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import subprocess
from collections.abc import Iterator

LATE = 180  # seconds, where seconds are expected: this machine may have other work


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
def started(
    command: list[str], environments: list[dict[str, str]]
) -> Iterator[list[subprocess.Popen]]:
    """A process of the command in each of the environments; at the end none is left."""
    begun = [
        subprocess.Popen(
            command,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for own in environments
    ]
    try:
        yield begun
    finally:
        for process in begun:
            process.kill()
            process.communicate()


def await_line(process: subprocess.Popen, text: str) -> None:
    """Waits until it prints a line that begins so."""
    for line in process.stdout:
        if line.strip().startswith(text):
            return
    raise AssertionError(process.stderr.read()[-2000:])


def ended(process: subprocess.Popen) -> str:
    """What it printed; it must have ended well."""
    out, errors = process.communicate(timeout=LATE)
    assert process.returncode == 0, errors[-2000:]
    return out
