"""The workers of a run, by `TF_CONFIG` or the variables of Slurm."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

import tensorflow as tf

_ROLES = ("chief", "worker")
_GRAMMAR = (
    '{"cluster": {"worker": ["HOST:PORT", ...]}, '
    '"task": {"type": "worker", "index": 0}}'
)
# Slurm assigns no ports. Those of a job follow from its number, so that two jobs on a
# node seldom use the same, and are below the ports of clients on Linux (from 32768).
_FIRST_PORT, _JOBS, _PORTS_OF_A_JOB = 12_000, 1_000, 20


class Workers(NamedTuple):
    """The workers of a run, one process each.

    Args:
        addresses: `HOST:PORT` of each; the first is the chief.
        own: Index of this process among them.
    """

    addresses: tuple[str, ...]
    own: int


def find_workers() -> Workers | None:
    """The workers that the environment names, `TF_CONFIG` before Slurm.

    A chief in `TF_CONFIG` is the first worker, as in TensorFlow. In a Slurm step every
    task is a worker, in the order of `SLURM_PROCID`.

    Returns:
        The workers, of which there may be only one, or None if none are named.

    Raises:
        ValueError: If `TF_CONFIG` or the variables of Slurm are malformed.

    Example:

    >>> find_workers()  # doctest: +SKIP
    Workers(addresses=('a:2222', 'b:2222'), own=1)
    """
    if os.environ.get("TF_CONFIG"):
        return _of_tf_config(os.environ["TF_CONFIG"])
    if os.environ.get("SLURM_STEP_NUM_TASKS", "1") != "1":
        return _of_slurm()
    return None


def _of_tf_config(text: str) -> Workers | None:
    try:
        config = json.loads(text)
    except ValueError as error:
        raise _refused(f"{error}", text) from error
    if not isinstance(config, dict):
        raise _refused("no JSON object", text)
    cluster = config.get("cluster")
    if not cluster:
        return None
    addresses = _addresses(cluster, text)
    kind, index = _task(config.get("task"), text)
    own = cluster.get(kind, [])
    if not 0 <= index < len(own):
        raise _refused(f"the cluster has no {kind} {index}", text)
    return Workers(addresses, addresses.index(own[index]))


def _addresses(cluster: Any, text: str) -> tuple[str, ...]:
    """The addresses of chief and workers, in TensorFlow's order."""
    if not isinstance(cluster, dict):
        raise _refused("cluster is no JSON object", text)
    others = sorted(set(cluster) - set(_ROLES))
    if others:
        raise _refused(f"a run has no {others[0]}, only a chief and workers", text)
    if not all(isinstance(each, list) for each in cluster.values()):
        raise _refused("addresses are no list", text)
    addresses = [each for role in _ROLES for each in cluster.get(role, [])]
    for address in addresses:
        host, _, port = str(address).rpartition(":")
        if not (isinstance(address, str) and host and port.isdecimal()):
            raise _refused(f"{address!r} is no HOST:PORT", text)
    if len(cluster.get("chief", [])) > 1 or len(set(addresses)) < len(addresses):
        raise _refused("there is one chief at most, and no address twice", text)
    return tuple(addresses)


def _task(task: Any, text: str) -> tuple[str, int]:
    task = task if isinstance(task, dict) else {}
    kind, index = task.get("type"), task.get("index")
    # TensorFlow's own resolver accepts "1" for 1 too.
    if kind not in _ROLES or not str(index).isdecimal():
        raise _refused("no task with type and index", text)
    return kind, int(index)


def _refused(why: str, text: str) -> ValueError:
    shown = " ".join(text.split())
    return ValueError(f"TF_CONFIG must be {_GRAMMAR}. Received: {shown!r} ({why})")


def _of_slurm() -> Workers:
    try:
        tasks = _tasks_of_nodes()
        index = int(os.environ["SLURM_PROCID"])
        job = int(os.environ["SLURM_JOB_ID"])
    except (RuntimeError, KeyError, ValueError) as error:
        raise ValueError(
            "in a Slurm step SLURM_PROCID, SLURM_JOB_ID, SLURM_STEP_NODELIST and "
            "SLURM_STEP_TASKS_PER_NODE must be as srun sets them; start with srun, or "
            f"set TF_CONFIG. Received: {' '.join(str(error).split())}"
        ) from error
    nodes = [node for node, count in tasks.items() for _ in range(count)]
    _check_place(index, nodes)
    first = _FIRST_PORT + job % _JOBS * _PORTS_OF_A_JOB
    ports = [first + task for count in tasks.values() for task in range(count)]
    pairs = zip(nodes, ports, strict=True)
    return Workers(tuple(f"{node}:{port}" for node, port in pairs), index)


def _check_place(index: int, nodes: list[str]) -> None:
    """Raises ValueError unless this task is on the node that the order implies."""
    there = os.environ.get("SLURMD_NODENAME")
    if index >= len(nodes) or (there and there != nodes[index]):
        raise ValueError(
            "tasks must fill one node after the other; use srun --distribution=block. "
            f"Received: task {index} on {there}, with tasks for {nodes}"
        )


def _tasks_of_nodes() -> dict[str, int]:
    """Number of tasks of each node, in the order of Slurm.

    The resolver's own `cluster_spec()` is not used: it asks nvidia-smi, divides by the
    number of GPUs, and sorts nodes by their letters, n10 before n2.
    """
    resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
        gpus_per_node=0, gpus_per_task=0, auto_set_gpu=False
    )
    return resolver._resolve_task_configuration()
