"""What is counted without a model, against the model that is built, and by hand."""

from __future__ import annotations

import dataclasses
import json
import math
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_alexnet
from keras_alexnet import anatomy, architectures
from keras_alexnet.architectures import Architecture, Convolution, Pool, ReLU
from keras_alexnet.architectures.anatomy import Anatomy
from keras_alexnet.layers import CrossConnection
from keras_alexnet.models import build
from keras_alexnet.two_towers import Exchange, convert_towers

VARIANTS = architectures.names()
# Odd sizes: rest pixels that no window reads, maps that owt averages to 6×6.
SIZES = [(name, side) for name in VARIANTS for side in (None, 99)] + [("owt", 321)]
SMALL = {"dense": (12, 8)}


@cache
def built(variant: str, side: int | None) -> keras.Model:
    record = dataclasses.replace(architectures.get(variant), **SMALL)
    side = side or record.input_size
    return build(record, input_shape=(side, side, 3), classes=5)


@cache
def counted(variant: str, side: int | None) -> Anatomy:
    record = dataclasses.replace(architectures.get(variant), **SMALL)
    return anatomy(record, side, classes=5)


def test_the_papers_totals() -> None:
    paper = anatomy("paper", 224)
    assert dataclasses.asdict(paper.totals) == {
        "parameters": 60_965_224,
        "multiply_adds": 724_406_816,
        # The paper's list, with 55·55·96 for its 253,440.
        "neurons": 290_400 + 186_624 + 64_896 * 2 + 43_264 + 4096 * 2 + 1000,
    }
    dense = paper.dense_totals
    assert round(100 * dense.parameters / paper.totals.parameters, 1) == 96.2
    assert round(100 * dense.multiply_adds / paper.totals.multiply_adds, 1) == 8.1
    fields = {each.name: each.receptive_field for each in paper.steps}
    assert fields == {
        "conv1": 11,
        "pool1": 19,
        "conv2": 51,
        "pool2": 67,
        "conv3": 99,
        "conv4": 131,
        "conv5": 163,
        "pool5": 195,
        **dict.fromkeys(("fc6", "fc7", "fc8"), 224),
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameters_are_counted_once(variant: str) -> None:
    record = architectures.get(variant)
    for classes in (1000, 10):
        found = anatomy(variant, classes=classes).totals.parameters
        assert found == record.parameters(classes)


@pytest.mark.compat
@pytest.mark.parametrize(("variant", "side"), SIZES)
def test_layers_are_those_of_the_model(variant: str, side: int | None) -> None:
    model = built(variant, side)
    layers = [each for each in counted(variant, side).layers if each.seam is None]
    without_values = ("images", "pad", "flatten")
    expected = [
        layer for layer in model.layers if not layer.name.startswith(without_values)
    ]
    assert [each.name for each in layers] == [each.name for each in expected]
    for each, layer in zip(layers, expected, strict=True):
        shape = tuple(layer.output.shape[1:])
        if len(shape) == 3 or each.side == 1:
            assert each.maps == (1, 1, *shape)[-3:], each.name
        else:  # dropout of the flattened maps
            assert (each.values,) == shape
        trained = sum(math.prod(w.shape) for w in layer.trainable_weights)
        assert each.parameters == trained, each.name
    total = counted(variant, side).totals.parameters
    assert total == sum(math.prod(w.shape) for w in model.trainable_weights)


def products(layer: Any) -> int:
    """Multiply-adds by TensorFlow: of values and weights of 1, all products added."""
    kernel = tf.ones(layer.kernel.shape, tf.float64)
    if len(kernel.shape) == 2:
        return int(tf.reduce_sum(tf.ones([1, kernel.shape[0]], tf.float64) @ kernel))
    height, width = layer.input.shape[1:3]
    if layer.padding == "same":
        height, width = (side + kernel.shape[0] - 1 for side in (height, width))
    x = tf.ones([1, height, width, kernel.shape[2]], tf.float64)
    y = tf.nn.conv2d(x, kernel[..., :1], layer.strides, "VALID")
    return int(tf.reduce_sum(y)) * kernel.shape[3]


@pytest.mark.parametrize(("variant", "side"), SIZES)
def test_multiply_adds_are_the_products_that_are_added(
    variant: str, side: int | None
) -> None:
    model, found = built(variant, side), counted(variant, side)
    weighted = [each for each in found.layers if each.neurons]
    assert len(weighted) >= 8
    for each in weighted:
        assert each.multiply_adds == products(model.get_layer(each.name)), each.name
    assert found.totals.multiply_adds == sum(each.multiply_adds for each in weighted)
    assert found.totals.neurons == sum(each.values for each in weighted)


def ones(layer: Any, x: Any) -> Any:
    """What a layer reads of one row of values, as sums of it: nothing is hidden."""
    windows = []
    if layer.name.startswith("conv") and hasattr(layer, "kernel_size"):
        size, step = layer.kernel_size[0], layer.strides[0]
        before = size // 2 if layer.padding == "same" else 0
        windows.append((size, step, before))
    elif isinstance(layer, keras.layers.ZeroPadding2D):
        return tf.pad(x, [[0, 0], [layer.padding[0][0], 64], [0, 0]])
    elif isinstance(layer, CrossConnection) and layer.get_config()["pool_size"]:
        pool = layer.get_config()
        windows.append((pool["pool_size"][0], pool["pool_strides"][0], 0))
    elif isinstance(layer, keras.layers.MaxPooling2D):
        windows.append((layer.pool_size[0], layer.strides[0], 0))
    for size, step, before in windows:
        x = tf.pad(x, [[0, 0], [before, before], [0, 0]])
        x = tf.nn.conv1d(x, tf.ones([size, 1, 1]), step, "VALID")
    return x


@pytest.mark.parametrize("variant", VARIANTS)
def test_receptive_fields_are_where_the_gradient_is_not_zero(variant: str) -> None:
    model, found = built(variant, None), counted(variant, None)
    rows = tf.ones([1, 800, 1])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(rows)
        x, two = rows, {}
        for layer in model.layers[: [m.name for m in model.layers].index("flatten")]:
            x = ones(layer, x)
            middle = x.shape[1] // 2
            two[layer.name] = x[0, middle, 0], x[0, middle + 1, 0]
    checked = 0
    for each in found.layers:
        if each.name not in two:
            continue
        ends = []
        for value in two[each.name]:
            seen = np.flatnonzero(tape.gradient(value, rows)[0, :, 0])
            assert len(seen) == each.receptive_field, each.name
            ends.append(seen[0])
        assert ends[1] - ends[0] == each.stride, each.name
        checked += 1
    assert checked >= 10


@pytest.mark.parametrize("side", [224, 227, 100])
def test_units_see_the_pixels_that_any_window_reads(side: int) -> None:
    """Pixels at the end of a side may be read by no window."""
    x = tf.ones([1, side, 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x
        for size, step, pad in [(11, 4, 0), (3, 2, 0), (5, 1, 2), (3, 2, 0)] + [
            (3, 1, 1)
        ] * 3:
            y = tf.nn.conv1d(
                tf.pad(y, [[0, 0], [pad, pad], [0, 0]]),
                tf.ones([size, 1, 1]),
                step,
                "VALID",
            )
        y = tf.nn.conv1d(y, tf.ones([3, 1, 1]), 2, "VALID")
        total = tf.reduce_sum(y)
    seen = np.count_nonzero(tape.gradient(total, x))
    assert anatomy("caffe", side).layer("fc6").receptive_field == seen


def cut_off() -> Architecture:
    """The paper's network, whose towers do not meet before fc6."""
    paper = dataclasses.replace(architectures.get("paper"), name="cut off", **SMALL)
    convolutions = list(paper.convolutions)
    convolutions[2] = dataclasses.replace(convolutions[2], groups=2)
    return dataclasses.replace(paper, convolutions=tuple(convolutions))


def fc8_alone(towers: int, averaged_size: int | None) -> Architecture:
    """Three convolutions for 28 px, as of a network for CIFAR-10, and fc8."""
    stages = (ReLU(), Pool(3, 2))
    return Architecture(
        "fc8 alone",
        towers,
        (
            Convolution(32, 5, 1, (2, 2), stages=stages),
            Convolution(32, 5, 1, (2, 2), groups=towers, stages=stages),
            Convolution(64, 5, 1, (2, 2), groups=towers, stages=stages),
        ),
        dense=(),
        averaged_size=averaged_size,
        input_size=28,
    )


CROSSING = {
    "paper": dataclasses.replace(architectures.get("paper"), **SMALL),
    "six_conv": dataclasses.replace(architectures.get("six_conv"), **SMALL),
    "cut off": cut_off(),
    "fc8 alone": fc8_alone(2, None),
    "averaged": fc8_alone(2, 1),
}


@pytest.mark.compat
@pytest.mark.parametrize("name", CROSSING)
def test_what_crosses_is_what_the_exchanges_of_two_devices_send(name: str) -> None:
    record = CROSSING[name]
    side = 99 if record.input_size > 99 else record.input_size
    model = build(record, input_shape=(side, side, 3), classes=5)
    towers = convert_towers(model, ("/CPU:0", "/CPU:0"))
    x = tf.random.stateless_normal([2, side, side, 3], [0, 1])
    np.testing.assert_allclose(towers(x), model(x), rtol=1e-5)
    expected = []
    for layer in towers.layers:
        if isinstance(layer, Exchange):
            sizes = [math.prod(x.shape[1:]) for x in layer.input]
            readers = (1, 0) if layer.name != "to_fc8" else (None, 0)
            name = layer.name.removeprefix("to_")
            expected += [
                (name, source, reader, size)
                for source, (reader, size) in enumerate(
                    zip(readers, sizes, strict=True)
                )
                if reader is not None
            ]
    counted = anatomy(record, side, classes=5).crossings
    assert sorted(map(dataclasses.astuple, counted)) == sorted(expected)
    met = {"cut off": ["fc6", "fc7", "fc8"], "fc8 alone": ["fc8"], "averaged": ["fc8"]}
    if name in met:
        assert list(dict.fromkeys(each.layer for each in counted)) == met[name]


@pytest.mark.compat
def test_towers_that_are_cut_off_see_nothing_of_each_other() -> None:
    """Up to the last maps, one tower's weights change nothing in the other."""
    model = build(cut_off(), input_shape=(99, 99, 3), classes=5)
    maps = keras.Model(model.input, model.get_layer("seam5").output)
    x = tf.random.stateless_normal([2, 99, 99, 3], [0, 1]) * 50
    before = np.asarray(maps(x))
    for name in ("conv1", "conv2", "conv3", "conv4", "conv5"):
        layer = model.get_layer(name)
        kernel, bias = layer.get_weights()
        kernel[..., kernel.shape[-1] // 2 :] += 0.01  # of tower b
        layer.set_weights([kernel, bias])
    change = np.abs(np.asarray(maps(x)) - before).max(axis=(0, 1, 2))
    assert not change[:128].any()
    assert change[128:].min() > 0


@pytest.mark.compat
@pytest.mark.parametrize(
    ("averaged_size", "reads"), [(None, 2 * 2 * 64), (1, 64), (3, 3 * 3 * 64)]
)
def test_a_network_of_convolutions_and_fc8_is_counted(
    averaged_size: int | None, reads: int
) -> None:
    """28, pooled to 13, 6 and 2: counted by hand."""
    record = fc8_alone(1, averaged_size)
    convolutions = 32 * (25 * 3 + 1) + 32 * (25 * 32 + 1) + 64 * (25 * 32 + 1)
    count = convolutions + 10 * (reads + 1)
    model = build(record, classes=10)
    found = anatomy(record, classes=10)
    assert model.count_params() == count == found.totals.parameters
    assert record.parameters(10) == count
    assert found.dense_totals.parameters == 10 * (reads + 1)
    assert model(tf.zeros([1, 28, 28, 3])).shape == (1, 10)
    assert "fc8 has" in str(found)
    assert "fc6" not in str(found) + found.to_svg() + found.to_json()


def test_what_crosses_at_full_size() -> None:
    """The sizes of docs/two-towers.md, which are counted in the graphs of a step."""
    found = {(each.layer, each.values) for each in anatomy().crossings}
    assert found == {("conv3", 21632), ("fc6", 4608), ("fc7", 2048), ("fc8", 2048)}
    assert [e.source for e in anatomy().crossings if e.layer == "fc8"] == [1]
    assert anatomy("caffe").crossings == ()


def test_towers_have_all_of_a_layer_between_them() -> None:
    paper = anatomy()
    for layer in paper.layers:
        if layer.name not in ("fc8", "probabilities"):
            assert layer.shares[0] == dataclasses.replace(
                layer.shares[1], reads=layer.shares[0].reads
            )
    a, b = (paper.tower_memory(tower) for tower in (0, 1))
    pictures = paper.memory[0].total
    assert a + b == sum(each.total for each in paper.memory) + pictures


def test_groups_that_are_not_the_towers() -> None:
    """Four towers, and convolutions of two groups: each reads a pair of towers."""
    record = Architecture(
        "pairs",
        4,
        (
            Convolution(8, 3, stages=(ReLU(), Pool())),
            Convolution(8, 3, groups=2),
            Convolution(16, 3, groups=8),
        ),
        dense=(),
        input_size=32,
    )
    found = anatomy(record)
    pairs = [share.reads for share in found.layer("conv2").shares]
    assert pairs == [(0, 1), (0, 1), (2, 3), (2, 3)]
    assert [share.reads for share in found.layer("conv3").shares] == [
        (tower,) for tower in range(4)
    ]
    model = build(record, classes=1000)
    assert found.totals.parameters == model.count_params()


def test_memory_of_training_by_hand() -> None:
    memory = {each.name: each for each in anatomy(batch_size=2).memory}
    assert memory["images"].total == 2 * 4 * 224 * 224 * 3
    assert memory["norm1"].maps == memory["norm1"].gradients == 2 * 4 * 55 * 55 * 96
    assert memory["norm1"].weights == 0
    assert memory["conv1"].weights == 12 * (11 * 11 * 3 + 1) * 96
    assert not {"relu1", "seam1"} & set(memory)
    weights = sum(each.weights for each in memory.values())
    assert weights == 731_582_688  # 12 · 60,965,224


def test_a_network_of_ones_own() -> None:
    record = Architecture(
        "own", 1, (Convolution(6, 5, 2), Convolution(4, 3)), dense=(9,), input_size=32
    )
    found = anatomy(record, 40, classes=3)
    assert [each.name for each in found.steps] == ["conv1", "conv2", "fc6", "fc8"]
    assert found.layer("conv2").receptive_field == 9
    model = build(record, input_shape=(40, 40, 3), classes=3)
    assert found.totals.parameters == model.count_params()


BAD: dict[str, tuple[dict, str]] = {
    "variant": ({"variant": "vgg"}, "variant must be one of"),
    "image_size": (
        {"image_size": 63},
        "image_size must be a whole number, at least 64",
    ),
    "no number": ({"image_size": "224"}, "Received: image_size='224'"),
    "classes": ({"classes": 0}, "classes must be a whole number"),
    "batch_size": ({"batch_size": True}, "batch_size must be a whole number"),
    "record": (
        {"variant": dataclasses.replace(architectures.get("paper"), convolutions=())},
        "convolutions of an architecture",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_out_of_range_is_named(case: str) -> None:
    arguments, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        anatomy(**arguments)


def test_an_unknown_layer_is_named() -> None:
    with pytest.raises(ValueError, match=r"name must be one of conv1, .*'pool3'"):
        anatomy().layer("pool3")


@pytest.mark.parametrize("variant", VARIANTS)
def test_json_has_every_layer_and_adds_up(variant: str) -> None:
    found = anatomy(variant)
    content = json.loads(found.to_json())
    for layer in content["layers"]:
        height, width, maps = layer["maps"]
        assert height == width
        assert maps == sum(share["maps"] for share in layer["towers"])
        for name in ("parameters", "multiply_adds", "receptive_field", "stride"):
            assert type(layer[name]) is int
    totals = dataclasses.asdict(found.totals)
    assert content["totals"] == totals
    for name in totals:
        assert sum(layer[name] for layer in content["layers"]) == totals[name]
    names = [layer["name"] for layer in content["layers"]]
    assert len(set(names)) == len(names)
    assert {"pool1", "seam1", "pool5"} <= set(names)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_table_fits_a_terminal_and_has_every_step(variant: str) -> None:
    found = anatomy(variant)
    lines = str(found).splitlines()
    assert max(map(len, lines)) <= 80
    begins = {line.split()[0] for line in lines if line.strip()}
    assert {each.name for each in found.steps} <= begins
    assert f"{found.totals.parameters:,}" in str(found)
    assert ("tower" in begins) == (found.towers > 1)


ANSWERS = {
    "55 of 224": ({}, "(224 − 11) / 4 + 1 = 54.25, rounded up: the last window ends 3"),
    "55 of 227": ({"variant": "caffe"}, "(227 − 11) / 4 + 1 = 55."),
    "55 with padding": ({"variant": "owt"}, "(224 + 2 · 2 − 11) / 4 + 1 = 55.25, rou"),
    "62 million": ({}, "60,965,224, since each kernel of conv2, conv4, conv5"),
    "62 million, exactly": ({}, "; 62,378,344 if it read all of them"),
    "no groups": ({"variant": "modern"}, "62,379,720; its kernels read all maps"),
    "share": ({}, "fc6 to fc8 have 96.2% of the parameters and 8.1% of the"),
    "memory": ({}, "momentum take 0.73 GB, the maps 0.73, their gradients 0.65"),
    "it fits": ({}, "2.35 GB. 3 GB, 3.22 billion bytes, would hold that"),
    "it does not": ({"batch_size": 256}, "would not hold that"),
    "where it is full": ({"batch_size": 256}, "full at 196 pictures"),
    "290,400": ({}, "55 · 55 · 96 = 290,400. The paper prints 253,440 = 55 · 48 · 96"),
    "9,216": ({}, "Why does fc6 read 9,216 values, not 43,264?"),
    "195": ({}, "conv5 163, pool5 195. The picture has 224"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_answers(case: str) -> None:
    arguments, words = ANSWERS[case]
    said = "\n".join(map(" ".join, anatomy(**arguments).questions))
    assert words in said


def test_where_3_gb_are_full() -> None:
    def held(pictures: int) -> int:
        found = anatomy(batch_size=pictures)
        divisors = 4 * pictures * (55 * 55 * 96 + 27 * 27 * 256)
        return sum(each.total for each in found.memory) + divisors

    assert held(196) <= 3 * 2**30 < held(197)


def test_questions_that_do_not_arise_are_left_out() -> None:
    asked = [question for question, _ in anatomy("one_column").questions]
    assert "Why two GPUs?" not in asked
    assert not any("253,440" in question for question in asked)
    six = [question for question, _ in anatomy("six_conv").questions]
    assert not any("fc6 read" in question for question in six)


def test_it_is_a_public_function() -> None:
    assert keras_alexnet.anatomy is anatomy
    assert keras_alexnet.anatomy()._repr_svg_().startswith("<svg")


def test_more_windows_than_pixels_have_no_stride() -> None:
    found = anatomy("owt", image_size=100)  # an average of 2×2 to 6×6
    rows = [line.split() for line in str(found).split("\n")]
    assert ["average", "6×6×256"] in [row[:2] for row in rows]
    assert next(row for row in rows if row[:1] == ["average"])[-1] == "–"
