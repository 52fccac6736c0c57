"""A client of servers that speak as TensorFlow Serving does."""

from keras_alexnet.serving.answers import Answer, Pictures
from keras_alexnet.serving.client import connect
from keras_alexnet.serving.target import Target

__all__ = ["Answer", "Pictures", "Target", "connect"]
