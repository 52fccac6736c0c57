"""A client of servers that speak as TensorFlow Serving does."""

from keras_alexnet.client.answers import Answer, Pictures
from keras_alexnet.client.connection import connect
from keras_alexnet.client.target import Target

__all__ = ["Answer", "Pictures", "Target", "connect"]
