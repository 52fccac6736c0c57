"""What transfer needs: the features of a layer, and a new last layer."""

from __future__ import annotations

from typing import Any

import keras

from keras_alexnet import blocks, initializations
from keras_alexnet.layers import CrossConnection
from keras_alexnet.whole_numbers import whole_number


def features(model: keras.Model, layer: str = "fc7") -> keras.Model:
    """The part of an AlexNet that ends with a layer and the ReLU right after it.

    So `"fc7"` gives the 4096 values that the paper compares pictures by, `"conv3"`
    rectified maps, `"fc8"` logits. `"pool1"` and so on are the pooled maps, whichever
    layer pools them. The variables are the model's own, not copies.

    Args:
        model: What `AlexNet` gave.
        layer: Name of one of its layers, or `pool` and the number of a convolution
            that is pooled.

    Returns:
        A `keras.Model` from the same input.

    Raises:
        ValueError: If the model has no such layer.

    Example:

    >>> model = AlexNet(input_shape=(64, 64, 3), classes=10)
    >>> features(model, "fc7").output_shape
    (None, 4096)

    Reference:
        - Krizhevsky et al. 2012, section 6.1, on the last hidden layer.
    """
    place = _place(model, layer)
    following = model.layers[place + 1 :]
    x = model.layers[place].output
    if following and isinstance(following[0], keras.layers.BatchNormalization):
        x, following = following[0].output, following[1:]
    if following and _begins_with_relu(following[0]):
        x = keras.layers.ReLU(name=f"{layer}_relu")(x)
    return keras.Model(model.input, x, name=f"{model.name}_{layer}")


def _place(model: keras.Model, layer: str) -> int:
    names = [each.name for each in model.layers]
    aliases = {
        f"pool{each.name[4:]}": each.name
        for each in model.layers
        if isinstance(each, CrossConnection) and each.pools
    }
    name = aliases.get(layer, layer)
    if name not in names:
        known = [each for each in names if each.startswith(("conv", "pool", "fc"))]
        raise ValueError(
            f"layer must be one of the model's, as {sorted({*known, *aliases})}. "
            f"Received: layer={layer!r}"
        )
    return names.index(name)


def _begins_with_relu(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, CrossConnection):
        return layer.rectifies_first
    return isinstance(layer, keras.layers.ReLU)


def reset_classifier(
    model: keras.Model, classes: int, classifier_activation: Any = "softmax"
) -> keras.Model:
    """The same network with a fresh `fc8` for other classes.

    All other layers are the model's own, not copies: training the one trains the
    other.

    Args:
        model: What `AlexNet` gave, with its top.
        classes: Number of classes to tell apart.
        classifier_activation: Activation on `fc8`; `None` gives its logits.

    Returns:
        A new `keras.Model` from the same input.

    Raises:
        ValueError: If `classes` is no whole number above 0, or the model has no
            `fc8`.

    Example:

    >>> model = AlexNet(input_shape=(64, 64, 3), classes=1000)
    >>> reset_classifier(model, 10).output_shape
    (None, 10)
    """
    classes = whole_number("classes", classes)
    if "fc8" not in [each.name for each in model.layers]:
        raise ValueError(
            "the model must have a layer 'fc8'; build it with include_top=True. "
            f"Received: the model {model.name!r}, which ends with "
            f"{model.layers[-1].name!r}"
        )
    starts = initializations.get("default", "caffe")  # of fc8 the same in all
    x = model.get_layer("fc8").input
    x = blocks.last(x, classes, classifier_activation, starts)
    return keras.Model(model.input, x, name=model.name)
