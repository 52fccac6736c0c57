"""A network's input: prepared pictures, of a shape that the network can read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import keras

from keras_alexnet import architectures, files
from keras_alexnet.architectures import Architecture
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.weights import published, runs
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
        weights: The name of published weights, or the path of a training run or one
            of its checkpoints, whose pictures had a mean of their own.

    Returns:
        float32 of the shape of `x`: an array for an array, a tensor for a tensor.

    Raises:
        ValueError: If there is no such variant or name, the preprocessing of
            `weights` is not recorded, the two contradict each other, or `x` does not
            have three channels.

    Example:

    >>> preprocess_input(np.full([1, 1, 3], 128, "uint8")).ravel().round(2)
    array([ 0.69,  8.29, 23.09], dtype=float32)
    >>> preprocess_input([[[0, 0, 255]]], weights="bvlc_alexnet").ravel().round(2)
    array([ 150.99, -116.67, -122.68], dtype=float32)
    """
    if weights is None:
        record = architectures.get("paper" if variant is None else variant)
        return record.preprocessing(x)
    its, preprocessing = _of_weights(weights)
    if variant not in (None, its):
        raise ValueError(
            f"variant must be that of the weights, {its!r}, or None. "
            f"Received: variant={variant!r}, weights={str(weights)!r}"
        )
    return preprocessing(x)


def _of_weights(weights: str | os.PathLike) -> tuple[str, Preprocessing]:
    """The variant of published weights or of a run, and its preprocessing."""
    named = weights in published.names()
    a_path = isinstance(weights, (str, os.PathLike)) and not named
    run = runs.run_of(Path(files.expanded(weights))) if a_path else None
    if run is not None:
        return runs.architecture(run).name, runs.recipe(run).preprocessing
    if not named:
        raise ValueError(_without_colours(weights))
    record = published.get(str(weights))
    return record.variant, record.preprocessing


def _without_colours(weights: Any) -> str:
    """The message for weights whose preprocessing is not recorded."""
    found = "which does not exist"
    if not isinstance(weights, (str, os.PathLike)):
        found = f"a {type(weights).__name__}"
    elif os.path.exists(path := files.expanded(weights)):
        kind = "folder" if os.path.isdir(path) else "file"
        found = f"a {kind} that does not record its preprocessing"
    return (
        f"weights must be one of {published.names()}, or a training run or one of its "
        "checkpoints, which record their preprocessing; for others give the variant, "
        f"preprocess_input(x, variant=…). Received: weights={weights!r}, {found}"
    )


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
            f"Received: input_shape={given!r}"
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
