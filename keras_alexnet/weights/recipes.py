"""Finds the recipe of weights, runs, exports and variants, and what they record."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from keras_alexnet import architectures, files
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.reasons import must_be
from keras_alexnet.recipe import Recipe
from keras_alexnet.weights import hub, published, runs
from keras_alexnet.weights.described import (
    UNKNOWN,
    Description,
    description_in,
    has_description,
)
from keras_alexnet.weights.published import WeightSet

# The endings of files of weights alone, which can be read from anywhere.
SUFFIXES = (".safetensors", ".weights.h5", ".caffemodel", ".npy", ".pth", ".onnx")
# Where an export holds its recipe; TensorFlow Serving does not read this folder.
EXPORT_CARD = "assets.extra/keras_alexnet.json"


def newest_version(path: Path) -> Path | None:
    """The SavedModel at `path`, or the highest version in it; None if there is none."""
    if (path / "saved_model.pb").is_file():
        return path
    if not path.is_dir():
        return None
    versions = [each for each in path.iterdir() if each.name.isdecimal()]
    versions = [each for each in versions if (each / "saved_model.pb").is_file()]
    return max(versions, key=lambda each: int(each.name), default=None)


def recipe_of(what: Any, image_size: int | None = None, views: int = 1) -> Recipe:
    """Returns the recipe by which pictures become a network's input.

    Args:
        what: Published weights by their name or record; a training run, one of its
            checkpoints, an export, or a `.keras`, `.weights.h5` or `.safetensors` file
            that records its recipe, by its path or its address `hf://…`; a model or a
            `Classifier` with a recipe; a variant by its name; a `Preprocessing`, which
            gets the paper's resize and crop; or a `Recipe`.
        image_size: Side of the network's input, if it differs from that of `what`; the
            crop stays in proportion. Needed for a `Preprocessing`.
        views: 1, the centre, or 10 (paper, section 4.1).

    Returns:
        The `Recipe`.

    Raises:
        ValueError: If no recipe is known for `what`.
        OSError: If a file cannot be read.

    Example:

    >>> recipe_of("imagenet").resize, recipe_of("paper", 112).resize_size
    ('warp', 128)
    """
    recipe = _named(what, image_size)
    if image_size is not None:
        recipe = recipe.resized(image_size)
    return dataclasses.replace(recipe, views=views)


def _named(what: Any, image_size: int | None) -> Recipe:
    if isinstance(what, Recipe):
        return what
    if isinstance(what, WeightSet):
        return what.recipe()
    if isinstance(what, Preprocessing) and image_size is not None:
        return Recipe.of_colours(what, image_size)
    if isinstance(what, str) and what in published.names():
        return published.get(what).recipe()
    if isinstance(what, str) and what in architectures.names():
        record = architectures.get(what)
        return Recipe.of_colours(record.preprocessing, record.input_size)
    found = getattr(what, "recipe", None)  # of a model, or of a Classifier
    if isinstance(what, (str, os.PathLike)):
        found = recorded(what).recipe
    if isinstance(found, Recipe):
        return found
    raise must_be(
        "preprocessing",
        "a Recipe or a Preprocessing, with its image_size, the name of a variant "
        f"{architectures.names()} or of published weights {published.names()}, a "
        "training run, one of its checkpoints, an export, or a file or a model that "
        "records its recipe",
        what,
    )


def recorded(path: str | os.PathLike) -> Description:
    """The recipe and the class names that are recorded at a path, as far as they are.

    Args:
        path: Of a training run, one of its checkpoints, an export, or a `.keras`,
            `.weights.h5` or `.safetensors` file; it need not exist. Or an address
            `hf://…`.

    Raises:
        ValueError: If what holds them is damaged.
    """
    if hub.is_address(path):
        path = hub.local(os.fspath(path), SUFFIXES)
    place = Path(files.expanded(path))
    run = runs.run_of(place)
    if run is not None:
        return recorded_by_run(run)
    if has_description(place):
        return description_in(place)
    card = (newest_version(place) or place) / EXPORT_CARD
    if not card.is_file():
        return UNKNOWN
    held = files.read_json(card, recipe=dict, class_names=list[str] | None)
    names = held["class_names"] or ()  # earlier versions wrote none
    return Description(Recipe.from_dict(held["recipe"]), tuple(names))


def recorded_by_run(run: Path) -> Description:
    """What a run has recorded of its pictures and classes."""
    held = (run / runs.DATA).is_file()
    recipe = runs.recipe(run) if held or (run / runs.RECIPE).is_file() else None
    return Description(recipe, runs.class_names(run) if held else ())
