"""The workers of a run, and their rendezvous before they start."""

from __future__ import annotations

import json
import re
import socket
import threading

import pytest
import tensorflow as tf

from keras_alexnet.training.workers.environment import Workers, find_workers
from keras_alexnet.training.workers.rendezvous import rendezvous

SLURM = {
    "SLURM_JOB_ID": "4711",
    "SLURM_PROCID": "2",
    "SLURM_STEP_NUM_TASKS": "4",
    "SLURM_STEP_NODELIST": "gpu[2,10],cpu7",
    "SLURM_STEP_TASKS_PER_NODE": "2,1(x2)",
    "SLURMD_NODENAME": "gpu10",
}


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cluster is named but by the test."""
    for name in ("TF_CONFIG", *SLURM):
        monkeypatch.delenv(name, raising=False)


def tf_config(cluster: object, task: object) -> str:
    return json.dumps({"cluster": cluster, "task": task})


def refusal() -> str:
    with pytest.raises(ValueError, match="Received: ") as caught:
        find_workers()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.compat
def test_workers_are_those_of_tf_config(monkeypatch: pytest.MonkeyPatch) -> None:
    roles = {"worker": ["b:1", "c:1"], "chief": ["a:1"]}
    for index, task in enumerate([("chief", 0), ("worker", 0), ("worker", "1")]):
        config = tf_config(roles, dict(zip(("type", "index"), task, strict=True)))
        monkeypatch.setenv("TF_CONFIG", config)
        assert find_workers() == Workers(("a:1", "b:1", "c:1"), index)
        theirs = tf.distribute.cluster_resolver.TFConfigClusterResolver()
        assert theirs.cluster_spec().as_dict() == roles
    for empty in ("{}", '{"cluster": {}}', ""):
        monkeypatch.setenv("TF_CONFIG", empty)
        assert find_workers() is None


TWO, TASK = {"worker": ["a:1", "b:1"]}, {"type": "worker", "index": 0}


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ("{", "Expecting"),
        ("[1]", "no JSON object"),
        (tf_config(["a:1"], TASK), "cluster is no JSON object"),
        (tf_config({"worker": "a:1"}, TASK), "addresses are no list"),
        (tf_config(TWO, None), "no task with type"),
        (tf_config(TWO, {"type": "worker"}), "no task with type"),
        (tf_config(TWO, {"type": "worker", "index": -1}), "no task with type"),
        (tf_config(TWO, {"type": "worker", "index": 2}), "the cluster has no worker 2"),
        (tf_config(TWO, {"type": "chief", "index": 0}), "the cluster has no chief 0"),
        (tf_config({**TWO, "ps": ["c:1"]}, TASK), "a run has no ps"),
        (tf_config({**TWO, "evaluator": ["c:1"]}, TASK), "a run has no evaluator"),
        (
            tf_config({**TWO, "chief": ["c:1", "d:1"]}, TASK),
            "there is one chief at most",
        ),
        (
            tf_config({"worker": ["a:1", "a:1"]}, TASK),
            "there is one chief at most, and no",
        ),
        (tf_config({"worker": ["a", "b:1"]}, TASK), "'a' is no HOST:PORT"),
    ],
)
def test_a_malformed_tf_config_is_one_line(
    monkeypatch: pytest.MonkeyPatch, config: str, why: str
) -> None:
    monkeypatch.setenv("TF_CONFIG", config)
    assert f"({why}" in refusal()


@pytest.fixture
def slurm(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.compat
def test_workers_are_the_tasks_of_slurm(slurm: pytest.MonkeyPatch) -> None:
    found = find_workers()
    assert found is not None
    assert found.own == 2
    hosts, ports = zip(*(each.split(":") for each in found.addresses), strict=True)
    assert hosts == ("gpu2", "gpu2", "gpu10", "cpu7")
    first = int(ports[0])
    assert [int(port) - first for port in ports] == [0, 1, 0, 0]
    slurm.setenv("SLURM_STEP_NUM_TASKS", "1")
    assert find_workers() is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SLURM_STEP_NODELIST", "gpu[2", "as srun sets them.*Invalid hostlist"),
        ("SLURM_STEP_TASKS_PER_NODE", "x", "as srun sets them"),
        ("SLURM_PROCID", None, "SLURM_PROCID"),
        ("SLURM_PROCID", "9", "one node after the other.*task 9"),
        ("SLURMD_NODENAME", "cpu7", "distribution=block.*task 2 on cpu7"),
    ],
)
def test_slurm_must_have_set_all(
    slurm: pytest.MonkeyPatch, name: str, value: str | None, message: str
) -> None:
    slurm.setenv(name, value) if value else slurm.delenv(name)
    assert re.search(message, refusal())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def verdicts_of(
    settings: list[dict[str, str]], seconds: float, expected: int
) -> list[str]:
    """The verdicts of workers in threads, where `expected` of them are named."""
    addresses = tuple(f"127.0.0.1:{free_port()}" for _ in range(expected))
    verdicts = ["" for _ in settings]

    def come(index: int) -> None:
        try:
            rendezvous(Workers(addresses, index), settings[index], seconds)
        except ValueError as error:
            verdicts[index] = str(error)

    threads = [
        threading.Thread(target=come, args=[each]) for each in range(len(settings))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return verdicts


@pytest.mark.compat
def test_workers_meet() -> None:
    assert verdicts_of([{"seed": "1"}] * 3, 60, expected=3) == [""] * 3


def test_all_hear_who_was_started_otherwise() -> None:
    settings = [{"seed": "1"}, {"seed": "1"}, {"seed": "2"}]
    first, *others = verdicts_of(settings, 60, expected=3)
    assert "Received: seed=2 on worker 2, seed=1 on worker 0" in first
    assert others == [first] * 2


def test_all_hear_who_did_not_come() -> None:
    first, second = verdicts_of([{}, {}], 3, expected=3)
    assert "within 3 s of each other" in first
    assert "nothing from worker 2 (127.0.0.1:" in first
    assert second.startswith("all workers must be started within 3 s")


def test_the_first_may_be_missing() -> None:
    workers = Workers((f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"), 1)
    with pytest.raises(ValueError, match="nothing from worker 0"):
        rendezvous(workers, {}, 0.3)


def test_two_workers_cannot_have_one_index() -> None:
    with socket.create_server(("", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ValueError, match=f"'{address}' for worker 0"):
            rendezvous(Workers((address, "127.0.0.1:9"), 0), {}, 0.1)
