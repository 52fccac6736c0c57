"""What a GPU makes of the seam, of convolutions and of the trainer's step.

python benchmarks/gpu.py [--out=gpu.json] [--only=seam,step]

On a machine with one GPU or several; ten minutes. It measures

    seam          ReLU, normalisation and pooling with their gradient, in each form of
                  the sums over windows, with and without XLA
    convolution   conv2 and its gradients, grouped in one op or one op for each group
    step          the trainer's step on prepared pictures in the GPU's memory: by
                  precision, batch, layout, and steps in one call of TensorFlow
    determinism   whether two processes give the same bits with --deterministic
    scaling       the step on 1, 2, 4 … GPUs, with the same pictures for each

and prints one table. `--out` holds the same as JSON, with the names of GPUs, of the
driver and of libraries, but not of people, machines or files. No GPU has run this so
far: please attach that file to an issue of keras-alexnet, with the output of
`pytest -m gpu`.

`SMALL=1 python benchmarks/gpu.py` tries all of it on a CPU in a minute; its numbers say
nothing about a GPU. Each case is a process of its own (`gpu_cases.py`), because some
settings are those of a process, and a case that fails is a line of the table.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gpu_cases import RESULT, Case, Result

PARTS = ("seam", "convolution", "step", "determinism", "scaling")
LIMIT = 600.0  # seconds for a case: TensorFlow 2.15 compiles for minutes on an H100
HOW_TO_SEND = (
    "Please attach {out} to an issue of keras-alexnet, with the output of "
    "`pytest -m gpu`."
)


def planned(gpus: int, small: bool) -> Iterator[Case]:
    """All cases for a machine, in the order of the table."""
    devices = ["CPU:0", "CPU:1"] if small else [f"GPU:{i}" for i in range(gpus)]
    batches = (4,) if small else (128, 256, 512)
    yield Case("seam", small=small)
    yield Case("convolution", small=small)
    precisions = ("float32", "mixed_bfloat16", "mixed_float16")
    for precision, batch in itertools.product(precisions[: 1 if small else 3], batches):
        yield Case("step", small, precision, batch, (devices[0],))
    for layout in () if small else ("first",):
        yield Case("step", small, "float32", batches[0], (devices[0],), layout=layout)
    several = Case("step", small, precisions[0], batches[0], (devices[0],))
    yield several._replace(steps_per_call=2 if small else 8)
    for number in (1, 2):
        case = Case("determinism", small, "float32", batches[0], (devices[0],))
        yield case._replace(deterministic=True, number=number)
    for count, precision in itertools.product(counts(devices), precisions[:2]):
        if not small or (count > 1 and precision == "float32"):
            batch = batches[-1] if small else 256
            yield Case("scaling", small, precision, batch * count, devices[:count])


def counts(devices: list[str]) -> list[int]:
    """1, 2, 4 … and all devices."""
    powers = [2**power for power in range(len(devices).bit_length())]
    return sorted({count for count in powers if count <= len(devices)} | {len(devices)})


def run(case: Case) -> list[Result]:
    """The results of a case; if it fails, one that says why."""
    script = Path(__file__).with_name("gpu_cases.py")
    try:
        ended = subprocess.run(
            [sys.executable, script, json.dumps(case)],
            env={"TF_CPP_MIN_LOG_LEVEL": "2", **os.environ},
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [Result(case.part, case.title(), f"no end after {LIMIT:.0f} s")]
    lines = [line for line in ended.stdout.splitlines() if line.startswith(RESULT)]
    found = [Result(*json.loads(line.removeprefix(RESULT))) for line in lines]
    if ended.returncode:
        said = ended.stderr.strip().splitlines() or [f"code {ended.returncode}"]
        found.append(Result(case.part, case.title(), f"failed: {said[-1][:120]}"))
    return found


def same_bits(results: list[Result]) -> Result | None:
    """Whether the two deterministic runs ended with the same weights and loss."""
    digests = [each.values["digest"] for each in results if "digest" in each.values]
    if len(digests) != 2:
        return None
    same = digests[0] == digests[1]
    said = "the same bits" if same else "DIFFERENT bits"
    return Result("determinism", "two processes", said, {"same": same})


def show(result: Result) -> None:
    print(f"{result.part:12} {result.case:48} {result.text}", flush=True)


def topology() -> str:
    """How the GPUs are connected, as `nvidia-smi` prints it."""
    if shutil.which("nvidia-smi") is None:
        return ""
    command = ["nvidia-smi", "topo", "-m"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas")
    arguments = parser.parse_args()
    parts, small = arguments.only.split(","), bool(os.environ.get("SMALL"))
    if unknown := set(parts) - set(PARTS):
        parser.error(f"--only must be of {','.join(PARTS)}. Received: {unknown.pop()}")
    directory = arguments.out.absolute().parent
    if arguments.out.is_dir() or not os.access(directory, os.W_OK):
        # Here, not after ten minutes of measuring.
        parser.error(
            "--out must be a file in a directory that can be written to. "
            f"Received: {arguments.out}"
        )
    machine = run(Case("machine", small=small))[0]
    show(machine)
    gpus = len(machine.values.get("gpus", ()))
    if not gpus and not small:
        print(
            "there must be a GPU that TensorFlow sees; SMALL=1 tries it without. "
            f"Received: {machine.text}",
            file=sys.stderr,
        )
        sys.exit(2)
    results: list[Result] = []
    for case in planned(gpus, small):
        if case.part in parts:
            for result in run(case):
                show(result)
                results.append(result)
    compared = same_bits([each for each in results if each.part == "determinism"])
    if compared is not None:
        show(compared)
        results.append(compared)
    written: dict[str, Any] = {
        "machine": {**machine.values, "topology": topology(), "small": small},
        "results": [each._asdict() for each in results],
    }
    arguments.out.write_text(json.dumps(written, indent=1) + "\n")
    print(f"\n{HOW_TO_SEND.format(out=arguments.out)}")
    if any(each.failed() for each in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
