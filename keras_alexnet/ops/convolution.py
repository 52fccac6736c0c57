"""Grouped convolution without XLA, in the fastest form that this machine can run."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_alexnet.ops.dense import bias_gradient
from keras_alexnet.ops.dispatch import on_gpu
from keras_alexnet.ops.swapping import Function, being_saved, gradient_of, swapped
from keras_alexnet.reasons import must_be, shown
from keras_alexnet.whole_numbers import LARGEST_OF_OPS, as_whole, pair

IntOrPair = int | Sequence[int]
_AMPERE = (8, 0)  # compute capability


def grouped_conv2d(
    x: tf.Tensor,
    kernel: tf.Tensor,
    groups: int,
    strides: IntOrPair = 1,
    padding: str = "VALID",
    dilations: IntOrPair = 1,
    bias: tf.Tensor | None = None,
) -> tf.Tensor:
    """Convolves each group of channels with its own part of the kernels.

    The first `filters / groups` kernels read the first `channels / groups`
    channels, and so on: with two groups these are the two towers of the paper
    (section 3.2, figure 2).

    The fastest form is TensorFlow's own `conv2d`, which accepts a grouped kernel. But
    on a CPU without oneDNN TensorFlow refuses its gradient. So a small convolution is
    tried on each kind of device of this process; where that fails, each group is
    convolved separately. Graphs always hold the separate convolutions, because any
    server may have to run them; where this process runs a graph, it uses on each device
    the fastest form that runs there (see `swapping`).

    Args:
        x: `[batch, height, width, channels]`.
        kernel: `[kernel height, kernel width, channels / groups, filters]`.
        groups: Number of groups; divides channels and filters.
        strides: One stride, or one each for height and width.
        padding: `"VALID"` or `"SAME"`.
        dilations: One dilation rate, or one each for height and width.
        bias: `[filters]`, added to every position, or `None`.

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
    form = {
        "strides": pair("strides", strides),
        "padding": padding,
        "dilations": _checked_dilations(kernel, dilations),
    }
    whole = functools.partial(_whole, **form)
    inputs = [tf.convert_to_tensor(each) for each in (x, kernel)]
    if bias is not None:
        inputs.append(tf.convert_to_tensor(bias))
    split = functools.partial(_split, groups=groups, **form)
    if tf.executing_eagerly():
        # The gradients of the whole convolution are the fastest too.
        kind = "GPU" if on_gpu() else "CPU"
        runs = groups == 1 or grouped_runs(kind, x.dtype)
        y = (whole if runs else split)(*inputs[:2])
        return y if bias is None else _with_bias(y, inputs[2])
    if groups == 1:
        # oneDNN fuses it, and sums the bias' gradient with the kernel's, in float32.
        return whole(*inputs)
    if being_saved() or not tf.compat.v1.executing_eagerly_outside_functions():
        return split(*inputs)
    devices = tuple(kind for kind in _kinds() if grouped_runs(kind, x.dtype))
    if not devices:
        return split(*inputs)
    interface = f"keras_alexnet convolution {groups} {form}"
    return _swapped(split, whole, interface, devices)(*inputs)


def _whole(
    x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor | None = None, **form: Any
) -> tf.Tensor:
    y = tf.nn.conv2d(x, kernel, **form)
    return y if bias is None else tf.nn.bias_add(y, bias)


_with_bias = swapped(
    "keras_alexnet bias",
    tf.nn.bias_add,
    tf.nn.bias_add,
    gradient=lambda _, upstream: [upstream[0], bias_gradient(upstream[0])],
)


def _split(
    x: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor | None = None,
    *,
    groups: int,
    **form: Any,
) -> tf.Tensor:
    pairs = zip(
        tf.split(x, groups, axis=-1), tf.split(kernel, groups, axis=-1), strict=True
    )
    y = tf.concat([_whole(maps, part, **form) for maps, part in pairs], axis=-1)
    return y if bias is None else tf.nn.bias_add(y, bias)


def _swapped(
    split: Function, whole: Function, interface: str, devices: Sequence[str]
) -> Function:
    """The convolution: graphs hold `split`, and these devices run `whole`."""

    def of_input(convolve: Function, index: int) -> Function:
        both = gradient_of(interface, convolve)
        return lambda x, kernel, upstream: both([x, kernel], [upstream])[index]

    # One function for each gradient, so that an unused gradient is not computed.
    of_x, of_kernel = (
        swapped(
            f"{interface} gradient {index}",
            of_input(split, index),
            of_input(whole, index),
            devices=devices,
        )
        for index in (0, 1)
    )

    def gradient(
        inputs: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor]
    ) -> list[tf.Tensor]:
        x, kernel, *bias = inputs
        found = [of_x(x, kernel, *upstream), of_kernel(x, kernel, *upstream)]
        if bias:
            found.append(bias_gradient(upstream[0]))
        return found

    return swapped(interface, split, whole, gradient=gradient, devices=devices)


