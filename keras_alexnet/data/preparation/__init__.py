"""Preparation: scales every picture once, and stores it in sharded records."""

from keras_alexnet.data.preparation.driver import prepare
from keras_alexnet.data.preparation.settings import ENCODINGS, Settings

__all__ = ["ENCODINGS", "Settings", "prepare"]
