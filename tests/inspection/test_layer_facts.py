"""Where units look, against the gradient of a network of ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet import architectures
from keras_alexnet.inspection import layer_facts
from keras_alexnet.layers import CrossConnection


def _of_ones(layer: Any, x: tf.Tensor) -> tf.Tensor:
    """A layer along one side, all its weights 1, its pools sums."""
    if isinstance(layer, keras.layers.ZeroPadding2D):
        return tf.pad(x, [(0, 0), layer.padding[0], (0, 0)])
    if isinstance(layer, keras.layers.Conv2D):
        window, step = layer.kernel_size[0], layer.strides[0]
        padding = layer.padding.upper()
    elif isinstance(layer, keras.layers.MaxPooling2D):
        window, step, padding = layer.pool_size[0], layer.strides[0], "VALID"
    elif isinstance(layer, CrossConnection) and layer.pools:
        window, step, padding = 3, 2, "VALID"
    else:
        return x
    return tf.nn.conv1d(x, tf.ones([window, 1, 1]), step, padding)


@pytest.mark.parametrize("variant", architectures.names())
@pytest.mark.parametrize("side", [96, 127])
def test_a_unit_looks_where_its_gradient_is_not_zero(
    small: Callable[..., keras.Model], variant: str, side: int
) -> None:
    model = small(variant, side)
    facts = layer_facts(model)
    x = tf.ones([1, side, 1])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y, given = x, {}
        for layer in model.layers:
            y = _of_ones(layer, y)
            if layer.name == "flatten":
                break
            ends = [y[0, place, 0] for place in (0, y.shape[1] // 2, -1)]
            given[layer.name] = y.shape[1], ends
        total = tf.reduce_sum(y)
    for name, layer in facts.items():
        if len(layer.shape) == 1:
            seen = np.flatnonzero(tape.gradient(total, x)[0, :, 0])
            assert layer.field.box(0, 0)[::2] == (seen[0], seen[-1] + 1), name
            continue
        count, ends = given[name]
        assert layer.shape[:2] == (count, count)
        for place, end in zip((0, count // 2, count - 1), ends, strict=True):
            seen = np.flatnonzero(tape.gradient(end, x)[0, :, 0])
            box = layer.field.box(place, 0)
            assert box[::2] == (seen[0], seen[-1] + 1), (name, place)
            assert box[1] == 0


def test_towers_are_the_groups_of_the_convolutions(
    small: Callable[..., keras.Model],
) -> None:
    def towers(variant: str) -> list[int]:
        return [each.towers for each in layer_facts(small(variant)).values()]

    assert towers("paper") == [2] * 7
    assert towers("caffe") == [2] * 5 + [1] * 2  # groups, normalised in one stream
    assert towers("one_column") == [1] * 7
    conv3 = layer_facts(small("paper"))["conv3"]
    assert [conv3.tower(unit) for unit in (0, 7, 8, 15)] == [0, 0, 1, 1]


def test_a_network_without_its_top_is_refused(
    small: Callable[..., keras.Model],
) -> None:
    with pytest.raises(ValueError, match=r"with its top.*without 'fc8'"):
        layer_facts(small(include_top=False))
