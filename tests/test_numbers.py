"""Every public argument that is a number, a pair or a shape, in whatever kind it comes.

NumPy's and TensorFlow's are the numbers that people have in hand. What is accepted has
to be Python's own afterwards: Keras fails on others, or cannot save them.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_alexnet
from keras_alexnet import AlexNet, architectures, layers, ops
from keras_alexnet.architectures import Architecture, Convolution, Pool
from keras_alexnet.architectures.records import BatchNorm
from keras_alexnet.inspection import filter_grid
from keras_alexnet.models import build
from keras_alexnet.optimizers import PaperSGD
from keras_alexnet.preprocessing import Preprocessing

WHOLE = {
    "int": int,
    "np.int64": np.int64,
    "np.int32": np.int32,
    "np.uint8": np.uint8,
    "array": np.array,
    "tf.int32": lambda n: tf.constant(n, tf.int32),
    "tf.int64": lambda n: tf.constant(n, tf.int64),
}
NO_WHOLE = [2.0, True, "2", None, 0, -1, np.float32(2), np.True_, tf.constant(2.0)]
# Beyond what TensorFlow's numbers hold; the last has more digits than Python shows.
TOO_LARGE = [2**63, np.uint64(2**63), 2**64, 10**5000]
REAL = {
    "float": float,
    "np.float32": np.float32,
    "np.float64": np.float64,
    "array": np.array,
    "tf.float32": lambda x: tf.constant(x, tf.float32),
}
NO_REAL = ["0.5", True, None, float("nan"), float("inf"), [0.5], tf.constant(True)]
NO_REAL += [10**400, 10**5000, "1e400", b"0.5"]
SHAPES = {
    "tuple": tuple,
    "list": list,
    "tf.TensorShape": tf.TensorShape,
    "array": np.array,
    "tensor": tf.constant,
    "of np.int64": lambda sides: tuple(map(np.int64, sides)),
}

X = tf.random.stateless_normal([1, 8, 8, 8], [0, 1])
FILTER = tf.random.stateless_normal([3, 3, 4, 8], [0, 2])
KERNELS = np.random.default_rng(0).normal(size=(3, 3, 3, 4))
PREDS = np.eye(1000)[:1]


def small(**arguments: Any) -> keras.Model:
    record = dataclasses.replace(architectures.get("owt"), dense=(4, 4))
    return build(record, **{"input_shape": (64, 64, 3), "classes": 3, **arguments})


class Case(NamedTuple):
    """An argument: what is called with it, a value of it, and what it must give."""

    name: str
    call: Callable[[Any], Any]
    value: Any


def config(layer: keras.layers.Layer) -> dict[str, Any]:
    """What Keras saves of a layer; it must be plain."""
    own = {k: v for k, v in layer.get_config().items() if k not in ("dtype", "name")}
    assert json.dumps(layer.get_config(), default=keras.saving.serialize_keras_object)
    return own


def record_of(**fields: Any) -> Any:
    record = dataclasses.replace(architectures.get("paper"), **fields)
    return {name: getattr(record, name) for name in fields}


WHOLES = [
    Case("classes", lambda n: small(classes=n).output_shape, 2),
    Case("classes", lambda n: _reset(n).output_shape, 2),
    Case("towers", lambda n: AlexNet(include_top=False, towers=n).count_params(), 2),
    Case("top", lambda n: keras_alexnet.decode_predictions(PREDS, top=n), 2),
    Case("scale", lambda n: filter_grid(KERNELS, n), 2),
    Case("output_size", lambda n: config(layers.AdaptiveAveragePooling2D(n)), 2),
    Case("towers", lambda n: config(layers.CrossConnection(n)), 2),
    Case("pool_size", lambda n: config(layers.CrossConnection(pool_size=n)), 2),
    Case(
        "pool_strides",
        lambda n: config(layers.CrossConnection(pool_size=3, pool_strides=n)),
        2,
    ),
    Case("towers", lambda n: config(layers.LocalResponseNormalization(towers=n)), 2),
    Case("size", lambda n: config(layers.LocalResponseNormalization(n)), 2),
    Case("size", lambda n: config(layers.WithinChannelNormalization(n)), 3),
    Case("filters", lambda n: config(layers.GroupedConv2D(n, 3)), 2),
    Case("kernel_size", lambda n: config(layers.GroupedConv2D(4, n)), 2),
    Case("groups", lambda n: config(layers.GroupedConv2D(4, 3, n)), 2),
    Case("strides", lambda n: config(layers.GroupedConv2D(4, 3, strides=n)), 2),
    Case(
        "dilation_rate",
        lambda n: config(layers.GroupedConv2D(4, 3, dilation_rate=n)),
        2,
    ),
    Case("towers", lambda n: ops.cross_connect(X, towers=n), 2),
    Case("pool_size", lambda n: ops.cross_connect(X, pool_size=n), 2),
    Case(
        "pool_strides",
        lambda n: ops.cross_connect(X, pool_size=2, pool_strides=n),
        2,
    ),
    Case("size", lambda n: ops.local_response_normalization(X, n), 2),
    Case("towers", lambda n: ops.local_response_normalization(X, towers=n), 2),
    Case("size", lambda n: ops.within_channel_normalization(X, n), 3),
    Case("size", lambda n: ops.LRN(n), 2),
    Case("groups", lambda n: ops.grouped_conv2d(X, FILTER, n), 2),
    Case("strides", lambda n: ops.grouped_conv2d(X, FILTER, 2, n), 2),
    Case("dilations", lambda n: ops.grouped_conv2d(X, FILTER, 2, dilations=n), 2),
    Case("filters", lambda n: Convolution(n, 3), 2),
    Case("kernel_size", lambda n: Convolution(4, n), 2),
    Case("strides", lambda n: Convolution(4, 3, n), 2),
    Case("groups", lambda n: Convolution(4, 3, groups=n), 2),
    Case("size", lambda n: Pool(n), 2),
    Case("strides", lambda n: Pool(3, n), 2),
    Case("input_size", lambda n: record_of(input_size=n), 96),
    Case("towers", lambda n: record_of(towers=n), 2),
    Case("averaged_size", lambda n: record_of(averaged_size=n), 6),
    Case("dense", lambda n: record_of(dense=(n, 4)), 5),
]
# Where None is a value of its own.
NONE_IS_FINE = {"towers", "pool_size", "pool_strides", "averaged_size", "input_shape"}
REALS = [
    Case("k", lambda x: config(layers.LocalResponseNormalization(k=x)), 0.5),
    Case("alpha", lambda x: config(layers.LocalResponseNormalization(alpha=x)), 0.5),
    Case("beta", lambda x: config(layers.LocalResponseNormalization(beta=x)), 0.5),
    Case("k", lambda x: config(layers.WithinChannelNormalization(k=x)), 0.5),
    Case("beta", lambda x: ops.local_response_normalization(X, beta=x), 0.5),
    Case("alpha", lambda x: ops.within_channel_normalization(X, alpha=x), 0.5),
    Case("rate", lambda x: config(layers.StatelessDropout(x)), 0.5),
    Case(
        "momentum",
        lambda x: config(layers.SynchronizedBatchNormalization(momentum=x)),
        0.5,
    ),
    Case(
        "epsilon",
        lambda x: config(layers.SynchronizedBatchNormalization(epsilon=x)),
        0.5,
    ),
    Case("dropout", lambda x: record_of(dropout=x), 0.5),
    Case("momentum", lambda x: BatchNorm(x), 0.5),
    Case("epsilon", lambda x: BatchNorm(epsilon=x), 0.5),
    Case("momentum", lambda x: PaperSGD(momentum=x).get_config(), 0.5),
    Case("decay", lambda x: PaperSGD(decay=x).get_config(), 0.5),
    Case("bias_rate", lambda x: PaperSGD(bias_rate=x).get_config(), 0.5),
    Case("mean", lambda x: Preprocessing(mean=(x, 1, 2)), 0.5),
    Case("scale", lambda x: Preprocessing(scale=[1, x, 2]), 0.5),
]
SHAPED = [
    Case("input_shape", lambda s: small(input_shape=s).input_shape, (64, 65, 3)),
    Case("pool_size", lambda s: config(layers.CrossConnection(pool_size=s)), (3, 2)),
    Case(
        "pool_strides",
        lambda s: ops.cross_connect(X, pool_size=2, pool_strides=s),
        (1, 2),
    ),
    Case("kernel_size", lambda s: config(layers.GroupedConv2D(4, s)), (3, 2)),
    Case("strides", lambda s: config(layers.GroupedConv2D(4, 3, strides=s)), (1, 2)),
    Case("strides", lambda s: ops.grouped_conv2d(X, FILTER, 2, s), (1, 2)),
    Case("dilations", lambda s: ops.grouped_conv2d(X, FILTER, 2, dilations=s), (1, 2)),
    Case("padding", lambda s: Convolution(4, 3, padding=s), (1, 2)),
    Case("share", lambda s: config(layers.StatelessDropout(0.5, share=s)), (0, 2)),
    Case("dense", lambda s: record_of(dense=s), (7, 5)),
]
NO_SHAPES: dict[str, list[Any]] = {
    "input_shape": [64, (64, 64), "abc", (64.0, 64, 3), (True, 64, 3), {64, 65, 3}]
    + [(2**31, 64, 3), (64, 64, 2**64), (64, 10**5000, 3)],
    "dense": [(0, 4), (4.5, 4), "44", (2**31, 4), (10**5000,)],
    "share": [(2, 2), (0,), "02", 1, (-1, 2), (0.0, 2), (1, 2**31), (2**64, 2**65)],
}
NO_PAIRS = [(2,), (2, 2, 2), (2.0, 2), (2, -1), "22", (2, None), (True, 2)]
# Those that TensorFlow's ops would end the process for are in `hostile/test_ops.py`.
NO_PAIRS += [(2**64, 2**64), (1, 10**5000)]


def _reset(classes: Any) -> keras.Model:
    return keras_alexnet.reset_classifier(small(), classes)


def label(case: Case) -> str:
    return case.name


def same(ours: Any, expected: Any) -> None:
    if tf.is_tensor(expected) or isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(ours, expected)
    else:
        assert repr(ours) == repr(expected)


@pytest.mark.compat
@pytest.mark.parametrize("case", WHOLES, ids=label)
def test_whole_numbers_of_every_kind(case: Case) -> None:
    expected = case.call(case.value)
    for kind in WHOLE.values():
        same(case.call(kind(case.value)), expected)


@pytest.mark.compat
@pytest.mark.parametrize("case", REALS, ids=label)
def test_numbers_of_every_kind(case: Case) -> None:
    expected = case.call(case.value)
    for kind in REAL.values():
        same(case.call(kind(case.value)), expected)


@pytest.mark.compat
@pytest.mark.parametrize("case", SHAPED, ids=label)
def test_shapes_of_every_kind(case: Case) -> None:
    expected = case.call(case.value)
    for kind in SHAPES.values():
        same(case.call(kind(case.value)), expected)


def refused(case: Case, value: Any) -> None:
    with pytest.raises(ValueError, match=f"{case.name}.*Received: ") as caught:
        case.call(value)
    message = str(caught.value)
    assert "\n" not in message
    assert f"{case.name} must" in message or f"{case.name} needs" in message


@pytest.mark.compat
@pytest.mark.parametrize("case", WHOLES, ids=label)
def test_what_is_no_whole_number_is_refused(case: Case) -> None:
    for value in [*NO_WHOLE, *TOO_LARGE]:
        if value is not None or case.name not in NONE_IS_FINE:
            refused(case, value)


@pytest.mark.compat
@pytest.mark.parametrize("case", REALS, ids=label)
def test_what_is_no_number_is_refused(case: Case) -> None:
    for value in NO_REAL:
        refused(case, value)


@pytest.mark.compat
@pytest.mark.parametrize("case", SHAPED, ids=label)
def test_what_is_no_shape_is_refused(case: Case) -> None:
    for value in NO_SHAPES.get(case.name, NO_PAIRS):
        refused(case, value)


@pytest.mark.compat
def test_unknown_sides_are_taken_in_a_tensor_shape() -> None:
    shape = tf.TensorShape([None, 64, 3])
    model = AlexNet(include_top=False, input_shape=shape)
    assert model.input_shape == (None, None, 64, 3)
    with pytest.raises(ValueError, match=r"Received: input_shape=TensorShape\(None\)"):
        AlexNet(input_shape=tf.TensorShape(None))


@pytest.mark.compat
def test_a_layer_gives_its_shape_for_whatever_describes_one() -> None:
    layer = layers.CrossConnection(2, pool_size=3, pool_strides=2)
    for kind in SHAPES.values():
        assert layer.compute_output_shape(kind((1, 13, 13, 8))) == (1, 6, 6, 8)
    joined = layers.CrossConnection()
    halves = [tf.TensorShape([None, 5, 5, 4])] * 2
    assert joined.compute_output_shape(halves) == (None, 5, 5, 8)


@pytest.fixture(scope="module")
def served() -> keras.Model:
    return small(classes=3)


NAMES = ["a", "b", "c"]
EXPORT: dict[str, tuple[int, list[Any]]] = {
    "top_k": (2, NO_WHOLE),
    "version": (7, [2.0, True, "2", -1, np.float32(2), tf.constant(2.0)]),
    "views": (10, [2, 1.0, True, "1", None]),
}


@pytest.mark.parametrize("argument", EXPORT)
def test_exports_take_numbers_of_every_kind(
    served: keras.Model, tmp_path: Path, argument: str
) -> None:
    value, wrong = EXPORT[argument]
    form: dict[str, Any] = {"class_names": NAMES, "preprocessing": "owt"}
    for index, kind in enumerate((np.int64, tf.constant)):
        path = keras_alexnet.export_saved_model(
            served,
            tmp_path / str(index),
            warmup=False,
            **{**form, argument: kind(value)},
        )
        card = json.loads((path / "assets.extra/keras_alexnet.json").read_text())
        written = {
            "top_k": card["top_k"],
            "version": int(path.name),
            "views": card["recipe"]["views"],
        }
        assert written[argument] == value
    for each in wrong:
        with pytest.raises(ValueError, match=f"{argument} must.*Received: {argument}="):
            keras_alexnet.export_saved_model(
                served, tmp_path / "no", **{**form, argument: each}
            )
    assert not (tmp_path / "no").exists()


@pytest.mark.compat
def test_records_of_other_kinds_are_the_same_network() -> None:
    numbers = {"dense": np.array([5, 4]), "input_size": np.int64(224)}
    ours = dataclasses.replace(architectures.get("owt"), **numbers)
    plain = dataclasses.replace(architectures.get("owt"), dense=(5, 4))
    assert isinstance(ours, Architecture)
    assert ours == plain
    form = {"input_shape": (64, 64, 3), "classes": 3}
    assert build(ours, **form).get_config() == build(plain, **form).get_config()
