"""Pictures by content: the nearest of many in the space of a layer."""

from keras_alexnet.retrieval.index import Index, Neighbour

__all__ = ["Index", "Neighbour"]
