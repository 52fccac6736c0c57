"""`AlexNet(…)`: builds a `keras.Model`, in the manner of `keras.applications`."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_alexnet import architectures, blocks, initializations
from keras_alexnet.architectures import Architecture
from keras_alexnet.inputs import input_layer
from keras_alexnet.ops.dispatch import check_kernels
from keras_alexnet.reasons import must_be
from keras_alexnet.recipe import Recipe
from keras_alexnet.two_towers.choosing import check_placing, with_towers
from keras_alexnet.two_towers.conversion import convert_towers
from keras_alexnet.weights import Weights, open_weights
from keras_alexnet.weights.described import Functional, counted
from keras_alexnet.weights.formats.keras_files import body
from keras_alexnet.weights.loading import load_weights
from keras_alexnet.weights.opening import check_variant
from keras_alexnet.whole_numbers import as_boolean, whole_number


def AlexNet(
    variant: str | None = None,
    weights: str | os.PathLike | Weights | None = None,
    *,
    include_top: bool = True,
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | tf.TensorShape | None = None,
    pooling: str | None = None,
    classes: int | Sequence[str] | None = None,
    classifier_activation: Any = "softmax",
    initialization: str = "default",
    kernels: str = "auto",
    towers: int | None = None,
    devices: Sequence[str] | None = None,
    name: str = "alexnet",
) -> keras.Model:
    """Builds an AlexNet, with the given weights or with new ones.

    Its layers have the paper's names: `conv1` … `conv5`, `fc6`, `fc7`, `fc8`. Between
    them are `relu3`, `dropout6` and so on. Where ReLU, normalisation and pooling
    follow each other, one layer, such as `seam1`, computes them in one pass. The two
    towers of the paper are packed in one tensor: the first half of the channels is
    the first tower.

    The model takes pictures that `keras_alexnet.preprocess_input` has prepared
    from RGB in 0-255. `variant="paper"` with 1000 classes has 60,965,224 parameters.

    Args:
        variant: Which AlexNet; `keras_alexnet.architectures.names()` lists them and
            `compare()` shows how they differ. That of `weights` by default, or
            `"paper"`.
        weights: `None` (new weights); a name of `keras_alexnet.weights.names()`,
            whose file is downloaded from its publisher, checked and cached; or a
            path: a `.weights.h5`, `.keras`, `.safetensors`, `.caffemodel`, `.npy`,
            `.pth` or `.onnx` file, a training run `RUN` (its newest checkpoint),
            `RUN/best` (its best epoch) or one of its checkpoints; or
            `hf://OWNER/REPOSITORY/FILE`, a file of the Hugging Face Hub. The logger
            `keras_alexnet` says which epoch, as INFO, and warns of a run that has not
            ended.
        include_top: Whether `fc6`, `fc7` and `fc8` are there.
        input_tensor: Keras tensor to use as the model's input.
        input_shape: `(height, width, channels)`, a tuple, a list, an array or a
            `tf.TensorShape`; that of the weights, or the
            variant's own, 224 or 227, by default. With `include_top=False` height
            and width may be `None`. The smallest side of `"paper"` is 64.
        pooling: For `include_top=False`: `None` gives the last maps, `"avg"` and
            `"max"` their mean and maximum over the positions.
        classes: Number of classes, for `include_top=True`, or their names, which
            the model then keeps; that of the weights, or 1000, by default. If it
            differs from that of the weights, `fc8` is initialised anew, and the log
            says so.
        classifier_activation: Activation on `fc8`, a layer of its own; `None` gives
            the logits, `"sigmoid"` a score for each of several labels.
        initialization: How new weights are drawn: `"default"` (the variant's own,
            which learns), `"paper"` (the text's: it stays at chance for thousands of
            steps), `"source"` (the released source's), `"caffe"`, `"he"`,
            `"glorot"` or `"cuda_convnet"`.
        kernels: `"auto"`, `"native"` or `"composite"`, for the seams and the
            dense layers.
        towers: 2 or 4, for a variant of two towers: into how many its kernels are
            divided. With four it is another network, as the released source ran one
            on four GPUs. The variant's own number by default.
        devices: Each tower's device, as in `("/GPU:0", "/GPU:1")`, for a variant of
            towers; see `keras_alexnet.convert_towers`. `None` packs the towers in one
            tensor on the default device.
        name: Name of the model.

    Input shape:
        `(batch, height, width, 3)`, prepared pictures.

    Output shape:
        `(batch, classes)`; with `include_top=False` `(batch, h, w, 256)`, or
        `(batch, 256)` with `pooling`.

    Returns:
        A functional `keras.Model` with a `recipe`, by which pictures become its
        input, and `class_names`, as far as they are known; both are saved with it.

    Raises:
        ValueError: If an argument is out of range, `variant` contradicts the
            weights, or the weights cannot be read or do not fit.

    Example:

    >>> model = AlexNet(input_shape=(64, 64, 3), classes=10)
    >>> model.output_shape
    (None, 10)

    Reference:
        - Krizhevsky, Sutskever, Hinton: ImageNet Classification with Deep
          Convolutional Neural Networks, NIPS 2012.
    """
    check_variant(variant)
    found = None if weights is None else _with_variants(open_weights(weights))
    if found is not None:
        variant = found.variant(variant)
        classes = _classes(found, classes, include_top)
        if input_shape is None and include_top:
            input_shape = found.input_shape
    if found is not None and found.architecture is not None:
        record = found.architecture
    else:
        record = architectures.get("paper" if variant is None else variant)
    classes, names = (None, ()) if classes is None else counted(classes)
    if as_boolean(include_top) is None:
        raise must_be("include_top", "True or False", include_top)
    record = with_towers(record, towers)
    check_placing(record, devices, input_tensor)
    model = build(
        record,
        include_top=include_top,
        input_tensor=input_tensor,
        input_shape=input_shape,
        pooling=pooling,
        classes=1000 if classes is None else classes,
        classifier_activation=classifier_activation,
        initialization=initialization,
        kernels=kernels,
        name=name,
    )
    if found is not None:
        load_weights(model, found, record, names)
        _take_description(model, found)
    if names and include_top:
        model.describe(class_names=names)
    return model if devices is None else convert_towers(model, devices)


def _take_description(model: keras.Model, found: Weights) -> None:
    """Gives a model what is recorded with its weights."""
    recipe, names = found.description.recipe, found.description.class_names
    if recipe is not None and model.recipe is not None:
        model.describe(recipe=recipe.resized(model.recipe.image_size))
    if names and model.output_shape[1:] == (len(names),) == (found.classes,):
        model.describe(class_names=names)


def _with_variants(found: Weights) -> Weights:
    """Fills in the variants that a model saved whole can be of, by its layers."""
    if found.body is None:
        return found
    like = variants_like(found.body)
    # A network that was changed is like none: then the caller must name the variant.
    return dataclasses.replace(found, variants=like or architectures.names())


def variants_like(layers: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """The variants whose models have these layers and constants before `fc6`.

    Args:
        layers: As `keras_alexnet.weights.formats.keras_files.body` returns them.

    Returns:
        Their names: one, or none for a network that was changed.
    """
    return tuple(name for name in architectures.names() if _body(name) == layers)


@functools.cache
def _body(variant: str) -> tuple[tuple[str, str], ...]:
    return body(build(architectures.get(variant), include_top=False))


def _classes(found: Weights, classes: Any, include_top: bool) -> Any:
    if classes is None and found.classes is None and include_top:
        raise ValueError(
            "weights must hold fc8, or classes must be given for a new one. "
            f"Received: {found.origin!r}, which has none"
        )
    return found.classes if classes is None else classes


def build(
    record: Architecture,
    *,
    include_top: bool = True,
    input_tensor: Any = None,
    input_shape: Sequence[int | None] | tf.TensorShape | None = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    initialization: str = "default",
    kernels: str = "auto",
    devices: Sequence[str] | None = None,
    name: str = "alexnet",
    initial_bias: float | None = None,
    initial_stddev: float | None = None,
    seed: int | None = None,
) -> Functional:
    """Builds the model of an architecture's record, for example of one of your own.

    Args:
        record: The architecture; `dataclasses.replace` makes variations of it. All
            arguments that are not here are those of `AlexNet`.
        initial_bias: Constant of those biases that the paper starts at 1 (the second,
            fourth and fifth convolution, `fc6` and `fc7`); that of `initialization` by
            default.
        initial_stddev: One standard deviation of all weights, above 0; those of
            `initialization` by default.
        seed: Makes the new weights of each layer a function of it, of the layer's name
            and of its shape, so that layers that two networks share start alike; drawn
            at random by default.

    Returns:
        A functional `keras.Model` with new weights.

    Raises:
        ValueError: If an argument is out of range.

    Example:

    >>> import dataclasses
    >>> record = dataclasses.replace(architectures.get("paper"), dense=(512, 512))
    >>> build(record, classes=10).get_layer("fc7").units
    512
    """
    initializers = initializations.get(
        initialization, record.initialization, initial_bias, initial_stddev, seed
    )
    check_kernels(kernels)
    _check_pooling(pooling)
    x = inputs = input_layer(record, input_shape, input_tensor, include_top)
    for index, convolution in enumerate(record.convolutions, start=1):
        x = blocks.convolution(x, index, convolution, initializers)
        x = blocks.stages(x, index, convolution, record.towers, kernels)
    if include_top:
        classes = whole_number("classes", classes)
        x = blocks.classifier(
            x, record, classes, classifier_activation, initializers, kernels
        )
    elif pooling is not None:
        x = _POOLINGS[pooling](name=f"{pooling}_pool")(x)

    if input_tensor is not None:
        sources = keras.utils.get_source_inputs(input_tensor)
        inputs = sources[0] if len(sources) == 1 else sources
    model = Functional(inputs, x, name=name)
    # What comes before an input tensor may prepare the pictures itself.
    direct = input_tensor is None or inputs is input_tensor
    side = _square_side(inputs) if direct else None
    if side is not None:
        recipe = Recipe.of_colours(record.preprocessing, record.input_size)
        model.describe(recipe=recipe.resized(side))
    return model if devices is None else convert_towers(model, devices)


def _square_side(inputs: Any) -> int | None:
    """The side of the pictures of an input; None if they are not square, in colour."""
    _, height, width, channels = inputs.shape
    return height if height == width and channels == 3 else None


_POOLINGS = {
    "avg": keras.layers.GlobalAveragePooling2D,
    "max": keras.layers.GlobalMaxPooling2D,
}


def _check_pooling(pooling: str | None) -> None:
    if pooling not in (None, *_POOLINGS):
        raise ValueError(
            f"pooling must be None, 'avg' or 'max'. Received: pooling={pooling!r}"
        )
