"""The network: its sizes, its names, its two towers, its arguments."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import computing_in

import keras_alexnet
from keras_alexnet import AlexNet, architectures
from keras_alexnet.models import build

# Facts of the paper's figure 2, and sizes by the released source's rules.
MAPS = {
    "conv1": (55, 55, 96),
    "seam1": (27, 27, 96),
    "conv2": (27, 27, 256),
    "seam2": (13, 13, 256),
    "conv3": (13, 13, 384),
    "conv4": (13, 13, 384),
    "conv5": (13, 13, 256),
    "seam5": (6, 6, 256),
    "fc6": (4096,),
    "fc7": (4096,),
    "fc8": (1000,),
}
# layers-145.cfg: weights of each layer, both towers together.
WEIGHTS = {
    "conv1": 34_848,
    "conv2": 307_200,
    "conv3": 884_736,
    "conv4": 663_552,
    "conv5": 442_368,
    "fc6": 37_748_736,
    "fc7": 16_777_216,
    "fc8": 4_096_000,
}


@pytest.fixture(scope="module")
def paper() -> keras.Model:
    return AlexNet()


def small(**arguments: object) -> keras.Model:
    return AlexNet(**{"input_shape": (64, 64, 3), "classes": 5, **arguments})


def test_the_papers_layers_have_their_number_of_weights(paper: keras.Model) -> None:
    for name, count in WEIGHTS.items():
        assert np.prod(paper.get_layer(name).kernel.shape) == count


def test_maps_have_the_papers_sizes(paper: keras.Model) -> None:
    sizes = {name: tuple(paper.get_layer(name).output.shape)[1:] for name in MAPS}
    assert sizes == MAPS


@pytest.mark.parametrize("side", [64, 67, 100, 163, 224, 227, 256])
def test_conv1_rounds_up_as_the_released_source_does(side: int) -> None:
    model = small(input_shape=(side, side, 3), include_top=False)
    modules = 1 + int(np.ceil((side - 11) / 4))  # layer.py, modulesX
    assert model.get_layer("conv1").output.shape[1] == modules


def test_the_smallest_input_leaves_one_position() -> None:
    assert small(include_top=False).output_shape == (None, 1, 1, 256)
    with pytest.raises(ValueError, match=r"at least 64x64.*Received.*63, 64, 3"):
        small(input_shape=(63, 64, 3))


def test_towers_are_joined_only_where_the_paper_cross_connects() -> None:
    model = small()

    def first_tower_changes(first: str, last: str) -> bool:
        inner = keras.Model(model.get_layer(first).input, model.get_layer(last).output)
        shape = inner.input_shape[1:]
        a = tf.random.stateless_normal([1, *shape], [0, 1])
        half = shape[-1] // 2
        b = tf.concat([a[..., :half], a[..., half:] + 1], axis=-1)
        ya, yb = inner(a), inner(b)
        own = ya.shape[-1] // 2
        return not np.allclose(ya[..., :own], yb[..., :own])

    assert not first_tower_changes("seam1", "seam2")
    assert first_tower_changes("conv3", "conv3")
    assert not first_tower_changes("conv4", "seam5")


def test_initial_values_are_as_named() -> None:
    for name, fc6, conv3, bias in (
        ("default", 0.005, 0.01, 0.1),
        ("caffe", 0.005, 0.01, 0.1),
        ("paper", 0.01, 0.01, 1.0),
        ("source", 0.01, 0.03, 1.0),
    ):
        model = small(initialization=name)
        assert np.std(model.get_layer("fc6").kernel) == pytest.approx(fc6, rel=0.01)
        assert np.std(model.get_layer("conv3").kernel) == pytest.approx(conv3, rel=0.01)
        for layer in ("conv2", "conv4", "conv5", "fc6", "fc7"):
            assert np.allclose(model.get_layer(layer).bias, bias)
        for layer in ("conv1", "conv3", "fc8"):
            assert not np.any(model.get_layer(layer).bias)


# Of each layer, at 64 px and for 3 classes: the values that a unit reads, and the units
# that read a value; kernels of conv2 read the 48 maps of their tower, as 127 others do.
GLOROT = {
    "conv1": (11 * 11 * 3, 11 * 11 * 96),
    "conv2": (5 * 5 * 48, 5 * 5 * 128),
    "conv3": (3 * 3 * 256, 3 * 3 * 384),
    "fc6": (1 * 1 * 256, 4096),
    "fc8": (4096, 3),
}


@pytest.mark.compat
def test_glorots_weights_are_uniform_within_the_bounds_of_both_fans() -> None:
    """Glorot and Bengio 2010, formula 16, and the variance of formula 12."""
    model = small(initialization="glorot", classes=3)
    for layer, (read, fed) in GLOROT.items():
        kernel, bias = model.get_layer(layer).get_weights()
        bound = np.sqrt(6 / (read + fed))
        assert 0.999 * bound < np.abs(kernel).max() <= bound * (1 + 1e-6), layer
        assert kernel.var() == pytest.approx(2 / (read + fed), rel=0.03), layer
        assert not bias.any()


@pytest.mark.compat
@pytest.mark.parametrize("initialization", ["default", "paper", "he", "glorot"])
def test_one_number_of_the_initial_values_can_be_another(initialization: str) -> None:
    record = dataclasses.replace(architectures.get("paper"), dense=(64, 64))

    def built(**numbers: float) -> keras.Model:
        keras.utils.set_random_seed(1)
        shape = {"input_shape": (64, 64, 3), "classes": 3}
        return build(record, initialization=initialization, **shape, **numbers)

    plain, biased, wide = built(), built(initial_bias=0.5), built(initial_stddev=0.02)
    for layer in ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"):
        kernel, bias = plain.get_layer(layer).get_weights()
        same, other = biased.get_layer(layer).get_weights()
        np.testing.assert_array_equal(kernel, same)
        expected = 0.0 if layer in ("conv1", "conv3", "fc8") else 0.5
        np.testing.assert_array_equal(other, np.full_like(bias, expected))
        drawn, same = wide.get_layer(layer).get_weights()
        np.testing.assert_array_equal(bias, same)
        spread = 4 / np.sqrt(2 * drawn.size)  # of an estimate, in 1 of 16,000 cases
        assert np.std(drawn) == pytest.approx(0.02, rel=spread), layer


@pytest.mark.compat
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("initial_stddev", 0),
        ("initial_stddev", -0.01),
        ("initial_stddev", float("nan")),
        ("initial_bias", float("inf")),
        ("initial_bias", "0.1"),
    ],
)
def test_numbers_of_the_initial_values_are_checked(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be .* Received: {name}="):
        build(architectures.get("paper"), **{name: value})


@pytest.mark.compat
def test_heads_are_those_of_keras_applications() -> None:
    x = np.zeros((2, 64, 64, 3), "float32")
    np.testing.assert_allclose(tf.reduce_sum(small()(x), axis=1), [1, 1], rtol=1e-6)
    assert small(classifier_activation=None).layers[-1].name == "fc8"
    assert AlexNet(include_top=False).output_shape == (None, None, None, 256)
    for pooling in ("avg", "max"):
        model = AlexNet(include_top=False, pooling=pooling)
        assert model.output_shape == (None, 256)
    inputs = keras.Input((80, 64, 3), name="mine")
    model = AlexNet(input_tensor=inputs, classes=7)
    assert model.input.name.startswith("mine")
    assert model.output_shape == (None, 7)


def test_both_kernels_give_one_network() -> None:
    # Weights that are drawn anew would one day put a value so near to ReLU's 0 that the
    # two roundings fall on both sides of it; its gradient is then another.
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(0, 50, (2, 64, 64, 3)).astype("float32")
    labels = tf.constant([1, 3])
    outcomes = []
    weights = None
    for kernels in ("native", "composite"):
        model = small(kernels=kernels, classifier_activation=None)
        weights = weights or model.get_weights()
        model.set_weights(weights)
        with tf.GradientTape() as tape:
            logits = model(x)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        first = model.get_layer("conv1").kernel
        outcomes.append((logits, tape.gradient(losses, [first])[0]))
    for native, composite in zip(*outcomes, strict=True):
        scale = float(tf.reduce_max(tf.abs(composite)))
        np.testing.assert_allclose(native, composite, atol=1e-5 * scale)


def test_softmax_is_in_float32_under_a_mixed_policy() -> None:
    with computing_in("mixed_bfloat16"):
        model = small()
    assert model.get_layer("conv2").compute_dtype == "bfloat16"
    assert model(np.zeros((1, 64, 64, 3), "float32")).dtype == tf.float32


@pytest.mark.compat
def test_a_saved_model_gives_the_same(tmp_path: Path) -> None:
    model, x = small(), np.random.default_rng(0).normal(0, 50, (2, 64, 64, 3))
    model.save(tmp_path / "alexnet.keras")
    loaded = keras.saving.load_model(tmp_path / "alexnet.keras")
    np.testing.assert_array_equal(loaded(x), model(x))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "vgg"}, "Received: variant='vgg'"),
        ({"initialization": "lecun"}, "Received: initialization='lecun'"),
        ({"kernels": "fast"}, "Received: kernels='fast'"),
        ({"pooling": "sum"}, "Received: pooling='sum'"),
        ({"classes": 0}, "Received: classes=0"),
        ({"classes": "10"}, "Received: classes='10'"),
        ({"variant": ["paper"]}, r"Received: variant=\['paper'\]"),
        ({"weights": 3}, "Received: weights=3"),
        ({"input_shape": 64}, "Received: input_shape=64"),
        ({"input_shape": (64, 64, 0)}, r"Received: input_shape=\(64, 64, 0\)"),
        ({"input_shape": (64, 64)}, r"Received: input_shape=\(64, 64\)"),
        ({"input_shape": (None, None, 3)}, "include_top=True"),
        ({"weights": "no/such/file"}, "Received: 'no/such/file'.*does not exist"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**arguments)


@pytest.mark.compat
def test_preprocessing_follows_the_weights() -> None:
    x = np.random.default_rng(0).integers(0, 256, (1, 2, 2, 3), dtype="uint8")
    caffe = x[..., ::-1] - np.array([104.007, 116.669, 122.679])  # B, G, R
    torch = (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    for name, expected in (("imagenet", caffe), ("torchvision_owt", torch)):
        prepared = keras_alexnet.preprocess_input(x, weights=name)
        np.testing.assert_allclose(prepared, expected, atol=2e-5)
    with pytest.raises(ValueError, match="Received: variant='owt', weights='imagenet'"):
        keras_alexnet.preprocess_input(x, "owt", weights="imagenet")


def test_preprocessing_uses_the_mean_of_the_run(run: Path) -> None:
    record = json.loads((run / "data.json").read_text())
    record["statistics"]["mean"] = [1.0, 2.0, 3.0]  # as records of one's own have it
    other = run.parent / "other"
    (other / "checkpoints").mkdir(parents=True, exist_ok=True)
    (other / "data.json").write_text(json.dumps(record))
    (other / "config.flags").write_text((run / "config.flags").read_text())
    prepared = keras_alexnet.preprocess_input(np.zeros((1, 1, 3)), weights=other)
    np.testing.assert_array_equal(prepared.ravel(), [-1, -2, -3])


def test_channels_first_is_refused() -> None:
    keras.backend.set_image_data_format("channels_first")
    try:
        with pytest.raises(ValueError, match="Received: image_data_format="):
            small()
    finally:
        keras.backend.set_image_data_format("channels_last")


def test_preprocessing_subtracts_the_mean() -> None:
    x = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), dtype="uint8")
    expected = x - np.array([127.305, 119.715, 104.913])
    prepared = keras_alexnet.preprocess_input(x)
    assert isinstance(prepared, np.ndarray)
    np.testing.assert_allclose(prepared, expected, atol=1e-4)
    np.testing.assert_array_equal(
        keras_alexnet.preprocess_input(tf.constant(x)), prepared
    )
    with pytest.raises(ValueError, match="Received: shape"):
        keras_alexnet.preprocess_input(np.zeros((2, 4, 4, 1)))


def test_a_runs_weights_are_its_newest_checkpoint(run: Path) -> None:
    model = small(weights=run, classes=3)
    newest = tf.train.load_checkpoint(str(run / "checkpoints" / "step-4"))
    for name in ("conv1", "fc8"):
        for weight in ("kernel", "bias"):
            key = f"model/{name}/{weight}/.ATTRIBUTES/VARIABLE_VALUE"
            ours = getattr(model.get_layer(name), weight)
            np.testing.assert_array_equal(newest.get_tensor(key), ours)
    with pytest.raises(ValueError, match="`input_shape` that they were trained"):
        small(weights=run, classes=3, input_shape=(96, 96, 3))
