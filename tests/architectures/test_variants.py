"""Every variant against the numbers of its origin."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from keras_alexnet import AlexNet, architectures
from keras_alexnet.architectures import Convolution
from keras_alexnet.models import build

# Parameters at 1000 classes: counted from layers-145.cfg and layers-146-*.cfg; BVLC's
# are as many; torchvision states its own. Of the others, summed up by hand.
PARAMETERS = {
    "paper": 60_965_224,
    "original": 60_965_224,
    "caffe": 60_965_224,
    "caffenet": 60_965_224,
    "owt": 61_100_840,
    "one_column": 59_798_312,
    "six_conv": 61_555_304,
    "modern": 62_379_720,
}
FIVE = ["conv1", "conv2", "conv3", "conv4", "conv5"]
# What stands between the convolutions, as layer-def files and prototxts order it.
BODIES = {
    "paper": "conv1 seam1 conv2 seam2 conv3 relu3 conv4 relu4 conv5 seam5",
    "original": "conv1 seam1 relu1 conv2 seam2 cnorm2 pool2 conv3 relu3 conv4 relu4 "
    "conv5 pool5 relu5",
    "caffe": "conv1 seam1 conv2 seam2 conv3 relu3 conv4 relu4 conv5 seam5",
    "caffenet": "conv1 seam1 norm1 conv2 seam2 norm2 conv3 relu3 conv4 relu4 "
    "conv5 seam5",
    "owt": "conv1 seam1 conv2 seam2 conv3 relu3 conv4 relu4 conv5 seam5",
    "one_column": "conv1 seam1 conv2 seam2 conv3 relu3 conv4 relu4 conv5 seam5",
    "six_conv": "conv1 seam1 conv2 seam2 conv3 relu3 conv4 relu4 conv5 seam5 "
    "conv6 conv6_relu",
    "modern": "conv1 bn1 seam1 conv2 bn2 seam2 conv3 bn3 relu3 conv4 bn4 relu4 "
    "conv5 bn5 seam5",
}


@pytest.mark.parametrize("variant", architectures.names())
def test_a_model_has_its_origins_layers_and_parameters(variant: str) -> None:
    record = architectures.get(variant)
    model = AlexNet(variant)
    trained = sum(int(np.prod(each.shape)) for each in model.trainable_weights)
    assert trained == PARAMETERS[variant] == record.parameters()
    names = [layer.name for layer in model.layers]
    body = [name for name in names if name not in ("images", "pad1")]
    assert body[: body.index("flatten")] == BODIES[variant].split()
    dropouts = [names.index(each) for each in names if each.startswith("dropout")]
    first = names.index("fc6")
    assert (dropouts[0] < first) == (variant == "owt")
    side = model.input_shape[1]
    assert side == (227 if "caffe" in variant else 224)
    assert model.get_layer("flatten").input.shape[1:] == (6, 6, 256)
    assert model.get_layer("conv1").output.shape[1] == 55


@pytest.mark.parametrize("variant", architectures.names())
def test_sizes_follow_the_record(variant: str) -> None:
    record = architectures.get(variant)
    smallest = record.smallest_input
    assert record.final_map_size(smallest) == 1
    assert record.final_map_size(smallest - 1) == 0
    for side in (smallest, 100, 131):
        model = AlexNet(variant, input_shape=(side, side, 3), include_top=False)
        assert model.output_shape[1] == record.final_map_size(side)


def test_normalisation_reaches_as_far_as_its_origin_says() -> None:
    constants = {}
    for variant in architectures.names():
        layers = [
            layer
            for layer in AlexNet(variant, include_top=False).layers
            if getattr(layer, "lrn", None) is not None
        ]
        constants[variant] = [
            (each.towers, each.lrn.k, each.lrn.scale)
            for each in layers
            if hasattr(each, "towers")
        ]
        assert all(each.lrn.size == 5 and each.lrn.beta == 0.75 for each in layers)
    paper, source, bvlc = (2, 2.0, 1e-4), (2, 2.0, 2e-5), (1, 1.0, 2e-5)
    assert constants["paper"] == constants["six_conv"] == [paper] * 2
    assert constants["original"] == [source] * 2
    assert constants["caffe"] == constants["caffenet"] == [bvlc] * 2
    assert constants["one_column"] == [(1, 2.0, 1e-4)] * 2
    assert constants["owt"] == constants["modern"] == []


def test_owt_reads_every_size_with_the_same_weights() -> None:
    record = dataclasses.replace(architectures.get("owt"), dense=(8, 8))
    shapes = [
        [tuple(weight.shape) for weight in build(record, input_shape=shape).weights]
        for shape in ((224, 224, 3), (63, 63, 3), (300, 260, 3))
    ]
    assert shapes[0] == shapes[1] == shapes[2]


@pytest.mark.parametrize("classes", [10_184, 21_841])
def test_six_conv_has_outputs_for_all_of_imagenet(classes: int) -> None:
    record = dataclasses.replace(architectures.get("six_conv"), dense=(8, 8))
    model = build(record, classes=classes)
    assert model.output_shape == (None, classes)
    assert tuple(model.get_layer("conv6").kernel.shape) == (3, 3, 256, 256)


def test_he_initialization_keeps_the_scale_of_maps() -> None:
    model = AlexNet("modern", input_shape=(64, 64, 3), classes=5)
    for name, inputs in (("conv2", 25 * 96), ("conv3", 9 * 256)):
        stddev = np.std(model.get_layer(name).kernel)
        assert stddev == pytest.approx(np.sqrt(2 / inputs), rel=0.02)
    for name, expected in (("fc7", 0.005), ("fc8", 0.01)):
        stddev = np.std(model.get_layer(name).kernel)
        assert stddev == pytest.approx(expected, rel=0.05)


def test_modern_normalises_by_the_batch() -> None:
    model = AlexNet("modern", input_shape=(64, 64, 3), include_top=False)
    x = np.random.default_rng(0).normal(3, 2, (4, 64, 64, 3)).astype("float32")
    inner = keras.Model(model.input, model.get_layer("bn1").output)
    maps = np.asarray(inner(x, training=True))
    np.testing.assert_allclose(maps.mean((0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(maps.std((0, 1, 2)), 1, atol=1e-2)


def test_records_are_frozen_and_can_be_replaced() -> None:
    record = architectures.get("paper")
    with pytest.raises(AttributeError):
        record.towers = 1
    longer = (*record.convolutions, Convolution(8, 3, padding=(1, 1)))
    assert dataclasses.replace(record, convolutions=longer).final_map_size(224) == 6
    with pytest.raises(ValueError, match="Received: variant='vgg'"):
        architectures.get("vgg")
