"""AlexNet by each library that a person could take, and the limit of the machine.

python benchmarks/run.py [--quick] [--peers=PYTHON] [--only=inference] [--inter_op=1]
                         [--out=NAME]

Inference and a training step (gradients, SGD with momentum and decay, dropout) of
`paper` at 227×227, in batches of 1, 8, 64 and 128, in float32 and bfloat16, by

    keras_alexnet    this package
    stock Keras      the same network in Keras' own layers; also compiled by XLA
    torch            PyTorch: eager, channels last, and `torch.compile`
    OpenVINO and ONNX Runtime    inference, of our ONNX file
    JAX              the same network in `jax.lax`

The libraries take turns, so that noise of the machine affects all of them; before each
turn a library is called without being timed, until its threads are awake and those of
the one before are not. A cell shows the median with the 10th to 90th percentile of the
turns. `--inter_op` is how many threads TensorFlow has for ops that do not wait for each
other: a forward pass has hardly any, and the threads disturb those that compute.
`--peers` is the Python of an environment with those libraries (`pip install torch
openvino onnxruntime jax`), where `run_peers.py` runs; what is not installed is named.
What the machine could reach at all is measured in the same run (`roof.py`).
`--out=NAME` writes NAME.md and NAME.json. For GPUs there is `gpu.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from network import CLASSES, SIDE
from roof import Rates, Share, rates, shares
from tasks import OURS, PRECISIONS, TASKS, Peers, Row, rows, with_policy

import keras_alexnet
from keras_alexnet import AlexNet

BATCHES = (1, 8, 64, 128)
_FEATURES = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "asimd")


def ratios(found: Iterable[Row]) -> dict[str, tuple[str, float]]:
    """For each task, precision and batch the best peer, and its time over ours."""
    groups: dict[str, list[Row]] = {}
    for row in found:
        if row.turns:
            key = f"{row.task}, {row.precision}, batch {row.batch}"
            groups.setdefault(key, []).append(row)
    best = {}
    for key, group in groups.items():
        ours = next(row for row in group if row.who == OURS)
        others = [row for row in group if row.who != OURS]
        if others:
            peer = min(others, key=lambda row: row.median)
            best[key] = peer.who, peer.median / ours.median
    return best


def roofs(found: Rates, batch: int, repetitions: int) -> dict[str, list[Share]]:
    """The pieces of a training step in each precision."""
    pieces = {}
    for precision in PRECISIONS:
        with_policy("training", precision)
        model = AlexNet(input_shape=(SIDE, SIDE, 3), classifier_activation=None)
        keras.mixed_precision.set_global_policy("float32")
        pieces[precision] = shares(model, batch, precision, found, repetitions)
    return pieces


def roof_lines(
    pieces: dict[str, list[Share]], found: Rates, results: list[Row], batch: int
) -> Iterator[str]:
    """What a whole step takes, against the sum of the least times of its pieces."""
    parameters = AlexNet().count_params()
    update = 1e3 * 5 * 4 * parameters / found.memory
    for row in results:
        if (row.who, row.batch) != (OURS, batch) or not row.turns:
            continue
        of_step = [
            each
            for each in pieces[row.precision]
            if row.task == "training" or each.way == "forward"
        ]
        least = sum(each.least for each in of_step)
        least += update if row.task == "training" else 0.0
        yield (
            f"{row.task}, {row.precision}, batch {batch}: {row.median:.0f} ms, roof "
            f"{least:.0f} ms, share {least / row.median:.2f}"
        )


def machine() -> dict[str, Any]:
    """What was measured on, without names of people, machines or files."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        text = ""
    fields = dict(
        (part.strip() for part in line.split(":", 1))
        for line in text.splitlines()
        if ":" in line
    )
    flags = fields.get("flags", fields.get("Features", "")).split()
    return {
        "processor": fields.get("model name") or platform.machine(),
        "family": fields.get("cpu family"),
        "cores": os.cpu_count(),
        "features": " ".join(each for each in _FEATURES if each in flags),
        "system": platform.system(),
        "python": platform.python_version(),
        "keras_alexnet": keras_alexnet.__version__,
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
    }


def said(about: dict[str, Any]) -> str:
    """A machine in a line."""
    return ", ".join(f"{key} {value}" for key, value in about.items() if value)


