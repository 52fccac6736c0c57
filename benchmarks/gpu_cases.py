"""The cases of `gpu.py`, each run in a process of its own: python gpu_cases.py CASE."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

RESULT = "result: "
WARM_UP = 10  # cuDNN tries its algorithms in the first steps


class Case(NamedTuple):
    """What a process measures.

    Args:
        part: The part of the table.
        small: Whether it only has to run at all.
        precision: The policy of the step.
        batch: Pictures in a step, on all devices.
        devices: The devices of the step.
        layout: `"last"`: channels last, as the trainer has it; `"first"`: where
            TensorFlow's graph optimiser moves them.
        deterministic: Whether as with `--deterministic`.
        steps_per_call: Steps that one call of TensorFlow takes, as with that flag.
        number: Distinguishes cases that are the same.
    """

    part: str
    small: bool
    precision: str = "float32"
    batch: int = 0
    devices: tuple[str, ...] | list[str] = ()
    layout: str = "last"
    deterministic: bool = False
    steps_per_call: int = 1
    number: int = 0

    def title(self) -> str:
        if not self.batch:
            return "all"
        words = [self.precision, f"{self.batch} pictures", _devices(len(self.devices))]
        words += ["channels first"] if self.layout == "first" else []
        if self.steps_per_call > 1:
            words.append(f"{self.steps_per_call} steps a call")
        words += [f"process {self.number}"] if self.number else []
        return ", ".join(words)


def _devices(count: int) -> str:
    return "1 device" if count == 1 else f"{count} devices"


class Result(NamedTuple):
    """A line of the table."""

    part: str
    case: str
    text: str
    values: dict[str, Any] = {}  # noqa: RUF012 (never changed)

    def failed(self) -> bool:
        return not self.values or self.values.get("same") is False


def report(part: str, case: str, text: str, /, **values: Any) -> None:
    print(RESULT + json.dumps(Result(part, case, text, values)), flush=True)


def milliseconds(function: Callable[[], Any], small: bool) -> float:
    """The time of a call, of many that are queued before the last is waited for."""
    import tensorflow as tf

    def calls(count: int) -> None:
        for _ in range(count):
            last = function()
        for tensor in tf.nest.flatten(last):
            tf.reduce_sum(tf.cast(tensor, tf.float32)).numpy()

    count = 2 if small else 50
    calls(1 if small else WARM_UP)
    began = time.perf_counter()
    calls(count)
    return (time.perf_counter() - began) / count * 1e3


def machine(case: Case) -> None:
    import keras
    import tensorflow as tf

    gpus = [
        tf.config.experimental.get_device_details(gpu)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    names = [each.get("device_name", "a GPU without a name") for each in gpus]
    build = tf.sysconfig.get_build_info()
    report(
        "machine",
        f"TensorFlow {tf.__version__}, Keras {keras.__version__}",
        ", ".join(names) or "no GPU",
        gpus=gpus,
        tensorflow=tf.__version__,
        keras=keras.__version__,
        cuda=build.get("cuda_version"),
        cudnn=build.get("cudnn_version"),
        driver=driver(),
    )


def driver() -> str:
    """The version of the driver, on Linux."""
    try:
        with open("/proc/driver/nvidia/version") as file:
            return file.readline().strip()
    except OSError:
        return ""


def seam(case: Case) -> None:
    """ReLU, normalisation and 3/2 pooling of two towers, with the gradient."""
    import tensorflow as tf

    from keras_alexnet.ops import LRN
    from keras_alexnet.ops.normalization import by_band, by_shifts, by_stock_op

    forms = {"band": by_band, "shifts": by_shifts, "TensorFlow's op": by_stock_op}
    sizes = [(27, 256)] if case.small else [(55, 96), (27, 256)]
    for side, channels in sizes:
        towers = (channels // 2, channels // 2)
        for dtype in ["float32"] if case.small else ["float32", "bfloat16"]:
            shape = [2 if case.small else 128, side, side, channels]
            x = tf.cast(tf.random.stateless_normal(shape, [0, 1]) * 30, dtype)
            for form, make in forms.items():
                normalize = make(LRN(), towers)
                for jit in (False, True):
                    run = compiled_seam(normalize, jit)
                    name = f"{side}x{side}x{channels} {dtype} {form}"
                    time_of("seam", name + (" XLA" if jit else ""), run, [x], case)


def compiled_seam(normalize: Callable, jit: bool) -> Callable:
    import tensorflow as tf

    @tf.function(jit_compile=jit)
    def run(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            wide = tf.cast(tf.nn.relu(x), tf.float32)
            y = tf.nn.max_pool2d(tf.cast(normalize(wide), x.dtype), 3, 2, "VALID")
        return tape.gradient(y, x)

    return run


def convolution(case: Case) -> None:
    """conv2 and its two gradients."""
    import tensorflow as tf

    from keras_alexnet.ops.convolution import grouped_runs

    kind = "CPU" if case.small else "GPU"
    one = functools.partial(tf.nn.conv2d, strides=1, padding="SAME")

    def each(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        pairs = zip(tf.split(x, 2, -1), tf.split(kernel, 2, -1), strict=True)
        return tf.concat([one(*pair) for pair in pairs], -1)

    for dtype in ["float32"] if case.small else ["float32", "bfloat16", "float16"]:
        x, kernel = (
            tf.cast(tf.random.stateless_normal(shape, [0, 1]), dtype)
            for shape in ([2 if case.small else 128, 27, 27, 96], [5, 5, 48, 256])
        )
        for form, convolve in (("grouped", one), ("split", each)):

            @tf.function
            def run(x: tf.Tensor, kernel: tf.Tensor, convolve: Any = convolve) -> Any:
                with tf.GradientTape() as tape:
                    tape.watch([x, kernel])
                    y = convolve(x, kernel)
                return tape.gradient(y, [x, kernel])

            time_of("convolution", f"conv2 {dtype} {form}", run, [x, kernel], case)
        runs = grouped_runs(kind, tf.as_dtype(dtype))
        chosen = "grouped" if runs else "split"
        report("convolution", f"conv2 {dtype}, chosen", chosen, chosen=chosen)


def time_of(part: str, name: str, run: Callable, inputs: list, case: Case) -> None:
    import tensorflow as tf

    try:
        took = milliseconds(lambda: run(*inputs), case.small)
    except (tf.errors.OpError, ValueError) as error:
        report(part, name, f"failed: {type(error).__name__} {str(error)[:80]}")
        return
    report(part, name, f"{took:.3f} ms", ms=took)


def step(case: Case) -> None:
    """The trainer's step, on one batch that stays in the memory of the devices."""
    import keras
    import numpy as np
    import tensorflow as tf

    from keras_alexnet.ops.convolution import keep_channels_last
    from keras_alexnet.training.devices import open_strategy
    from keras_alexnet.training.step import StepInputs

    strategy = open_strategy("auto", ",".join(case.devices), case.batch)
    keras.utils.set_random_seed(0)
    if case.deterministic:
        tf.config.experimental.enable_op_determinism()
    kept = case.layout == "last" and keep_channels_last()
    train_step = made(case, strategy)
    batch = in_memory(case, strategy)
    rates = np.full(len(train_step.train_state.names), 1e-3, np.float32)
    # Read at the end alone, so that nothing waits between the steps.
    each = case.steps_per_call
    warm_up, counted = (1, 2 // each) if case.small else (WARM_UP, 64 // each)
    for call in range(warm_up + counted):
        if call == warm_up:
            train_step.totals.numpy()
            began = time.perf_counter()
        inputs = [StepInputs(call * each + index + 1, rates) for index in range(each)]
        if each == 1:
            train_step.step(batch, inputs[0])
        else:
            train_step.steps([batch] * each, inputs)
    train_step.totals.numpy()
    took = (time.perf_counter() - began) / (counted * each) * 1e3
    values = {
        **case._asdict(),
        "ms": took,
        "images_per_second": case.batch / took * 1e3,
        "channels_last": kept,
        "peak_gib": peak(),
    }
    text = f"{took:.2f} ms, {case.batch / took * 1e3:.0f} pictures/s"
    if case.deterministic:
        values["digest"] = digest(train_step)
        text += f", {values['digest'][:12]}"
    elif not case.small:
        text += f", {values['peak_gib']:.2f} GiB"
    report(case.part, case.title(), text, **values)


def made(case: Case, strategy: Any) -> Any:
    """The step of a run on 1,000 classes; in short, a narrow one on small pictures."""
    import dataclasses

    from keras_alexnet import architectures
    from keras_alexnet.data.colour import IMAGENET
    from keras_alexnet.training import TrainingConfig
    from keras_alexnet.training.network import network_of
    from keras_alexnet.training.step import TrainStep

    record = architectures.get("paper")
    if case.small:
        record = dataclasses.replace(record, dense=(64, 64))
    config = TrainingConfig(
        image_size=67 if case.small else 224,
        batch_size=case.batch,
        precision=case.precision,
    )
    return TrainStep(network_of(config, record), 1000, IMAGENET, strategy)


def in_memory(case: Case, strategy: Any) -> dict[str, Any]:
    """A batch of random pictures, each replica's part on its device."""
    import numpy as np
    import tensorflow as tf

    side, rows = 67 if case.small else 224, case.batch // len(case.devices)

    def dealt(make: Callable) -> Any:
        def part(context: Any) -> Any:
            index = context.replica_id_in_sync_group
            with tf.device(case.devices[index]):
                return tf.constant(make(np.random.default_rng(index)))

        if len(case.devices) == 1:
            return tf.constant(make(np.random.default_rng(0)))
        return strategy.experimental_distribute_values_from_function(part)

    shape = [rows, side, side, 3]
    return {
        "image": dealt(lambda rng: rng.integers(0, 256, shape, np.uint8)),
        "label": dealt(lambda rng: rng.integers(0, 1000, rows)),
        "noise": dealt(lambda rng: rng.normal(size=[rows, 3]).astype("float32")),
    }


def digest(train_step: Any) -> str:
    """Of all weights and of the sums of the losses."""
    found = hashlib.sha256(train_step.totals.numpy().tobytes())
    for variable in train_step.train_state.trained:
        found.update(variable.numpy().tobytes())
    return found.hexdigest()


def peak() -> float:
    """GiB of the first GPU that were in use at once; 0 without a GPU."""
    import tensorflow as tf

    if not tf.config.list_logical_devices("GPU"):
        return 0.0
    return tf.config.experimental.get_memory_info("GPU:0")["peak"] / 2**30


PARTS = {
    "machine": machine,
    "seam": seam,
    "convolution": convolution,
    "step": step,
    "determinism": step,
    "scaling": step,
}


if __name__ == "__main__":
    case = Case(*json.loads(sys.argv[1]))
    PARTS[case.part](case)
