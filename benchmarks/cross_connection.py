"""The seam as one op against stock TensorFlow, forward and with its gradient.

python benchmarks/cross_connection.py [--repetitions=15]

On the maps after conv1 and conv2 of 32 pictures, two towers: ReLU, local response
normalisation, 3/2 max pooling. Stock is what a person would write: `tf.nn.relu`,
`tf.nn.local_response_normalization` on each half, `tf.concat`, `tf.nn.max_pool2d`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from interleaved import interleaved, ratio, show

from keras_alexnet.ops import cross_connect, local_response_normalization, native

SHAPES = ([32, 55, 55, 96], [32, 27, 27, 256])
Function = Callable[[tf.Tensor], tf.Tensor]


def stock_seam(x: tf.Tensor) -> tf.Tensor:
    towers = tf.split(tf.nn.relu(x), 2, axis=-1)
    joined = tf.concat([stock_lrn(tower) for tower in towers], axis=-1)
    return tf.nn.max_pool2d(joined, 3, 2, "VALID")


def stock_lrn(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.local_response_normalization(x, 2, 2.0, 1e-4, 0.75)


def seam(kernels: str) -> Function:
    return lambda x: cross_connect(
        x, towers=2, pool_size=3, pool_strides=2, kernels=kernels
    )


def lrn(kernels: str) -> Function:
    return lambda x: local_response_normalization(x, kernels=kernels)


def forward(function: Function, x: tf.Tensor) -> Callable[[], object]:
    compiled = tf.function(function).get_concrete_function(x)
    return lambda: compiled(x)


def both(function: Function, x: tf.Tensor) -> Callable[[], object]:
    """Forward and backward; the incoming gradient is made beforehand."""
    upstream = tf.random.stateless_normal(function(x).shape, [1, 2], dtype=tf.float32)
    upstream = tf.cast(upstream, x.dtype)

    def run(x: tf.Tensor, upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        return y, tape.gradient(y, x, upstream)

    compiled = tf.function(run).get_concrete_function(x, upstream)
    return lambda: compiled(x, upstream)


def compare(shape: list[int], repetitions: int) -> None:
    x = tf.random.stateless_normal(shape, [0, 1]) * 20
    half = tf.cast(x, tf.bfloat16)
    times = interleaved(
        {
            "scale by a constant": forward(lambda x: x * 1.01, x),
            "native": forward(seam("native"), x),
            "native bfloat16": forward(seam("native"), half),
            "composite": forward(seam("composite"), x),
            "stock": forward(stock_seam, x),
        },
        repetitions,
    )
    show(f"{shape} seam, forward", times)
    ratio(times, "stock", "native", 6)
    ratio(times, "scale by a constant", "native", 0.4)
    ratio(times, "native", "native bfloat16", 1.3)
    times = interleaved(
        {
            "native": both(seam("native"), x),
            "native bfloat16": both(seam("native"), half),
            "composite": both(seam("composite"), x),
            "stock": both(stock_seam, x),
        },
        repetitions,
    )
    show(f"{shape} seam, forward and backward", times)
    ratio(times, "stock", "native", 4)
    ratio(times, "native", "native bfloat16", 1.3)
    for title, measure, goal in (("forward", forward, 4), ("with gradient", both, 3)):
        times = interleaved(
            {
                "native": measure(lrn("native"), x),
                "composite": measure(lrn("composite"), x),
                "stock": measure(stock_lrn, x),
            },
            repetitions,
        )
        show(f"{shape} LRN alone, {title}", times)
        ratio(times, "stock", "native", goal)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=15)
    repetitions = parser.parse_args().repetitions
    print(f"TensorFlow {tf.__version__}, NumPy {np.__version__}, {native.describe()}")
    print("medians of interleaved repetitions, 10th to 90th percentile in brackets")
    for shape in SHAPES:
        compare(shape, repetitions)


if __name__ == "__main__":
    main()
