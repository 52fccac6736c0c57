"""The other libraries of `run.py`, in an environment of their own.

It asks in lines of JSON: `do` is `versions`, `first` (build and run a case), `calls`
(run it `count` times) or `forget`; a case is `who`, `task`, `precision` and `batch`.
The answer is a line with `value`, of a call in milliseconds, or with `fault`.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

SIDE, CLASSES = 227, 1000
PACKAGES = ("torch", "openvino", "onnxruntime", "jax")
RATE, MOMENTUM, DECAY = 1e-4, 0.9, 5e-4


def pictures(batch: int) -> np.ndarray:
    """Channels first."""
    drawn = np.random.default_rng(0).normal(0, 60, (batch, 3, SIDE, SIDE))
    return drawn.astype(np.float32)


def of_torch(way: str, task: str, precision: str, batch: int) -> Callable[[], object]:
    import torch
    from torch_network import network

    narrow = precision == "bfloat16"
    x = torch.from_numpy(pictures(batch))
    labels = torch.randint(CLASSES, (batch,))
    model = network().train(task == "training")
    if narrow and task == "inference":
        model, x = model.to(torch.bfloat16), x.to(torch.bfloat16)
    if way != "eager":
        model = model.to(memory_format=torch.channels_last)
        x = x.to(memory_format=torch.channels_last)
    called = torch.compile(model) if way == "compiled" else model

    def infer() -> object:
        with torch.inference_mode():
            return called(x)

    optimizer = torch.optim.SGD(model.parameters(), RATE, MOMENTUM, weight_decay=DECAY)
    loss = torch.nn.CrossEntropyLoss()

    def train() -> object:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
            value = loss(called(x), labels)
        value.backward()
        optimizer.step()
        return value.item()

    return infer if task == "inference" else train


def of_openvino(task: str, precision: str, batch: int) -> Callable[[], object]:
    import openvino

    core = openvino.Core()
    model = core.read_model(sys.argv[1])
    model.reshape([batch, 3, SIDE, SIDE])
    hints = {"float32": "f32", "bfloat16": "bf16"}
    settings = {
        "INFERENCE_PRECISION_HINT": hints[precision],
        "PERFORMANCE_HINT": "LATENCY",  # all cores for one request
    }
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    x = pictures(batch)
    return lambda: request.infer([x], share_inputs=True)


def of_onnxruntime(task: str, precision: str, batch: int) -> Callable[[], object]:
    import onnxruntime

    if precision != "float32":
        raise NotImplementedError("its kernels for CPUs have no bfloat16")
    session = onnxruntime.InferenceSession(
        sys.argv[1], providers=["CPUExecutionProvider"]
    )
    name, x = session.get_inputs()[0].name, pictures(batch)
    return lambda: session.run(None, {name: x})


def of_jax(task: str, precision: str, batch: int) -> Callable[[], object]:
    import jax
    from jax_network import loss, new_weights, scores

    kind = jax.numpy.dtype(precision)
    weights = new_weights(jax.random.key(0))
    x = jax.numpy.asarray(pictures(batch).transpose(0, 2, 3, 1), kind)
    if task == "inference":
        held = jax.tree.map(lambda each: each.astype(kind), weights)
        run = jax.jit(lambda held, x: scores(held, x))
        return lambda: run(held, x).block_until_ready()
    labels = jax.random.randint(jax.random.key(1), (batch,), 0, CLASSES)
    velocities = jax.tree.map(jax.numpy.zeros_like, weights)

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def step(weights: Any, velocities: Any, key: Any) -> tuple:
        value, gradients = jax.value_and_grad(loss)(weights, x, labels, key, kind)
        velocities = jax.tree.map(
            lambda v, g, w: MOMENTUM * v + g + DECAY * w,
            *(velocities, gradients, weights),
        )
        weights = jax.tree.map(lambda w, v: w - RATE * v, weights, velocities)
        return weights, velocities, value

    state = [weights, velocities]

    def train() -> object:
        *state[:], value = step(*state, jax.random.key(2))
        return float(value)

    return train


LIBRARIES: dict[str, Callable[..., Callable[[], object]]] = {
    "torch eager": functools.partial(of_torch, "eager"),
    "torch channels last": functools.partial(of_torch, "channels last"),
    "torch.compile": functools.partial(of_torch, "compiled"),
    "OpenVINO": of_openvino,
    "ONNX Runtime": of_onnxruntime,
    "JAX": of_jax,
}


@functools.cache
def case(who: str, task: str, precision: str, batch: int) -> Callable[[], object]:
    return LIBRARIES[who](task, precision, batch)


def milliseconds(count: int, run: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(count):
        run()
    return 1e3 * (time.perf_counter() - began) / count


def answer(do: str, count: int = 1, **what: Any) -> Any:
    if do == "versions":
        return {name: version(name) for name in PACKAGES}
    if do == "forget":
        return case.cache_clear()
    if do == "first":
        return milliseconds(1, lambda: case(**what)())
    return milliseconds(count, case(**what))


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def main() -> None:
    # Libraries print too; answers go where they cannot.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        try:
            said = {"value": answer(**json.loads(line))}
        except Exception as error:  # of one library; the others go on
            said = {"fault": (str(error) or type(error).__name__).splitlines()[0]}
        print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    main()
