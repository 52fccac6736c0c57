"""Pictures and their labels: sources, views, batches."""

from keras_alexnet.data.batches import evaluation_batches, training_batches
from keras_alexnet.data.colour import ColourNoise, ColourStatistics
from keras_alexnet.data.erasing import Erasing
from keras_alexnet.data.mixing import Mixing
from keras_alexnet.data.opening import open_source
from keras_alexnet.data.rand_augment import RandAugment
from keras_alexnet.data.sources import Source

__all__ = [
    "ColourNoise",
    "ColourStatistics",
    "Erasing",
    "Mixing",
    "RandAugment",
    "Source",
    "evaluation_batches",
    "open_source",
    "training_batches",
]
