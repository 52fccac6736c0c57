"""Grouped convolution without XLA, in the form that the machine at hand can run."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import tensorflow as tf

from keras_alexnet.ops.exports import being_saved, refuse_export
from keras_alexnet.whole_numbers import as_whole, pair

IntOrPair = int | Sequence[int]


def grouped_conv2d(
    x: tf.Tensor,
    kernel: tf.Tensor,
    groups: int,
    strides: IntOrPair = 1,
    padding: str = "VALID",
    dilations: IntOrPair = 1,
) -> tf.Tensor:
    """Convolves each group of channels with its own share of the kernels.

    The first `filters / groups` kernels read the first `channels / groups`
    channels, and so on: with two groups these are the two towers of the paper
    (section 3.2, figure 2).

    TensorFlow's own `conv2d` takes the grouped kernel as it is, and that is the
    fastest form; on a CPU without oneDNN its gradient is refused. A probe on the
    devices at hand decides, and where it fails, or where a SavedModel is being
    written that any server may have to run, each group is convolved by itself.

    Args:
        x: `[batch, height, width, channels]`.
        kernel: `[kernel height, kernel width, channels / groups, filters]`.
        groups: Number of groups; divides channels and filters.
        strides: One stride, or one each for height and width.
        padding: `"VALID"` or `"SAME"`.
        dilations: One dilation rate, or one each for height and width.

    Returns:
        `[batch, new height, new width, filters]`, of the type of `x`.

    Raises:
        ValueError: If a number is out of range, `groups` does not divide the channels
            or the filters, or the kernel does not fit them.

    Example:

    >>> y = grouped_conv2d(tf.ones([1, 4, 4, 6]), tf.ones([3, 3, 3, 8]), groups=2)
    >>> tuple(y.shape)
    (1, 2, 2, 8)
    """
    groups = _checked_groups(x, kernel, groups)
    convolve = functools.partial(
        tf.nn.conv2d,
        strides=pair("strides", strides),
        padding=padding,
        dilations=pair("dilations", dilations),
    )
    if groups == 1:
        return convolve(x, kernel)
    if not being_saved() and grouped_runs(x.dtype):
        return refuse_export(convolve(x, kernel), "a grouped convolution")
    pairs = zip(
        tf.split(x, groups, axis=-1), tf.split(kernel, groups, axis=-1), strict=True
    )
    return tf.concat([convolve(maps, share) for maps, share in pairs], axis=-1)


def _checked_groups(x: tf.Tensor, kernel: tf.Tensor, groups: int) -> int:
    channels, depth, filters = x.shape[-1], kernel.shape[-2], kernel.shape[-1]
    count = as_whole(groups) or 0
    if count < 1 or filters % count or depth * count != channels:
        raise ValueError(
            "groups must divide the filters, and channels must be groups times "
            f"the kernel's depth. Received: groups={groups!r}, channels={channels}, "
            f"kernel shape={tuple(kernel.shape)}"
        )
    return count


@functools.cache
def grouped_runs(dtype: tf.DType) -> bool:
    """Whether every kind of device at hand convolves and differentiates groups."""
    with tf.init_scope():
        kinds = ["CPU"] + (["GPU"] if tf.config.list_logical_devices("GPU") else [])
        return all(_probe(f"/{kind}:0", dtype) for kind in kinds)


def _probe(device: str, dtype: tf.DType) -> bool:
    # The gradient's ops by themselves: no tape records within init_scope.
    x, kernel = tf.ones([1, 3, 3, 4], dtype), tf.ones([3, 3, 2, 4], dtype)
    form = {"strides": [1, 1, 1, 1], "padding": "SAME"}
    try:
        with tf.device(device):
            y = tf.raw_ops.Conv2D(input=x, filter=kernel, **form)
            tf.raw_ops.Conv2DBackpropInput(
                input_sizes=x.shape, filter=kernel, out_backprop=y, **form
            )
            tf.raw_ops.Conv2DBackpropFilter(
                input=x, filter_sizes=kernel.shape, out_backprop=y, **form
            )
    except (tf.errors.OpError, ValueError):
        return False
    return True
