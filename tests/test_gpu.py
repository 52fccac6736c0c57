"""What only a machine with a GPU can prove: `pytest -m gpu`.

Elsewhere these tests are deselected, and fail if they are asked for.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from finished_runs import quiet, rows
from grouped_reference import convolved
from seam_reference import crossed
from small_models import computing_in, double_precision
from tower_nets import arguments, small_net

from keras_alexnet.ops import LRN, cross_connect, grouped_conv2d
from keras_alexnet.training import Trainer, TrainingConfig

pytestmark = pytest.mark.gpu

# How far a result may be from the exact one, as a share of the largest value.
# Squares of TF32 would put float32 off by 9e-5 and more.
BOUNDS = {"float64": 1e-12, "float32": 1e-5, "float16": 2e-3, "bfloat16": 1e-2}
# TensorFlow's own op computes the first two; no GPU kernel of it does the others.
NORMS = [
    LRN(),
    LRN(size=3, k=1.0, alpha=0.3, beta=0.5, alpha_mode="mean"),
    LRN(size=4, k=0.5, alpha=0.2, beta=1.3),
    LRN(size=17, k=3.0, alpha=0.1),
]
SCALE = 1024.0  # of a loss


def gpus() -> list[str]:
    """All GPUs, as in `"GPU:0"`."""
    names = [each.name for each in tf.config.list_logical_devices("GPU")]
    assert names, "these tests need a GPU that TensorFlow sees"
    return [name.rpartition("device:")[2] for name in names]


@pytest.fixture
def gpu() -> Iterator[str]:
    """The first GPU, as the device of all ops."""
    name = gpus()[0]
    with tf.device(f"/{name}"):
        yield name


@pytest.fixture
def _without_tf32() -> Iterator[None]:
    tf.config.experimental.enable_tensor_float_32_execution(False)
    yield
    tf.config.experimental.enable_tensor_float_32_execution(True)


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).normal(0, 30, shape)


def far(ours: Any, exact: np.ndarray) -> float:
    wide = tf.cast(ours, tf.float64).numpy()
    return float(np.abs(wide - exact).max() / np.abs(exact).max())


@pytest.mark.parametrize("norm", NORMS, ids=str)
@pytest.mark.parametrize("dtype", BOUNDS)
@pytest.mark.parametrize("jit", [False, True])
def test_a_seam_is_its_formula(gpu: str, norm: LRN, dtype: str, jit: bool) -> None:
    # With TF32 on: no product may round the squares.
    x = numbers(4, 13, 13, 96).astype(tf.as_dtype(dtype).as_numpy_dtype)

    @tf.function(jit_compile=jit)
    def seam(x: tf.Tensor) -> tf.Tensor:
        return cross_connect(x, towers=2, norm=norm, pool_size=3, pool_strides=2)

    exact = crossed(np.split(x.astype("float64"), 2, -1), norm, pool=((3, 3), (2, 2)))
    assert far(seam(tf.constant(x)), exact) <= BOUNDS[dtype]


def slope(device: str, dtype: str, norm: LRN) -> np.ndarray:
    """The gradient of a seam on a device."""
    with tf.device(f"/{device}"):
        x = tf.cast(numbers(4, 13, 13, 96), dtype)

        @tf.function
        def gradient(x: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = cross_connect(x, towers=2, norm=norm, pool_size=3, pool_strides=2)
                loss = tf.reduce_sum(tf.sin(tf.cast(y, tf.float32)))
            return tape.gradient(loss, x)

        return tf.cast(gradient(x), tf.float64).numpy()


@pytest.mark.parametrize("norm", NORMS, ids=str)
@pytest.mark.parametrize("dtype", BOUNDS)
def test_its_gradient_is_that_of_the_cpu(gpu: str, norm: LRN, dtype: str) -> None:
    exact = slope("CPU:0", dtype, norm)
    bound = max(3 * BOUNDS[dtype], 1e-5)  # both devices round, and the sine is float32
    assert far(slope(gpu, dtype, norm), exact) <= bound


@pytest.mark.parametrize("groups", [2, 4])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.usefixtures("_without_tf32")
def test_grouped_convolution_reads_its_own_channels(
    gpu: str, dtype: str, groups: int
) -> None:
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, 7, 6, 96)), rng.normal(size=(3, 3, 96 // groups, 8))
    x, kernel = (tf.cast(each, dtype) for each in (x, kernel))
    ours = tf.function(lambda x, kernel: grouped_conv2d(x, kernel, groups))(x, kernel)
    exact = convolved(
        *(tf.cast(each, "float64").numpy() for each in (x, kernel)), groups, 1
    )
    assert far(ours, exact) <= max(BOUNDS[dtype], 1e-5)


def off(ours: np.ndarray, exact: np.ndarray) -> float:
    return float(np.linalg.norm(ours - exact) / np.linalg.norm(exact))


@functools.cache
def weights() -> list[np.ndarray]:
    """Of the paper's network with fewer units."""
    return small_net("paper").get_weights()


