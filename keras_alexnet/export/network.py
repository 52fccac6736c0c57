"""What is exported: a classifier with its recipe, its class names and its variant."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import NamedTuple

import keras

from keras_alexnet.inputs import check_model, classifier_sizes
from keras_alexnet.models import variants_like
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.reasons import must_be
from keras_alexnet.recipe import Recipe
from keras_alexnet.two_towers import as_packed
from keras_alexnet.weights.described import (
    Description,
    checked_names,
    description_of,
)
from keras_alexnet.weights.formats.keras_files import body
from keras_alexnet.weights.published import WeightSet
from keras_alexnet.weights.recipes import recipe_of

Given = str | os.PathLike | Recipe | Preprocessing | WeightSet | None


class Network(NamedTuple):
    """A classifier that is exported.

    Args:
        model: The packed model: a server may not have the towers' devices.
        side: Side of its pictures in pixels.
        recipe: How pictures become its input.
        class_names: Name of each output.
    """

    model: keras.Model
    side: int
    recipe: Recipe
    class_names: tuple[str, ...]

    @classmethod
    def of(
        cls,
        model: keras.Model,
        class_names: Sequence[str] | None,
        preprocessing: Given,
        views: int = 1,
    ) -> Network:
        """A model with what it records, unless that is given.

        Raises:
            ValueError: If it is no classifier of square pictures, it records no recipe
                or no names and none are given, or there is not one name for each class.
        """
        check_model(model)
        known = description_of(model)
        class_names = known.class_names or None if class_names is None else class_names
        preprocessing = known.recipe if preprocessing is None else preprocessing
        given = ("class_names", class_names), ("preprocessing", preprocessing)
        for name, value in given:
            if value is None:
                raise must_be(name, "given: this model records none", None)
        assert class_names is not None
        model = as_packed(model)
        side, classes = classifier_sizes(model)
        recipe = recipe_of(preprocessing, side, views)
        names = checked_names(class_names)
        if len(names) != classes:
            raise ValueError(
                f"class_names must hold {classes} names, one for each output of the "
                f"model. Received: {len(names)} names"
            )
        return cls(model, side, recipe, names)

    def described(self) -> str:
        """The network in JSON, as files of weights hold it."""
        return described(self.model, Description(self.recipe, self.class_names))


def described(model: keras.Model, description: Description) -> str:
    """A description in JSON, with the variant by the model's layers.

    Example:

    >>> model = AlexNet("caffe", input_shape=(67, 67, 3), classes=["cat", "dog"])
    >>> json.loads(described(model, description_of(model)))["variant"]
    'caffe'
    """
    variant = next(iter(variants_like(body(model))), None)
    held = json.loads(description.to_bytes())
    return json.dumps({**held, "variant": variant})
