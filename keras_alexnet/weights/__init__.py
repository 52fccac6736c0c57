"""Weights by name, from files of several kinds, and from training runs."""

from keras_alexnet.weights.opening import Weights, open_weights
from keras_alexnet.weights.records import WeightSet, get, names

__all__ = ["WeightSet", "Weights", "get", "names", "open_weights"]
