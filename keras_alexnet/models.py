"""`AlexNet(…)`: from a record to a `keras.Model`, as `keras.applications` do it."""

from __future__ import annotations

from typing import Any

import keras

from keras_alexnet import architectures, blocks, initializations
from keras_alexnet.architectures import Architecture
from keras_alexnet.ops.kernels import check_kernels
from keras_alexnet.weights import load_weights
from keras_alexnet.whole_numbers import is_whole


def AlexNet(
    variant: str = "paper",
    weights: Any = None,
    *,
    include_top: bool = True,
    input_tensor: Any = None,
    input_shape: tuple[int | None, ...] | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    initialization: str = "default",
    kernels: str = "auto",
    name: str = "alexnet",
) -> keras.Model:
    """Builds an AlexNet.

    Its layers bear the paper's names: `conv1` … `conv5`, `fc6`, `fc7`, `fc8`. Between
    them stand `seam1` (ReLU, normalisation and pooling), `relu3`, `dropout6` and so on.
    The two towers of the paper are packed in one tensor, the first half of the channels
    being the first tower.

    The model takes pictures that `keras_alexnet.preprocess_input` has prepared
    from RGB in 0-255. `variant="paper"` with 1000 classes has 60,965,224 parameters.

    Args:
        variant: Which AlexNet; `keras_alexnet.architectures.names()` lists them.
        weights: `None` (fresh weights), a `.weights.h5` file, or the directory of
            a training run, whose newest checkpoint is loaded.
        include_top: Whether `fc6`, `fc7` and `fc8` are there.
        input_tensor: Keras tensor to use as the model's input.
        input_shape: `(height, width, channels)`; `(224, 224, 3)` by default. With
            `include_top=False` height and width may be `None`. The smallest side
            of `"paper"` is 64.
        pooling: For `include_top=False`: `None` gives the last maps, `"avg"` and
            `"max"` their mean and maximum over the positions.
        classes: Number of classes, for `include_top=True`.
        classifier_activation: Activation on `fc8`; `None` gives its logits.
        initialization: Starting values: `"default"`, `"paper"` (the text's: it
            stays at chance for thousands of steps), `"source"` (the released
            source's) or `"caffe"`. The default is Caffe's, which learns.
        kernels: `"auto"`, `"native"` or `"composite"`, for the seams.
        name: Name of the model.

    Input shape:
        `(batch, height, width, 3)`, prepared pictures.

    Output shape:
        `(batch, classes)`; with `include_top=False` `(batch, h, w, 256)`, or
        `(batch, 256)` with `pooling`.

    Returns:
        A functional `keras.Model`.

    Raises:
        ValueError: If an argument is out of range, or the weights do not fit.

    Example:

    >>> model = AlexNet(input_shape=(64, 64, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        - Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep
          Convolutional Neural Networks, NIPS 2012.
    """
    record = architectures.get(variant)
    starts = initializations.get(initialization)
    check_kernels(kernels)
    _check_head(include_top, pooling, classes)
    inputs = _input(record, input_shape, input_tensor, include_top)

    x = inputs
    for index, convolution in enumerate(record.convolutions, start=1):
        x = blocks.convolution(x, index, convolution, starts)
        x = blocks.seam(x, index, convolution, record.towers, kernels)
    if include_top:
        x = blocks.classifier(x, record, classes, classifier_activation, starts)
    elif pooling is not None:
        x = _POOLINGS[pooling](name=f"{pooling}_pool")(x)

    if input_tensor is not None:
        sources = keras.utils.get_source_inputs(input_tensor)
        inputs = sources[0] if len(sources) == 1 else sources
    model = keras.Model(inputs, x, name=name)
    if weights is not None:
        load_weights(model, weights)
    return model


def preprocess_input(x: Any, variant: str = "paper") -> Any:
    """Prepares RGB pictures of 0-255 for a network: colour order, mean and scale.

    `(x in the network's channel order − mean) / scale`. It never resizes.

    Args:
        x: `[…, 3]`, an array, a tensor or a Keras input, R, G, B in 0-255, of any
            number type.
        variant: The variant whose network reads them.

    Returns:
        float32 of the shape of `x`: an array for an array, a tensor for a tensor.

    Raises:
        ValueError: If there is no such variant, or `x` has not three channels.

    Example:

    >>> preprocess_input(np.full([1, 1, 3], 128, "uint8")).ravel().round(2)
    array([ 0.69,  8.29, 23.09], dtype=float32)
    """
    return architectures.get(variant).preprocessing(x)


def classifier_sizes(model: keras.Model) -> tuple[int, int]:
    """The side of the square pictures that a classifier takes, and its classes.

    Raises:
        ValueError: If the model is not one input of known, equal sides, three channels
            and one output `[batch, classes]`.
    """
    shapes = model.input_shape, model.output_shape
    taken, given = (tuple(s) if isinstance(s, (list, tuple)) else (s,) for s in shapes)
    square = len(taken) == 4 and taken[1] is not None and taken[1] == taken[2]
    if not square or taken[3] != 3 or len(given) != 2 or not isinstance(given[1], int):
        raise ValueError(
            "the model must take square pictures [batch, side, side, 3] of known side "
            "and give [batch, classes]. Received: a model from "
            f"{model.input_shape} to {model.output_shape}"
        )
    return taken[1], given[1]


_POOLINGS = {
    "avg": keras.layers.GlobalAveragePooling2D,
    "max": keras.layers.GlobalMaxPooling2D,
}


def _check_head(include_top: bool, pooling: str | None, classes: int) -> None:
    if pooling not in (None, *_POOLINGS):
        raise ValueError(
            f"pooling must be None, 'avg' or 'max'. Received: pooling={pooling!r}"
        )
    if include_top and not is_whole(classes):
        raise ValueError(
            f"classes must be a whole number, at least 1. Received: classes={classes!r}"
        )


def _input(record: Architecture, shape: Any, tensor: Any, include_top: bool) -> Any:
    if keras.backend.image_data_format() != "channels_last":
        raise ValueError(
            "AlexNet supports the image data format 'channels_last' only; call "
            "keras.backend.set_image_data_format('channels_last'). Received: "
            f"image_data_format={keras.backend.image_data_format()!r}"
        )
    if tensor is not None:
        _check_shape(record, tuple(tensor.shape)[1:], include_top)
        return tensor
    if shape is None:
        side = record.input_size if include_top else None
        shape = (side, side, 3)
    _check_shape(record, shape, include_top)
    return keras.layers.Input(shape, name="images")


def _check_shape(record: Architecture, shape: Any, include_top: bool) -> None:
    known = isinstance(shape, (tuple, list)) and len(shape) == 3
    if not known or shape[-1] is None or shape[-1] < 1:
        raise ValueError(
            "input_shape must be (height, width, channels). "
            f"Received: input_shape={shape!r}"
        )
    if include_top and None in shape:
        raise ValueError(
            "input_shape must be fully known with include_top=True, since fc6 reads "
            f"every position. Received: input_shape={shape}"
        )
    smallest = record.smallest_input
    if any(side is not None and side < smallest for side in shape[:2]):
        raise ValueError(
            f"input_shape must be at least {smallest}x{smallest} for "
            f"variant={record.name!r}. Received: input_shape={shape}"
        )
