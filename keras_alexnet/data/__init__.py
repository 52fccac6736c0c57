"""Pictures and their labels: sources, views, batches."""

from keras_alexnet.data.batches import evaluation_batches, training_batches
from keras_alexnet.data.colour import ColourNoise, ColourStatistics
from keras_alexnet.data.opening import open_source
from keras_alexnet.data.sources import Source

__all__ = [
    "ColourNoise",
    "ColourStatistics",
    "Source",
    "evaluation_batches",
    "open_source",
    "training_batches",
]
