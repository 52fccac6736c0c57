"""Weights from files and training runs."""

from keras_alexnet.weights.loading import load_weights

__all__ = ["load_weights"]
