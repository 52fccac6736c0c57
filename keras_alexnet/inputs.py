"""A network's input: prepared pictures, of a shape that the network can read."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet import architectures, files
from keras_alexnet.architectures import Architecture
from keras_alexnet.given_pictures import warn_of_values
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.reasons import must_be, shown
from keras_alexnet.weights import hub, published, runs
from keras_alexnet.weights.opening import check_variant
from keras_alexnet.weights.recipes import recipe_of, recorded
from keras_alexnet.whole_numbers import entries, is_whole


def preprocess_input(
    x: Any, variant: str | None = None, *, weights: str | os.PathLike | None = None
) -> Any:
    """Prepares RGB pictures of 0-255 for a network: colour order, mean and scale.

    `(x in the network's channel order − mean) / scale`. It never resizes.

    Args:
        x: `[…, 3]`, an array, a tensor or a Keras input, R, G, B in 0-255, of any
            number type.
        variant: The variant whose network reads them; `"paper"` if neither this nor
            `weights` is given.
        weights: The name of published weights, or the path of a training run, one of
            its checkpoints, an export, or a `.keras` or `.weights.h5` file that
            records its recipe: their pictures may have had a mean of their own.

    Returns:
        float32 of the shape of `x`: an array for an array, a tensor for a tensor.

    Raises:
        ValueError: If there is no such variant or name, the preprocessing of
            `weights` is not recorded, the two contradict each other, or `x` is no
            numbers with three channels.

    Warns:
        UserWarning: If no picture of 0-255 has such values; not within a graph.

    Example:

    >>> preprocess_input(np.full([1, 1, 3], 128, "uint8")).ravel().round(2)
    array([ 0.69,  8.29, 23.09], dtype=float32)
    >>> preprocess_input([[[0, 0, 255]]], weights="bvlc_alexnet").ravel().round(2)
    array([ 150.99, -116.67, -122.68], dtype=float32)
    """
    x = _numbers(x)
    warn_of_values(x)
    check_variant(variant)
    if weights is None:
        record = architectures.get("paper" if variant is None else variant)
        return record.preprocessing(x)
    its, preprocessing = _of_weights(weights)
    if None not in (variant, its) and variant != its:
        raise ValueError(
            f"variant must be that of the weights, {its!r}, or None. "
            f"Received: variant={variant!r}, weights={str(weights)!r}"
        )
    return preprocessing(x)


def load_pictures(
    pictures: Any, recipe: Any, image_size: int | None = None
) -> np.ndarray:
    """Reads and prepares pictures, for `model.predict` and `model.fit`.

    They are what `evaluate` gives the network, bit for bit: resized and cropped by the
    recipe, in the network's colours.

    Args:
        pictures: One or a list, as a `Recipe` takes them: paths, bytes of files, images
            of Pillow, or pixels in R, G, B, 0 to 255.
        recipe: The model itself, or whatever `keras_alexnet.weights.recipe_of` takes: a
            `Recipe`, a run, an export, a file, or the name of weights or of a variant.
        image_size: Side of the network's input, if it differs from that of `recipe`.

    Returns:
        float32 `[pictures, side, side, 3]`. A thousand of 224×224 take 0.6 GB; for
        more than memory holds see `Recipe.batches`.

    Raises:
        ValueError: If one is no picture (the message has its path or index), or no
            recipe is known.
        OSError: If a file cannot be read.

    Warns:
        UserWarning: If pixels have values that no picture of 0-255 has.

    Example:

    >>> from PIL import Image
    >>> load_pictures([Image.new("RGB", (300, 200))], "paper").shape
    (1, 224, 224, 3)
    """
    return np.asarray(recipe_of(recipe, image_size)(pictures))


def _numbers(x: Any) -> Any:
    """`x` itself, or its array if it is a list or Pillow's image.

    Raises:
        ValueError: If it is no numbers.
    """
    given = x
    if not hasattr(x, "shape"):  # neither an array nor a tensor of any kind
        with contextlib.suppress(TypeError, ValueError):
            x = np.asarray(x)
    kind = getattr(x, "dtype", None)
    if kind is None or not _is_numeric(kind):
        raise must_be(
            "x",
            "pixels, R, G, B in 0-255; keras_alexnet.load_pictures(paths, recipe) "
            "reads and prepares files",
            given,
        )
    return x


def _is_numeric(kind: Any) -> bool:
    with contextlib.suppress(TypeError):
        kind = tf.as_dtype(kind)
        return bool(kind.is_floating or kind.is_integer) and not kind.is_bool
    return False


def _of_weights(weights: Any) -> tuple[str | None, Preprocessing]:
    """The variant of published weights or of a run, if known, and its colours."""
    if isinstance(weights, str) and weights in published.names():
        record = published.get(weights)
        return record.variant, record.preprocessing
    a_path = isinstance(weights, (str, os.PathLike))
    recipe = recorded(weights).recipe if a_path else None
    if recipe is None:
        raise ValueError(_without_colours(weights))
    run = runs.run_of(Path(files.expanded(weights)))
    variant = None if run is None else runs.architecture(run).name
    return variant, recipe.preprocessing


def _without_colours(weights: Any) -> str:
    """The message for weights whose preprocessing is not recorded."""
    found = "which does not exist"
    if not isinstance(weights, (str, os.PathLike)):
        found = f"a {type(weights).__name__}"
    elif hub.is_address(weights):
        found = "a file that does not record its preprocessing"
    elif os.path.exists(path := files.expanded(weights)):
        kind = "folder" if os.path.isdir(path) else "file"
        found = f"a {kind} that does not record its preprocessing"
    return (
        f"weights must be one of {published.names()}, or a training run, one of its "
        "checkpoints, an export or a file that records its preprocessing; for others "
        "give the variant, preprocess_input(x, variant=…). "
        f"Received: weights={weights!r}, {found}"
    )


def check_model(model: Any) -> None:
    """Raises ValueError for what is no Keras model."""
    if not isinstance(model, keras.Model):
        raise must_be("model", "a keras.Model, as AlexNet(…) builds it", model)


def classifier_sizes(model: keras.Model) -> tuple[int, int]:
    """The side of the square pictures that a classifier takes, and its classes.

    Raises:
        ValueError: If the model is not one input of known, equal sides, three channels
            and one output `[batch, classes]`.
    """
    # A Sequential that has not been built has neither.
    shapes = [getattr(model, name, None) for name in ("input_shape", "output_shape")]
    taken, given = (tuple(s) if isinstance(s, (list, tuple)) else (s,) for s in shapes)
    square = len(taken) == 4 and taken[1] is not None and taken[1] == taken[2]
    if not square or taken[3] != 3 or len(given) != 2 or not isinstance(given[1], int):
        raise ValueError(
            "the model must take square pictures [batch, side, side, 3] of known side "
            "and give [batch, classes]. Received: a model from "
            f"{shapes[0]} to {shapes[1]}"
        )
    return taken[1], given[1]


def input_layer(
    record: Architecture, shape: Any, tensor: Any, include_top: bool
) -> Any:
    """The input of a model: `tensor` if it is given, else a new one of this shape.

    Raises:
        ValueError: If Keras has the channels first, or the network cannot read
            pictures of this shape.
    """
    if keras.backend.image_data_format() != "channels_last":
        raise ValueError(
            "AlexNet supports the image data format 'channels_last' only; call "
            "keras.backend.set_image_data_format('channels_last'). Received: "
            f"image_data_format={keras.backend.image_data_format()!r}"
        )
    if tensor is not None:
        if not hasattr(tensor, "shape"):
            expected = "a Keras tensor, as keras.Input gives"
            raise must_be("input_tensor", expected, tensor)
        _checked_shape(record, tuple(tensor.shape)[1:], include_top)
        return tensor
    if shape is None:
        side = record.input_size if include_top else None
        shape = (side, side, 3)
    shape = _checked_shape(record, shape, include_top)
    return keras.layers.Input(shape, name="images")


def _checked_shape(
    record: Architecture, given: Any, include_top: bool
) -> tuple[int | None, ...]:
    shape = entries(given) or ()
    wholes = all(side is None or is_whole(side) for side in shape)
    if len(shape) != 3 or not wholes or shape[-1] is None:
        raise ValueError(
            "input_shape must be (height, width, channels). "
            f"Received: input_shape={shown(given)}"
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
    return shape
