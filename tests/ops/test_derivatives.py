"""Derivatives beyond the gradient, against differences of the formulas in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from grouped_reference import convolved
from seam_reference import crossed, normalized
from served_models import SIDE, served_model
from small_models import double_precision

from keras_alexnet import architectures
from keras_alexnet.ops import (
    LRN,
    cross_connect,
    grouped_conv2d,
    local_response_normalization,
)

WIDE = LRN(3, 1.0, 0.2, 0.6, "mean")
RNG = np.random.default_rng(0)
X, V, W = RNG.normal(0, 2, (3, 1, 5, 5, 8))
KERNEL, BIAS = RNG.normal(size=(3, 3, 4, 6)), RNG.normal(size=6)


class Case(NamedTuple):
    """One of our ops, as a function of maps and `kernels`, and its formula."""

    ours: Callable[..., tf.Tensor]
    formula: Callable[[np.ndarray], np.ndarray]


def seam(lrn: LRN | None, first: bool, pool: tuple | None) -> Case:
    size, strides = pool or (None, None)
    options = {"activation_first": first, "norm": lrn}

    def ours(x: tf.Tensor, kernels: str) -> tf.Tensor:
        maps = tf.split(x, 2, axis=-1)
        pooling = {"pool_size": size, "pool_strides": strides}
        return cross_connect(maps, kernels=kernels, **pooling, **options)

    return Case(
        ours, lambda x: crossed(np.split(x, 2, axis=-1), lrn, True, first, pool)
    )


CASES = {
    "seam": seam(WIDE, True, ((3, 2), (2, 1))),
    "relu_after": seam(LRN(4, 0.5, 0.2), False, None),
    "without_lrn": seam(None, True, ((2, 2), (2, 2))),
    "lrn": Case(
        lambda x, kernels: local_response_normalization(
            x, 3, 1.0, 0.2, 0.6, "mean", 2, kernels
        ),
        lambda x: normalized(x, WIDE, 2),
    ),
    "grouped": Case(
        lambda x, kernels: grouped_conv2d(x, tf.constant(KERNEL), 2, bias=BIAS),
        lambda x: convolved(x, KERNEL, 2, 1) + BIAS,
    ),
}


def weights(size: int) -> np.ndarray:
    return np.cos(np.arange(size))


def loss_of(case: Case, kernels: str) -> Callable[[tf.Tensor], tf.Tensor]:
    def loss(x: tf.Tensor) -> tf.Tensor:
        y = tf.reshape(case.ours(x, kernels=kernels), [-1])
        return tf.reduce_sum(weights(y.shape[0]) * y**3)

    return loss


def exact_loss(case: Case, x: np.ndarray) -> float:
    y = case.formula(x).ravel()
    return (weights(len(y)) * y**3).sum()


def slope(loss: Callable, x: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(x)
    return tape.gradient(value, x)


def twice_back(loss: Callable, x: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(x)
        gradient = slope(loss, x)
    return tape.gradient(gradient, x, v)


def forward_over_back(loss: Callable, x: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    with tf.autodiff.ForwardAccumulator(x, v) as accumulator:
        gradient = slope(loss, x)
    return accumulator.jvp(gradient)


def back_over_forward(loss: Callable, x: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(x)
        with tf.autodiff.ForwardAccumulator(x, v) as accumulator:
            value = loss(x)
        along = accumulator.jvp(value)
    return tape.gradient(along, x)


def forward(loss: Callable, x: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    with tf.autodiff.ForwardAccumulator(x, v) as accumulator:
        value = loss(x)
    return accumulator.jvp(value)


def eagerly(loss: Callable) -> tuple[Callable, Callable]:
    return loss, lambda run: run


def of_a_function(loss: Callable) -> tuple[Callable, Callable]:
    return tf.function(loss, autograph=False), lambda run: run


def within_a_function(loss: Callable) -> tuple[Callable, Callable]:
    return loss, lambda run: tf.function(run, autograph=False)


KERNELS = pytest.mark.parametrize("kernels", ["auto", "native", "composite"])
WHERE = pytest.mark.parametrize("where", [eagerly, of_a_function, within_a_function])


@pytest.mark.compat
@KERNELS
@WHERE
@pytest.mark.parametrize("name", CASES)
def test_products_with_the_hessian(name: str, where: Callable, kernels: str) -> None:
    case, step = CASES[name], 1e-4
    corners = [
        a * b * exact_loss(case, X + step * (a * V + b * W))
        for a in (1, -1)
        for b in (1, -1)
    ]
    exact = sum(corners) / (4 * step**2)
    loss, wrapped = where(loss_of(case, kernels))
    products = [twice_back, forward_over_back]
    if where is not of_a_function:  # TensorFlow cannot do it for its own ops either
        products.append(back_over_forward)
    for product in products:
        ours = wrapped(lambda x, v, p=product: p(loss, x, v))(
            tf.constant(X), tf.constant(V)
        )
        assert float(tf.reduce_sum(ours * W)) == pytest.approx(exact, rel=1e-5)


@pytest.mark.compat
@KERNELS
@WHERE
@pytest.mark.parametrize("name", CASES)
def test_forward_mode(name: str, where: Callable, kernels: str) -> None:
    case, step = CASES[name], 1e-5
    ends = [exact_loss(case, X + sign * step * V) for sign in (1, -1)]
    loss, wrapped = where(loss_of(case, kernels))
    ours = wrapped(lambda x, v: forward(loss, x, v))(tf.constant(X), tf.constant(V))
    assert float(ours) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-7)


@pytest.mark.parametrize("kernels", ["auto", "composite"])
@pytest.mark.parametrize("name", CASES)
def test_jacobians(name: str, kernels: str) -> None:
    # TensorFlow vectorises them, which works only for stock ops.
    case, step = CASES[name], 1e-6
    with tf.GradientTape() as tape:
        x = tf.constant(X)
        tape.watch(x)
        y = case.ours(x, kernels=kernels)
    along = tf.tensordot(tape.jacobian(y, x), tf.constant(V), 4)
    ends = [case.formula(X + sign * step * V) for sign in (1, -1)]
    np.testing.assert_allclose(along, (ends[0] - ends[1]) / (2 * step), atol=1e-6)


@pytest.mark.compat
@pytest.mark.parametrize("variant", architectures.names())
def test_every_variant_has_a_gradient_penalty(variant: str) -> None:
    with double_precision():
        model = served_model(variant, classifier_activation=None)
    rng = np.random.default_rng(1)
    x, v = (tf.constant(rng.normal(0, 50, (1, SIDE, SIDE, 3))) for _ in range(2))

    def penalty(x: tf.Tensor) -> tf.Tensor:
        # Cubes, since without normalisation the slope is the same all around.
        gradient = slope(lambda x: tf.reduce_sum(model(x)[:, :2] ** 3), x)
        return tf.reduce_sum(gradient**2)

    step = 1e-7  # so small that no pooling window changes its maximum
    exact = (penalty(x + step * v) - penalty(x - step * v)) / (2 * step)
    assert abs(exact) > 0
    for run in (penalty, tf.function(penalty)):
        ours = tf.reduce_sum(slope(run, x) * v)
        assert float(ours) == pytest.approx(float(exact), rel=1e-5)
