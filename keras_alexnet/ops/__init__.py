"""Functions on tensors: what the layers compute, natively or in stock TensorFlow."""

from keras_alexnet.normalizations import LRN, WithinChannelLRN
from keras_alexnet.ops.convolution import grouped_conv2d
from keras_alexnet.ops.cross_connection import (
    cross_connect,
    local_response_normalization,
)
from keras_alexnet.ops.dense import dense
from keras_alexnet.ops.native import native_library
from keras_alexnet.ops.within_channel import within_channel_normalization

__all__ = [
    "LRN",
    "WithinChannelLRN",
    "cross_connect",
    "dense",
    "grouped_conv2d",
    "local_response_normalization",
    "native_library",
    "within_channel_normalization",
]
