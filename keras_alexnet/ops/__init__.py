"""Functions on tensors: what the layers compute, in stock TensorFlow ops."""

from keras_alexnet.ops.convolution import grouped_conv2d
from keras_alexnet.ops.normalization import LRN, local_response_normalization

__all__ = ["LRN", "grouped_conv2d", "local_response_normalization"]