def keep_channels_last() -> bool:
    """Lets the GPUs of this process compute float32 in the layout of the graphs.

    TensorFlow's graph optimiser moves float32 maps to channels first on any GPU, and
    back before each op that reads channels last. But tensor cores since Ampere compute
    float32 with channels last (`ComputeInNhwcEnabled` in `conv_ops_gpu.cc`). So that
    optimiser is switched off, if all visible GPUs have such cores, TF32 is on, and
    nobody has set it otherwise. In 16 bits it moves nothing anyway.

    Returns:
        Whether it was switched off.

    Example:

    >>> keep_channels_last()  # no GPU is visible here
    False
    """
    gpus = tf.config.get_visible_devices("GPU")
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    cores = [each.get("compute_capability") or (0, 0) for each in details]
    if not cores or min(cores) < _AMPERE:
        return False
    if not tf.config.experimental.tensor_float_32_execution_enabled():
        return False
    if "layout_optimizer" in tf.config.optimizer.get_experimental_options():
        return False
    tf.config.optimizer.set_experimental_options({"layout_optimizer": False})
    return True


def _checked_groups(x: tf.Tensor, kernel: tf.Tensor, groups: int) -> int:
    channels, depth, filters = x.shape[-1], kernel.shape[-2], kernel.shape[-1]
    count = as_whole(groups) or 0
    if count < 1 or filters % count or depth * count != channels:
        raise ValueError(
            "groups must divide the filters, and channels must be groups times "
            f"the kernel's depth. Received: groups={shown(groups)}, "
            f"channels={channels}, kernel shape={tuple(kernel.shape)}"
        )
    return count


def _checked_dilations(kernel: tf.Tensor, dilations: IntOrPair) -> tuple[int, int]:
    """The rates, if the ops can count the positions that the kernel reaches over."""
    rates = pair("dilations", dilations)
    sides = [side or 1 for side in kernel.shape[:2]]
    reach = max((side - 1) * rate for side, rate in zip(sides, rates, strict=True))
    if reach >= LARGEST_OF_OPS:
        raise must_be(
            "dilations", f"below {LARGEST_OF_OPS} divided by the kernel's side", rates
        )
    return rates


# What a GPU answers that has no memory left, for the maps or for cuDNN itself.
_PASSING = (
    tf.errors.InternalError,
    tf.errors.NotFoundError,
    tf.errors.ResourceExhaustedError,
    tf.errors.UnknownError,
)
_known: dict[tuple[str, tf.DType], bool] = {}


def grouped_runs(kind: str, dtype: tf.DType) -> bool:
    """Whether this kind of device runs grouped convolution and its gradient.

    Args:
        kind: `"CPU"` or `"GPU"`.
        dtype: The type of the maps.
    """
    if (kind, dtype) not in _known:
        try:
            with tf.init_scope():
                _probe(f"/{kind}:0", dtype)
        except _PASSING:
            return False  # and ask again the next time
        except (ValueError, tf.errors.OpError):
            _known[kind, dtype] = False
        else:
            _known[kind, dtype] = True
    return _known[kind, dtype]


def _kinds() -> list[str]:
    return ["CPU"] + (["GPU"] if tf.config.list_logical_devices("GPU") else [])


def _probe(device: str, dtype: tf.DType) -> None:
    # As many channels a group as conv2 has: what cuDNN can do depends on it. The ops of
    # the gradient are called directly: no tape records within init_scope.
    x, kernel = tf.ones([1, 3, 3, 96], dtype), tf.ones([3, 3, 48, 96], dtype)
    form = {"strides": [1, 1, 1, 1], "padding": "SAME"}
    with tf.device(device):
        y = tf.raw_ops.Conv2D(input=x, filter=kernel, **form)
        of_x = tf.raw_ops.Conv2DBackpropInput(
            input_sizes=x.shape, filter=kernel, out_backprop=y, **form
        )
        of_kernel = tf.raw_ops.Conv2DBackpropFilter(
            input=x, filter_sizes=kernel.shape, out_backprop=y, **form
        )
    for result in (y, of_x, of_kernel):
        result.numpy()  # a GPU reports some errors only when its results are read
