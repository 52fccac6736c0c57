"""Keras layers over `keras_alexnet.ops`."""

from keras_alexnet.layers.adaptive_average_pooling import AdaptiveAveragePooling2D
from keras_alexnet.layers.cross_connection import CrossConnection
from keras_alexnet.layers.dense import Dense
from keras_alexnet.layers.grouped_conv2d import GroupedConv2D
from keras_alexnet.layers.local_response_normalization import (
    LocalResponseNormalization,
)
from keras_alexnet.layers.stateless_dropout import StatelessDropout
from keras_alexnet.layers.synchronized_batch_normalization import (
    SynchronizedBatchNormalization,
)
from keras_alexnet.layers.within_channel_normalization import (
    WithinChannelNormalization,
)

__all__ = [
    "AdaptiveAveragePooling2D",
    "CrossConnection",
    "Dense",
    "GroupedConv2D",
    "LocalResponseNormalization",
    "StatelessDropout",
    "SynchronizedBatchNormalization",
    "WithinChannelNormalization",
]
