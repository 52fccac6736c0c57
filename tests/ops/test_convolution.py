"""Grouped convolution against loops over groups, pixels and kernels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from grouped_reference import convolved

from keras_alexnet.ops import convolution, grouped_conv2d
from keras_alexnet.ops.convolution import grouped_runs

REFERENCES = str(Path(__file__).resolve().parent.parent / "references")
# Where oneDNN is off TensorFlow refuses the gradient of the grouped form; the op
# must not.
WITHOUT_ONEDNN = """
import numpy as np, tensorflow as tf
from keras_alexnet.ops import grouped_conv2d
x, kernel = tf.random.normal([2, 6, 6, 8]), tf.random.normal([3, 3, 4, 6])

@tf.function
def step(x, kernel):
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = tf.nn.relu(grouped_conv2d(x, kernel, 2) + 0.1)
    return tape.gradient(y, [x, kernel])

print(all(np.isfinite(each).all() for each in step(x, kernel)))
"""


def operands(groups: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(groups)
    return rng.normal(size=(2, 7, 6, 12)), rng.normal(size=(3, 3, 12 // groups, 24))


@pytest.mark.compat
@pytest.mark.parametrize("groups", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2])
def test_each_group_reads_its_own_channels(groups: int, stride: int) -> None:
    x, kernel = operands(groups)
    y = grouped_conv2d(
        tf.constant(x, "float32"), tf.constant(kernel, "float32"), groups, stride
    )
    np.testing.assert_allclose(y, convolved(x, kernel, groups, stride), atol=1e-4)


@pytest.mark.compat
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_of_biases_are_sums_in_float32(groups: int, compiled: bool) -> None:
    """In bfloat16 each of 11,664 sums would be lost in the ones before it."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(16, 27, 27, 8)), "bfloat16")
    kernel = tf.constant(rng.normal(size=(3, 3, 8 // groups, 64)), "bfloat16")
    upstream = tf.constant(rng.normal(size=(16, 27, 27, 64)), "bfloat16")
    bias = tf.zeros([64], "bfloat16")

    def gradients(kernel: tf.Tensor, bias: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([kernel, bias])
            y = grouped_conv2d(x, kernel, groups, 1, "SAME", bias=bias)
        return tape.gradient(y, [kernel, bias], upstream)

    _, found = (tf.function(gradients) if compiled else gradients)(kernel, bias)
    expected = np.asarray(upstream, np.float64).sum(axis=(0, 1, 2))
    worst = np.abs(np.asarray(found, np.float64) - expected).max()
    assert worst <= 0.005 * np.abs(expected).max()


@pytest.mark.compat
def test_gradients_are_those_of_a_dense_kernel_with_zero_blocks() -> None:
    x, kernel = (tf.constant(each, "float32") for each in operands(2))
    dense = tf.concat(
        [
            tf.pad(kernel[..., :12], [[0, 0], [0, 0], [0, 6], [0, 0]]),
            tf.pad(kernel[..., 12:], [[0, 0], [0, 0], [6, 0], [0, 0]]),
        ],
        axis=-1,
    )
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, kernel, dense])
        grouped = tf.reduce_sum(grouped_conv2d(x, kernel, 2) ** 2)
        packed = tf.reduce_sum(tf.nn.conv2d(x, dense, 1, "VALID") ** 2)
    np.testing.assert_allclose(
        tape.gradient(grouped, x), tape.gradient(packed, x), rtol=1e-4, atol=1e-3
    )
    blocks = tape.gradient(packed, dense)
    own = tf.concat([blocks[:, :, :6, :12], blocks[:, :, 6:, 12:]], axis=-1)
    np.testing.assert_allclose(
        tape.gradient(grouped, kernel), own, rtol=1e-4, atol=1e-3
    )


def test_it_trains_without_onednn(python) -> None:
    assert python(WITHOUT_ONEDNN, TF_ENABLE_ONEDNN_OPTS="0").strip() == "True"


# This CPU refuses bfloat16, or its gradient: the GPU, which is mocked, is asked itself.
BESIDE_A_CPU_THAT_REFUSES = """
import sys
from collections import Counter
import tensorflow as tf
import virtual_gpu
from keras_alexnet.ops import convolution, grouped_conv2d

real, asked = tf.config.list_logical_devices, convolution._probe
gpu = {"GPU": ["GPU:0"]}
tf.config.list_logical_devices = lambda kind=None: gpu.get(kind) or real(kind)
convolution._probe = lambda device, dtype: "GPU" in device or asked(device, dtype)

def step(x, kernel):
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = grouped_conv2d(x, kernel, 2)
    return tape.gradient(y, [x, kernel])

dtype = tf.as_dtype(sys.argv[1])
specs = tf.TensorSpec([2, 6, 6, 96], dtype), tf.TensorSpec([3, 3, 48, 96], dtype)
ops = virtual_gpu.ops(virtual_gpu.optimised(step, *specs))
refused = not convolution.grouped_runs("CPU", dtype)
print(refused, *(ops.count(f"Conv2DBackprop{name}") for name in ("Input", "Filter")))
"""


@pytest.mark.parametrize(
    ("dtype", "environment"),
    [
        ("bfloat16", {"ONEDNN_MAX_CPU_ISA": "AVX2"}),
        ("float32", {"TF_ENABLE_ONEDNN_OPTS": "0"}),
        ("float16", {}),
    ],
)
def test_what_a_cpu_refuses_stays_whole_on_a_gpu(
    python, dtype: str, environment: dict[str, str]
) -> None:
    given = os.environ.get("PYTHONPATH")  # an empty entry would be the checkout
    path = os.pathsep.join(filter(None, [REFERENCES, given]))
    found = python(BESIDE_A_CPU_THAT_REFUSES, dtype, PYTHONPATH=path, **environment)
    assert found.split() == ["True", "1", "1"]


def test_the_probe_has_as_many_channels_a_group_as_conv2(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shapes = []
    real = tf.raw_ops.Conv2D

    def seen(**arguments: Any) -> tf.Tensor:
        shapes.append(tuple(arguments["filter"].shape))
        return real(**arguments)

    monkeypatch.setattr(tf.raw_ops, "Conv2D", seen)
    convolution._probe("/CPU:0", tf.float32)
    assert [shape[2] for shape in shapes] == [48]


@pytest.mark.parametrize(
    ("error", "remembered"),
    [
        (tf.errors.ResourceExhaustedError, False),
        (tf.errors.InternalError, False),
        (tf.errors.UnimplementedError, True),
        (tf.errors.InvalidArgumentError, True),
    ],
)
def test_an_error_for_lack_of_memory_is_not_remembered(
    monkeypatch: pytest.MonkeyPatch, error: type, remembered: bool
) -> None:
    monkeypatch.setattr(convolution, "_known", {})
    answers = [error(None, None, "no")]

    def probe(device: str, dtype: tf.DType) -> None:
        if answers:
            raise answers.pop()

    monkeypatch.setattr(convolution, "_probe", probe)
    found = [grouped_runs("GPU", tf.float32) for _ in range(3)]
    assert found == ([False] * 3 if remembered else [False, True, True])


@pytest.mark.parametrize(
    ("kernel", "groups"), [([3, 3, 4, 6], 2), ([3, 3, 6, 7], 2), ([3, 3, 12, 6], 0)]
)
def test_groups_that_do_not_divide_are_named(kernel: list[int], groups: int) -> None:
    with pytest.raises(ValueError, match=f"Received: groups={groups}, channels=12"):
        grouped_conv2d(tf.zeros([1, 5, 5, 12]), tf.zeros(kernel), groups)
