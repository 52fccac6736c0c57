"""Preparation: every picture once, in its final size, into sharded records."""

from keras_alexnet.data.preparation.driver import prepare
from keras_alexnet.data.preparation.settings import ENCODINGS, Settings

__all__ = ["ENCODINGS", "Settings", "prepare"]
