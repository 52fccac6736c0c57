"""A task by each library, in turns: those of this process, and those of another."""

from __future__ import annotations

import gc
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from network import SIDE, inference, stock_network, training

from keras_alexnet import AlexNet
from keras_alexnet.half_precision import in_half_precision

TASKS = ("inference", "training")
PRECISIONS = ("float32", "bfloat16")
OURS = "keras_alexnet"
_TORCH = ("torch eager", "torch channels last", "torch.compile")
PEERS = {
    "inference": (*_TORCH, "OpenVINO", "ONNX Runtime", "JAX"),
    "training": (*_TORCH, "JAX"),
}
TURN = 0.05  # seconds that a turn takes at least: a call may be shorter than noise


class Row(NamedTuple):
    """A line of the table.

    Args:
        task: Of `TASKS`.
        precision: Of `PRECISIONS`.
        batch: Pictures in a call.
        who: The library.
        first: Milliseconds of the first call, which traces and compiles.
        turns: Milliseconds of a call in each turn; empty if it does not run.
        fault: Why it does not run.
    """

    task: str
    precision: str
    batch: int
    who: str
    first: float = 0.0
    turns: tuple[float, ...] = ()
    fault: str = ""

    @property
    def median(self) -> float:
        return float(np.median(self.turns))

    def __str__(self) -> str:
        if self.fault:
            return self.fault
        low, high = np.percentile(self.turns, [10, 90])
        rate = 1e3 * self.batch / self.median
        return f"{self.median:.1f} ms [{low:.1f}–{high:.1f}], {rate:.0f}/s"


class Here:
    """A case that runs in this process."""

    def __init__(self, build: Callable[[], Callable[[], object]]) -> None:
        self._build = build

    def first(self) -> float:
        began = time.perf_counter()
        self._run = self._build()
        self._run()
        return 1e3 * (time.perf_counter() - began)

    def calls(self, count: int) -> float:
        """Milliseconds of a call, on average over these."""
        began = time.perf_counter()
        for _ in range(count):
            self._run()
        return 1e3 * (time.perf_counter() - began) / count


class Peers:
    """The process of the other libraries: one line asked, one answered, in JSON."""

    def __init__(self, python: str, onnx: Path) -> None:
        script = Path(__file__).with_name("run_peers.py")
        self._process = subprocess.Popen(
            [python, str(script), str(onnx)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **question: Any) -> Any:
        self._process.stdin.write(f"{json.dumps(question)}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of the peers has ended at {question}")
        answer = json.loads(line)
        if "fault" in answer:
            raise NotImplementedError(answer["fault"])
        return answer["value"]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


class There:
    """A case that runs in the process of the peers."""

    def __init__(self, peers: Peers, **what: Any) -> None:
        self._peers, self._what = peers, what

    def first(self) -> float:
        return self._peers.ask(do="first", **self._what)

    def calls(self, count: int) -> float:
        return self._peers.ask(do="calls", count=count, **self._what)


def of_tensorflow(task: str, precision: str, batch: int) -> Iterator[tuple[str, Here]]:
    """The cases of this process."""
    x = tf.random.stateless_normal([batch, SIDE, SIDE, 3], [0, 1]) * 60
    measured = inference if task == "inference" else training

    def ours() -> Callable[[], object]:
        options = {"input_shape": (SIDE, SIDE, 3), "classifier_activation": None}
        if task == "inference" and precision == "bfloat16":
            return measured(in_half_precision(AlexNet(**options), precision), x)
        with_policy(task, precision)
        return measured(AlexNet(**options), x)

    def stock(compiled: bool) -> Callable[[], object]:
        with_policy(task, precision)
        return measured(stock_network(), x, compiled or None)

    yield OURS, Here(ours)
    yield "stock Keras", Here(lambda: stock(False))
    yield "stock Keras, XLA", Here(lambda: stock(True))


def with_policy(task: str, precision: str) -> None:
    """The policy for new layers: for inference in 16 bits, weights are held in them."""
    mixed = task == "training" and precision == "bfloat16"
    policy = "mixed_bfloat16" if mixed else precision
    keras.mixed_precision.set_global_policy(policy)


def rows(
    task: str, precision: str, batch: int, peers: Peers | None, repetitions: int
) -> Iterator[Row]:
    """All libraries on one task, in turns."""
    cases: dict[str, Here | There] = dict(of_tensorflow(task, precision, batch))
    what = {"task": task, "precision": precision, "batch": batch}
    first, counts, faults = {}, {}, {}
    if peers is None:
        faults = dict.fromkeys(PEERS[task], "not measured: --peers is not given")
    else:
        for who in PEERS[task]:
            cases[who] = There(peers, who=who, **what)
    for who, case in cases.items():
        try:
            first[who] = case.first()
            counts[who] = max(1, int(TURN / (case.calls(1) / 1e3)))
        except (NotImplementedError, tf.errors.OpError) as error:
            faults[who] = str(error).splitlines()[0][:120]
    turns: dict[str, list[float]] = {who: [] for who in counts}
    for _ in range(repetitions):
        for who, count in counts.items():
            # Threads of the library before may still spin, and those of this one sleep.
            cases[who].calls(count)
            turns[who].append(cases[who].calls(count))
    for who in dict.fromkeys([*cases, *faults]):
        if who in faults:
            yield Row(**what, who=who, fault=faults[who])
        else:
            yield Row(**what, who=who, first=first[who], turns=tuple(turns[who]))
    if peers is not None:
        peers.ask(do="forget")
    keras.mixed_precision.set_global_policy("float32")
    keras.backend.clear_session()
    gc.collect()