def loss_and_gradients(device: str, policy: str) -> list[np.ndarray]:
    """Of that network for some pictures, computed on a device.

    The loss is scaled as it is in training, so that float16 can hold the gradients.
    """
    pictures, labels = arguments(0)[:2]
    pictures *= 50.0
    with tf.device(f"/{device}"):
        with computing_in(policy):
            model = small_net("paper")
            model.set_weights(weights())

        @tf.function
        def run(pictures: tf.Tensor, labels: tf.Tensor) -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                logits = tf.cast(model(pictures, training=False), tf.float32)
                loss = tf.reduce_mean(
                    tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
                )
                scaled = SCALE * loss
            found = tape.gradient(scaled, model.trainable_variables)
            return [loss, *(tf.cast(each, tf.float64) / SCALE for each in found)]

        found = run(tf.identity(pictures), tf.identity(labels))
        return [tf.cast(each, tf.float64).numpy() for each in found]


@pytest.fixture(scope="module")
def exact() -> list[np.ndarray]:
    weights()  # of float32
    with double_precision():
        return loss_and_gradients("CPU:0", "float64")


# Of a gradient, as a share of its norm: rounding may change which value of a pooled
# window is the largest.
NETWORK_BOUNDS = {"float32": 0.15, "mixed_bfloat16": 0.4, "mixed_float16": 0.2}


@pytest.mark.parametrize("policy", NETWORK_BOUNDS)
def test_a_network_is_that_of_the_cpu(gpu: str, policy: str, exact: list) -> None:
    found = loss_and_gradients(gpu, policy)
    assert found[0] == pytest.approx(exact[0], rel=1e-2)
    for one, other in zip(found, exact, strict=True):
        assert off(one, other) <= NETWORK_BOUNDS[policy]


@pytest.mark.usefixtures("_without_tf32")
def test_without_tf32_a_network_is_that_of_the_cpu_to_3_digits(
    gpu: str, exact: list
) -> None:
    for one, other in zip(loss_and_gradients(gpu, "float32"), exact, strict=True):
        assert off(one, other) <= 1e-3


@pytest.fixture
def trained(pictures: Any, tmp_path: Any) -> Any:
    """Trains on some devices; gives the losses of the epochs."""

    def run(devices: list[str], **settings: Any) -> list[float]:
        directory = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        config = TrainingConfig(
            data=f"folder:{pictures}",
            image_size=64,
            batch_size=8,
            epochs=2,
            steps_per_epoch=2,
            devices=",".join(devices),
            model_dir=str(directory),
        )
        Trainer(dataclasses.replace(config, **settings), quiet()).fit()
        return [float(row["loss"]) for row in rows(directory)]

    return run


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_all_gpus_train_as_the_cpu_does(trained: Any, precision: str) -> None:
    together = gpus()
    batch = 8 * len(together)
    ours = trained(together, precision=precision, batch_size=batch)
    cpu = trained(["CPU:0"], batch_size=batch)
    assert ours == pytest.approx(cpu, rel=1e-2 if precision == "float32" else 5e-2)


def test_two_deterministic_runs_end_with_the_same_loss(trained: Any) -> None:
    one, other = (trained(gpus(), deterministic=True) for _ in range(2))
    assert one == other
