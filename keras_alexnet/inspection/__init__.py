"""Looking into a network."""

from keras_alexnet.inspection.attribution import Explained, explained_beside, randomised
from keras_alexnet.inspection.calibration import reliability
from keras_alexnet.inspection.centroids import nearest_centroid, separation
from keras_alexnet.inspection.colour import (
    apart_by_chance,
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
from keras_alexnet.inspection.layer_facts import Field, LayerFacts, layer_facts
from keras_alexnet.inspection.looking import look
from keras_alexnet.inspection.neighbours import chance, nearest, precision
from keras_alexnet.inspection.observing import Observed, Strongest, observe
from keras_alexnet.inspection.pictures import Pictures, draw
from keras_alexnet.inspection.ranks import rank_correlation
from keras_alexnet.inspection.units import named_units, some_units, unit_with_patches

__all__ = [
    "Answered",
    "Attribution",
    "Compared",
    "Explained",
    "Field",
    "Findings",
    "KernelColours",
    "LayerActivity",
    "LayerFacts",
    "Map",
    "Neighbours",
    "Observed",
    "Patch",
    "Pictures",
    "Reliability",
    "Retrieval",
    "Shown",
    "Split",
    "Strongest",
    "Unit",
    "apart_by_chance",
    "chance",
    "colourfulness",
    "colourfulness_through",
    "draw",
    "explained_beside",
    "filter_grid",
    "layer_facts",
    "look",
    "named_units",
    "nearest",
    "nearest_centroid",
    "numbers",
    "observe",
    "precision",
    "randomised",
    "rank_correlation",
    "reliability",
    "selectivity",
    "separation",
    "sign_free",
    "some_units",
    "split",
    "unit_with_patches",
]
