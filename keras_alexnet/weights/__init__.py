"""Weights: published ones by name, files of several formats, training runs."""

from keras_alexnet.weights.opening import Weights, open_weights
from keras_alexnet.weights.published import WeightSet, get, names
from keras_alexnet.weights.recipes import recipe_of

__all__ = ["WeightSet", "Weights", "get", "names", "open_weights", "recipe_of"]
