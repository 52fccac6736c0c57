"""Sizes that no memory holds, given to the ops: answered at once, or refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

KERNELS = ("native", "composite")
# Shapes of empty maps, and the other arguments of `cross_connect`.
EMPTY = [
    ([[0, 1, 1, 2**62]], {}),
    ([[0, 1, 2**62, 1]], {"pool_size": 1}),
    ([[0, 2**31, 2**31, 1]], {"norm": None, "pool_size": 2}),
    ([[2**31 - 1, 1, 1, 0]], {"norm": None}),
    ([[2**40, 3, 0, 4]], {}),
    ([[1, 2**40, 1, 0]], {"norm": None, "activation": None}),
    ([[0, 3, 3, 2**40]] * 2, {"pool_size": 2}),
]
FORWARD_AND_BACK = """
import tensorflow as tf
from keras_alexnet.ops import cross_connect

def case(arguments):
    kernels, shapes, options = arguments
    maps = [tf.zeros(shape) for shape in shapes]
    with tf.GradientTape() as tape:
        tape.watch(maps)
        joined = cross_connect(maps, kernels=kernels, **options)
    gradients = tape.gradient(joined, maps)
    return joined.shape.as_list(), [x.shape.as_list() for x in gradients]
"""


@pytest.mark.compat
def test_empty_maps_of_any_extent_take_no_time_forward_and_back(
    limited: Callable[..., Any],
) -> None:
    cases = [[k, *each] for k, each in itertools.product(KERNELS, EMPTY)]
    for (_, shapes, options), outcome in zip(
        cases, limited(FORWARD_AND_BACK, cases), strict=True
    ):
        batch, height, width, _ = shapes[0]
        pool = options.get("pool_size", 1)
        sides = [height // pool, width // pool]
        joined = [batch, *sides, sum(shape[3] for shape in shapes)]
        assert outcome.result == [joined, shapes], outcome


CALLS = """
import tensorflow as tf
from keras_alexnet import layers
from keras_alexnet.ops import *

X, KERNEL = tf.TensorSpec([1, 3, 3, 2]), tf.TensorSpec([3, 3, 1, 2])

def case(call):
    x, kernel = tf.ones(X.shape), tf.ones(KERNEL.shape)
    return tf.convert_to_tensor(eval(call, {**globals(), **locals()})).shape.as_list()
"""
# What is called, and the argument that must be named.
REFUSED = {
    "cross_connect([tf.zeros([0, 1, 1, 2**62])] * 2, norm=None)": "2**63 channels",
    "cross_connect(x, pool_size=1, pool_strides=2**31)": "pool_strides",
    "cross_connect(x, pool_size=1, pool_strides=2**62, kernels='composite')": "strides",
    "cross_connect(tf.zeros([0, 1, 1, 2**40]), towers=2**40)": "towers",
    "grouped_conv2d(x, kernel, 2, 2**31)": "strides",
    "grouped_conv2d(x, kernel, 2, dilations=2**62)": "dilations",
    "grouped_conv2d(x, kernel, 2, 1, 'SAME', 2**31 - 1)": "dilations",
    "within_channel_normalization(x, 2**31 + 1)": "size",
    "layers.AdaptiveAveragePooling2D(2**31)(x)": "output_size",
    "layers.GroupedConv2D(2, 3, strides=2**31)(x)": "strides",
    "layers.CrossConnection(pool_size=1, pool_strides=2**31)(x)": "pool_strides",
}
# As large as they may be, and the shape that comes of it.
TAKEN = {
    "within_channel_normalization(x, 2**31 - 1)": [1, 3, 3, 2],
    "local_response_normalization(x, 2**63 - 1)": [1, 3, 3, 2],
    "cross_connect(x, pool_size=2, pool_strides=2**31 - 1)": [1, 1, 1, 2],
    "cross_connect(x, pool_size=2, pool_strides=2**31 - 1, kernels='composite')": [
        *(1, 1, 1, 2)
    ],
    "grouped_conv2d(x, kernel, 2, 2**31 - 1)": [1, 1, 1, 2],
    "grouped_conv2d(x, kernel, 2, 1, 'SAME', 2**30 - 1)": [1, 3, 3, 2],
    "within_channel_normalization(tf.zeros([0, 2**31, 2**31, 1]))": [
        *(0, 2**31, 2**31, 1)
    ],
    "local_response_normalization(tf.zeros([3, 2**40, 0]))": [3, 2**40, 0],
}


@pytest.mark.compat
def test_numbers_are_refused_by_name_or_taken(limited: Callable[..., Any]) -> None:
    outcomes = limited(CALLS, [*REFUSED, *TAKEN])
    for (call, name), outcome in zip(REFUSED.items(), outcomes, strict=False):
        assert outcome.is_one_line(name), (call, outcome)
    for (call, shape), outcome in zip(
        TAKEN.items(), outcomes[len(REFUSED) :], strict=True
    ):
        assert outcome.result == shape, (call, outcome)


# Where the shapes are not known before the op runs, the native op itself answers.
IN_GRAPHS = """
import tensorflow as tf
from keras_alexnet.ops import cross_connect

def case(shape):
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, shape[3]])])
    def step(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = cross_connect([x, x], kernels="native", norm=None, pool_size=1)
        return tape.gradient(y, x, tf.zeros(tf.shape(y, tf.int64)))
    return step(tf.zeros(shape)).shape.as_list()
"""


@pytest.mark.compat
def test_the_native_op_itself_takes_no_time_for_empty_maps(
    limited: Callable[..., Any],
) -> None:
    shapes = [[2**31 - 1, 1, 1, 0], [2**40, 3, 2, 0]]
    found = limited(IN_GRAPHS, shapes)
    assert [outcome.result for outcome in found] == shapes, found
