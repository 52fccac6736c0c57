"""Features of a layer, and a new last layer on the old body."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from keras_alexnet import AlexNet, architectures, features, reset_classifier
from keras_alexnet.fine_tuning import layer_names

X = np.random.default_rng(0).normal(0, 50, (2, 67, 67, 3)).astype("float32")


def small(variant: str = "paper") -> keras.Model:
    return AlexNet(variant, input_shape=(67, 67, 3), classes=5)


def through(model: keras.Model, *layers: str) -> np.ndarray:
    """The picture run by hand through the layers up to the last of these."""
    x = X
    for layer in model.layers[1:]:
        x = layer(x)
        if layer.name == layers[-1]:
            return np.asarray(x)
    raise AssertionError(layers)


@pytest.mark.parametrize("variant", architectures.names())
def test_features_end_with_the_relu(variant: str) -> None:
    model = small(variant)
    for name, last in (("conv3", "relu3"), ("fc6", "relu6"), ("fc7", "relu7")):
        ours = features(model, name)(X)
        np.testing.assert_allclose(ours, through(model, last), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(features(model, "fc8")(X), through(model, "fc8"))


@pytest.mark.compat
@pytest.mark.parametrize("variant", architectures.names())
def test_all_layers_at_once_are_each_alone(variant: str) -> None:
    model = small(variant)
    found = features(model, layer_names(model))(X)
    for name in layer_names(model):
        np.testing.assert_allclose(found[name], features(model, name)(X), rtol=1e-5)


def test_a_relu_within_a_seam_is_part_of_the_features() -> None:
    for variant in ("paper", "caffe", "owt"):
        model = small(variant)
        expected = np.maximum(through(model, "conv1"), 0)
        np.testing.assert_allclose(features(model, "conv1")(X), expected, rtol=1e-6)
    original = small("original")  # has none on conv1
    np.testing.assert_array_equal(
        features(original, "conv1")(X), through(original, "conv1")
    )


def test_pooled_maps_have_one_name() -> None:
    expected = {"paper": "seam1", "original": "relu1", "caffenet": "seam1"}
    for variant, last in expected.items():
        model = small(variant)
        np.testing.assert_array_equal(features(model, "pool1")(X), through(model, last))


def test_features_share_the_models_weights() -> None:
    model = small()
    inner = features(model)
    before = np.asarray(inner(X))
    layer = model.get_layer("fc7")
    layer.kernel.assign(layer.kernel * 2)
    layer.bias.assign(layer.bias * 2)
    np.testing.assert_allclose(inner(X), 2 * before, rtol=1e-5)


@pytest.mark.compat
def test_a_new_classifier_leaves_the_rest() -> None:
    model = small()
    other = reset_classifier(model, 7)
    assert other.output_shape == (None, 7)
    np.testing.assert_allclose(np.sum(other(X), axis=1), 1, rtol=1e-5)
    assert other.get_layer("fc7") is model.get_layer("fc7")
    assert other.get_layer("fc8") is not model.get_layer("fc8")
    assert model.output_shape == (None, 5)
    logits = reset_classifier(model, 7, classifier_activation=None)
    assert logits.layers[-1].name == "fc8"


def test_bad_arguments_are_named() -> None:
    model = small()
    with pytest.raises(ValueError, match=r"'pool5'.*Received: layer='fc9'"):
        features(model, "fc9")
    with pytest.raises(ValueError, match="Received: classes=0"):
        reset_classifier(model, 0)
    with pytest.raises(ValueError, match="include_top=True"):
        reset_classifier(AlexNet(include_top=False), 3)


def test_a_new_classifier_runs_by_the_kernels_of_the_old_one() -> None:
    model = AlexNet(input_shape=(67, 67, 3), classes=3, kernels="composite")
    assert reset_classifier(model, 2).get_layer("fc8").kernels == "composite"
