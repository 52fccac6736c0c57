"""Looking into a network."""

from keras_alexnet.inspection.filters import filter_grid

__all__ = ["filter_grid"]
