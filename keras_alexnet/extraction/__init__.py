"""Outputs of layers for many pictures: in a file, or a batch at a time."""

from keras_alexnet.extraction.features_file import Written, write_features
from keras_alexnet.extraction.pictures import Pictures, PicturesOfData, PicturesOfFiles

__all__ = [
    "Pictures",
    "PicturesOfData",
    "PicturesOfFiles",
    "Written",
    "write_features",
]
