"""Transfer to other data: features of a layer, frozen layers, a new last layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_alexnet import blocks, initializations
from keras_alexnet.inputs import check_model
from keras_alexnet.layers import CrossConnection
from keras_alexnet.reasons import must_be, near
from keras_alexnet.two_towers import packed_names
from keras_alexnet.weights.described import (
    Description,
    Functional,
    counted,
    described,
    description_of,
)
from keras_alexnet.whole_numbers import entries


def features(model: keras.Model, layer: str | Sequence[str] = "fc7") -> keras.Model:
    """The part of an AlexNet up to a layer and the activation right after it.

    `"fc7"` gives the 4096 values by which the paper compares pictures, `"conv3"`
    rectified maps, `"fc8"` logits. `"pool1"` and so on are the pooled maps, whichever
    layer pools them. The variables are the model's own, not copies.

    Args:
        model: A model that `AlexNet` built.
        layer: Name of one of its layers, or `pool` and the number of a convolution
            that is pooled; or several of them.

    Returns:
        A `keras.Model` with the same input. For several layers its output is a
        dictionary of features by layer name.

    Raises:
        ValueError: If the model has no such layer, or no layer is named.

    Example:

    >>> model = AlexNet(input_shape=(64, 64, 3), classes=10)
    >>> features(model, "fc7").output_shape
    (None, 4096)
    >>> sorted(features(model, ("conv5", "fc7")).output)
    ['conv5', 'fc7']

    Reference:
        - Krizhevsky et al. 2012, section 6.1, on the last hidden layer.
    """
    check_model(model)
    if not isinstance(layer, str):
        layers = entries(layer)
        if not layers or not all(isinstance(each, str) for each in layers):
            expected = "the name of a layer, or names, with at least one"
            raise must_be("layer", expected, layer)
        outputs = {each: _output(model, each) for each in layers}
        part = Functional(model.input, outputs, name=f"{model.name}_features")
    else:
        output = _output(model, layer)
        part = Functional(model.input, output, name=f"{model.name}_{layer}")
    return described(part, Description(description_of(model).recipe))


def layer_names(model: keras.Model) -> list[str]:
    """The convolutions, pooled maps and units of an AlexNet, as `features` names them.

    Example:

    >>> layer_names(AlexNet(input_shape=(64, 64, 3), classes=10))[:3]
    ['conv1', 'pool1', 'conv2']
    """
    pooled = {seam: pool for pool, seam in _aliases(model).items()}
    names = [pooled.get(each.name, each.name) for each in model.layers]
    return [each for each in names if each.startswith(("conv", "pool", "fc"))]


def _aliases(model: keras.Model) -> dict[str, str]:
    """The layers that pool among other things, by the names of their pooled maps."""
    return {
        f"pool{each.name[4:]}": each.name
        for each in model.layers
        if isinstance(each, CrossConnection) and each.pools
    }


def _output(model: keras.Model, layer: str) -> Any:
    """The output of a layer, after its batch normalisation and its activation."""
    place = _place(model, layer)
    following = model.layers[place + 1 :]
    x = model.layers[place].output
    if following and isinstance(following[0], keras.layers.BatchNormalization):
        x, following = following[0].output, following[1:]
    if following and blocks.is_activation(following[0]):
        return following[0].output
    if following and _rectifies_first(following[0]):
        x = keras.layers.ReLU(name=f"{layer}_relu")(x)
    return x


def _place(model: keras.Model, layer: str) -> int:
    names, aliases = [each.name for each in model.layers], _aliases(model)
    name = aliases.get(layer, layer)
    if name not in names:
        raise ValueError(
            f"layer must be one of the model's, as {sorted(layer_names(model))}"
            f"{near(layer, [*names, *aliases])}. "
            f"Received: layer={layer!r}"
        )
    return names.index(name)


def _rectifies_first(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, CrossConnection) and layer.rectifies_first


def reset_classifier(
    model: keras.Model,
    classes: int | Sequence[str],
    classifier_activation: Any = "softmax",
) -> keras.Model:
    """The same network with a new `fc8` for other classes.

    All other layers are shared, not copied: training the new model also changes the
    old one.

    Args:
        model: A model that `AlexNet` built, with its top.
        classes: Number of classes, or their names, which the new model keeps: they
            are saved with it, as the recipe of its pictures is.
        classifier_activation: Activation on `fc8`; `None` gives its logits.

    Returns:
        A new `keras.Model` with the same input.

    Raises:
        ValueError: If `classes` is neither a whole number above 0 nor a list of
            names, or the model has no `fc8`.

    Example:

    >>> model = AlexNet(input_shape=(64, 64, 3), classes=1000)
    >>> reset_classifier(model, 10).output_shape
    (None, 10)
    """
    check_model(model)
    classes, names = counted(classes)
    if "fc8" not in [each.name for each in model.layers]:
        raise ValueError(
            "the model must have a layer 'fc8'; build it with include_top=True. "
            f"Received: the model {model.name!r}, which ends with "
            f"{model.layers[-1].name!r}"
        )
    # The initialisations that variants begin with treat fc8 alike.
    initializers = initializations.get("default", "caffe")
    old = model.get_layer("fc8")
    kernels = getattr(old, "kernels", "auto")  # that of earlier versions is Keras' own
    x = blocks.last(old.input, classes, classifier_activation, initializers, kernels)
    reset = Functional(model.input, x, name=model.name)
    return described(reset, Description(description_of(model).recipe, names))


def freeze(model: keras.Model, layers: str | Sequence[str]) -> list[str]:
    """Keeps layers as they are, whatever trains the model from now on.

    With a convolution its batch normalisation is frozen, `bn1` with `conv1`: else its
    scale and offset would go on learning, and its running mean and variance would
    follow the new pictures, although the layers after it were trained with the old
    ones. A frozen one is run with the mean and variance that it has. Call `compile`
    after this; `layer.trainable = True` is the way back.

    Args:
        model: A model that `AlexNet` built.
        layers: Names of layers with weights, as `"conv1,conv2"` or a list. Of a model
            with its towers on devices of their own, `"conv1"` means that of all
            towers.

    Returns:
        The names of the model's layers that this has frozen.

    Raises:
        ValueError: If one is no layer of the model with weights; the model is left as
            it was.

    Example:

    >>> model = AlexNet("modern", input_shape=(67, 67, 3), classes=10)
    >>> freeze(model, "conv1,conv2")
    ['conv1', 'bn1', 'conv2', 'bn2']
    """
    check_model(model)
    wanted = layers.split(",") if isinstance(layers, str) else entries(layers)
    packed = packed_names(model)
    known = list(
        dict.fromkeys(packed[each.name] for each in model.layers if each.weights)
    )
    names = [each.strip() if isinstance(each, str) else each for each in wanted or ()]
    for name in names or [layers]:
        if name not in known:
            expected = f"names of layers with weights, as {known}{near(name, known)}"
            raise must_be("freeze", expected, name)
    names += [f"bn{name[4:]}" for name in names if name.startswith("conv")]
    frozen = [each for each in model.layers if packed[each.name] in names]
    for layer in frozen:
        layer.trainable = False
    return [layer.name for layer in frozen]
