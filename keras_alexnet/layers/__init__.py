"""Keras layers over `keras_alexnet.ops`."""

from keras_alexnet.layers.cross_connection import CrossConnection
from keras_alexnet.layers.grouped_conv2d import GroupedConv2D
from keras_alexnet.layers.local_response_normalization import (
    LocalResponseNormalization,
)

__all__ = ["CrossConnection", "GroupedConv2D", "LocalResponseNormalization"]
