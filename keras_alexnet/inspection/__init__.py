"""Looking into a network."""

from keras_alexnet.inspection.calibration import reliability
from keras_alexnet.inspection.centroids import nearest_centroid, separation
from keras_alexnet.inspection.colour import (
    colourfulness,
    colourfulness_through,
    selectivity,
    sign_free,
    split,
)
from keras_alexnet.inspection.filters import filter_grid
from keras_alexnet.inspection.findings import (
    Answered,
    Attribution,
    Compared,
    Findings,
    KernelColours,
    LayerActivity,
    Map,
    Neighbours,
    Patch,
    Reliability,
    Retrieval,
    Shown,
    Split,
    Unit,
)
from keras_alexnet.inspection.json_form import numbers
from keras_alexnet.inspection.looking import look
from keras_alexnet.inspection.neighbours import chance, nearest, precision

__all__ = [
    "Answered",
    "Attribution",
    "Compared",
    "Findings",
    "KernelColours",
    "LayerActivity",
    "Map",
    "Neighbours",
    "Patch",
    "Reliability",
    "Retrieval",
    "Shown",
    "Split",
    "Unit",
    "chance",
    "colourfulness",
    "colourfulness_through",
    "filter_grid",
    "look",
    "nearest",
    "nearest_centroid",
    "numbers",
    "precision",
    "reliability",
    "selectivity",
    "separation",
    "sign_free",
    "split",
]