def markdown(found: dict[str, Any], results: list[Row], lines: list[str]) -> str:
    """The same as a page."""
    asked = [each for each in sys.argv[1:] if not each.startswith("--out")]
    asked = ["--peers=PYTHON" if each.startswith("--peers") else each for each in asked]
    text = [f"`{' '.join(['python', 'benchmarks/run.py', *asked])}`", "", said(found)]
    for task in TASKS:
        for precision in PRECISIONS:
            group = [r for r in results if (r.task, r.precision) == (task, precision)]
            if not group:
                continue
            batches = sorted({row.batch for row in group})
            names = list(dict.fromkeys(row.who for row in group))
            cells = {(row.who, row.batch): str(row) for row in group}
            text += ["", f"## {task}, {precision}", ""]
            text += [f"| | {' | '.join(f'batch {batch}' for batch in batches)} |"]
            text += ["|---" * (len(batches) + 1) + "|"]
            for who in names:
                row = " | ".join(cells.get((who, batch), "") for batch in batches)
                text += [f"| {who} | {row} |"]
    return "\n".join([*text, "", *(f"- {line}" for line in lines), ""])


def measured(
    arguments: argparse.Namespace, repetitions: int, peers: Peers | None
) -> Iterator[Row]:
    """All rows, printed as they come."""
    for task in TASKS if arguments.only is None else (arguments.only,):
        for precision in PRECISIONS:
            for batch in arguments.batches:
                print(f"\n{task}, {precision}, batch {batch}", flush=True)
                for row in rows(task, precision, batch, peers, repetitions):
                    print(f"  {row.who:24} {row}", flush=True)
                    yield row


def of_machine(
    results: list[Row], batch: int, repetitions: int
) -> tuple[dict[str, Any], list[str]]:
    """The machine's rates and the pieces of a step, for JSON and in lines."""
    found = rates(repetitions)
    pieces = roofs(found, batch, repetitions)
    lines = [
        f"products {2e-9 * found.product[each]:.0f} GFLOP/s in {each}"
        for each in PRECISIONS
    ]
    lines += [f"memory {found.memory / 1e9:.0f} GB/s"]
    lines += roof_lines(pieces, found, results, batch)
    written = {
        "rates": found._asdict(),
        "pieces": {
            precision: [each._asdict() for each in group]
            for precision, group in pieces.items()
        },
    }
    return written, lines


def write_onnx(folder: Path) -> Path:
    """Our network for the runtimes that read ONNX."""
    model = AlexNet(input_shape=(SIDE, SIDE, 3), classes=CLASSES)
    names = [f"class {index}" for index in range(CLASSES)]
    path = folder / "alexnet.onnx"
    return keras_alexnet.export_onnx(model, path, class_names=names, inputs="prepared")


def arguments_of_line() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="batches 1, 64; 3 turns")
    parser.add_argument("--peers", help="Python that has the other libraries")
    parser.add_argument("--only", choices=TASKS)
    parser.add_argument("--batches", type=numbers, help="as 1,8")
    parser.add_argument("--repetitions", type=int)
    parser.add_argument("--inter_op", type=int, help="TensorFlow's threads between ops")
    parser.add_argument("--out", type=Path, help="NAME of NAME.md and NAME.json")
    arguments = parser.parse_args()
    arguments.batches = arguments.batches or ((1, 64) if arguments.quick else BATCHES)
    return arguments


def numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def main() -> None:
    arguments = arguments_of_line()
    if arguments.inter_op:
        tf.config.threading.set_inter_op_parallelism_threads(arguments.inter_op)
    repetitions = arguments.repetitions or (3 if arguments.quick else 11)
    about, peers = machine(), None
    with tempfile.TemporaryDirectory() as folder:
        if arguments.peers:
            peers = Peers(arguments.peers, write_onnx(Path(folder)))
            about.update(peers.ask(do="versions"))
        print(said(about), flush=True)
        results = list(measured(arguments, repetitions, peers))
        if peers is not None:
            peers.close()
    batch = 64 if 64 in arguments.batches else max(arguments.batches)
    written, lines = of_machine(results, batch, repetitions)
    lines += [
        f"{key}: {who} / {OURS} {value:.2f}"
        for key, (who, value) in ratios(results).items()
    ]
    print("", *lines, sep="\n")
    if arguments.out is not None:
        written = {
            "machine": about,
            "rows": [row._asdict() for row in results],
            **written,
        }
        arguments.out.with_suffix(".json").write_text(json.dumps(written) + "\n")
        page = markdown(about, results, lines)
        arguments.out.with_suffix(".md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
