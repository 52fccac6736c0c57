"""The network of 2012 in `jax.lax`, for `run_peers.py`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

# Kernel, stride, padding, groups; whether normalised; whether pooled.
CONVOLUTIONS = (
    ((11, 11, 3, 96), 4, 0, 1, True, True),
    ((5, 5, 48, 256), 1, 2, 2, True, True),
    ((3, 3, 256, 384), 1, 1, 1, False, False),
    ((3, 3, 192, 384), 1, 1, 2, False, False),
    ((3, 3, 192, 256), 1, 1, 2, False, True),
)
DENSE = ((9216, 4096), (4096, 4096), (4096, 1000))


def new_weights(key: jax.Array) -> list[tuple[jax.Array, jax.Array]]:
    """A kernel and its biases for each layer."""
    shapes = [*(row[0] for row in CONVOLUTIONS), *DENSE]
    keys = jax.random.split(key, len(shapes))
    return [
        (0.01 * jax.random.normal(each, shape), jnp.zeros(shape[-1]))
        for each, shape in zip(keys, shapes, strict=True)
    ]


def scores(weights: list, x: jax.Array, key: Any = None) -> jax.Array:
    """Logits of pictures, channels last; with `key` as in training."""
    for (kernel, bias), row in zip(weights, CONVOLUTIONS, strict=False):
        _, stride, padding, groups, normalised, pooled = row
        x = lax.conv_general_dilated(
            x,
            kernel,
            (stride, stride),
            [(padding, padding)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=groups,
        )
        x = jax.nn.relu(x + bias)
        if normalised:
            halves = jnp.split(x, 2, axis=-1)
            x = jnp.concatenate([_normalised(half) for half in halves], axis=-1)
        if pooled:
            window, step = (1, 3, 3, 1), (1, 2, 2, 1)
            lowest = np.array(-np.inf, x.dtype)
            x = lax.reduce_window(x, lowest, lax.max, window, step, "VALID")
    x = x.reshape(len(x), -1)
    for index, (kernel, bias) in enumerate(weights[len(CONVOLUTIONS) :]):
        x = x @ kernel + bias
        if index < 2:
            x = jax.nn.relu(x)
            if key is not None:
                key, own = jax.random.split(key)
                x = jnp.where(jax.random.bernoulli(own, shape=x.shape), 2 * x, 0)
    return x


def _normalised(x: jax.Array) -> jax.Array:
    """Over five channels: x / (2 + 1e-4 Σ x²)^0.75."""
    squares = jnp.square(x)
    # Of NumPy: JAX differentiates sums over windows only if it knows where they begin.
    zero = np.array(0, x.dtype)
    sums = lax.reduce_window(squares, zero, lax.add, (1, 1, 1, 5), (1, 1, 1, 1), "SAME")
    return x / (2 + 1e-4 * sums) ** 0.75


def loss(
    weights: list, x: jax.Array, labels: jax.Array, key: Any, kind: Any
) -> jax.Array:
    """The mean cross-entropy, computed in `kind`."""
    held = jax.tree.map(lambda each: each.astype(kind), weights)
    logits = scores(held, x, key).astype(jnp.float32)
    taken = jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=1)
    return -taken.mean()
