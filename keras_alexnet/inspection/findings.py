"""What is found out about a network: the numbers and pictures of a report."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np


class Shown(NamedTuple):
    """A picture as the network sees it, in plain colours.

    Args:
        name: Its name in the data.
        label: Index of its class in the data.
        pixels: uint8 `[side, side, 3]`, R, G, B.
    """

    name: str
    label: int
    pixels: np.ndarray


class Answered(NamedTuple):
    """A picture with its likeliest classes.

    Args:
        picture: The picture.
        classes: Pairs of output index and probability, the likeliest first.
        right: Whether the likeliest is its class; None if the network has not the
            classes of the data.
    """

    picture: Shown
    classes: tuple[tuple[int, float], ...]
    right: bool | None


class Neighbours(NamedTuple):
    """The training pictures that are nearest to a picture.

    Args:
        picture: The picture, of the validation pictures.
        nearest: Training pictures, the nearest first.
        distances: Euclidean distance of each.
    """

    picture: Shown
    nearest: tuple[Shown, ...]
    distances: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Retrieval:
    """Nearest neighbours of validation pictures among training pictures (figure 4).

    Args:
        space: `"fc7"` or `"pixels"`.
        examples: A few pictures with their neighbours.
        precision: Fraction of the neighbours of all pictures that have their class.
        chance: The same for training pictures drawn at random.
        pictures: Number of pictures asked.
        among: Number of training pictures searched.
    """

    space: str
    examples: tuple[Neighbours, ...]
    precision: float
    chance: float
    pictures: int
    among: int


@dataclasses.dataclass(frozen=True)
class Split:
    """How a value of kernels differs between two towers (figure 3).

    Args:
        area: Probability that a kernel of the first tower has the larger value than one
            of the second, ties counted half: the area under the curve.
        p: Two-sided, by permutation of the kernels over the towers.
        halves: 2.5 %, 50 % and 97.5 % of the area for random halves of the kernels.
        permutations: How many were drawn.
    """

    area: float
    p: float
    halves: tuple[float, float, float]
    permutations: int


@dataclasses.dataclass(frozen=True)
class KernelColours:
    """How colourful the kernels of a layer are.

    Args:
        layer: `"conv1"` or `"conv2"`.
        towers: Number of towers; for a network of one stream whose convolutions are
            in groups, as Caffe's, number of groups.
        kernels: float32 `[height, width, 3, count]` in R, G, B; None for `conv2`,
            whose kernels read maps.
        colourfulness: `[count]`, tower after tower: 0 is grey, 1 without grey.
        selectivity: `[count]`, the index of Rafegas and Vanrell, from the pictures that
            excite each most; NaN for dead units.
        splits: By the name of the value, `"colourfulness"` and `"selectivity"`. Of a
            network of one tower, between the first and the second half of its kernels,
            which nothing distinguishes: a control.
    """

    layer: str
    towers: int
    kernels: np.ndarray | None
    colourfulness: np.ndarray
    selectivity: np.ndarray
    splits: dict[str, Split]


class Patch(NamedTuple):
    """The part of a picture that excites a unit.

    Args:
        picture: The picture.
        box: Top, left, bottom, right of the receptive field, cut at the border.
        value: What the unit gives there.

    The box is not empty: `pixels[top:bottom, left:right]` is the patch.
    """

    picture: Shown
    box: tuple[int, int, int, int]
    value: float


class Unit(NamedTuple):
    """A unit of a layer with the patches that excite it most.

    Args:
        layer: Name of the layer.
        unit: Index of its map, or of the unit of a dense layer.
        tower: Index of its tower.
        patches: At most nine, of different pictures, the strongest first; none if it
            is dead.
    """

    layer: str
    unit: int
    tower: int
    patches: tuple[Patch, ...]


@dataclasses.dataclass(frozen=True)
class LayerActivity:
    """What a layer gives for the pictures.

    Args:
        layer: Name of the layer, `conv1` to `fc7`, rectified.
        towers: Number of towers; the units of one stand together.
        shape: Of its output: `(height, width, units)`, or `(units,)`.
        receptive_field: Side of what a unit reads of the picture, in pixels.
        example: Output for the picture `Findings.example`.
        highest: `[units]`, the largest output over all pictures and places.
        active: `[units]`, fraction of pictures and places where it is above 0.
        dead: `[units]`, bool: never above 0.
        separation: Fraction of the validation pictures whose class has the nearest
            centroid of all, the centroids being those of the training pictures; maps
            are averaged over their places. NaN without pictures to compare.
        separation_of_towers: The same from each tower alone; empty without towers.
        units: Some of its units.
    """

    layer: str
    towers: int
    shape: tuple[int, ...]
    receptive_field: int
    example: np.ndarray
    highest: np.ndarray
    active: np.ndarray
    dead: np.ndarray
    separation: float
    separation_of_towers: tuple[float, ...]
    units: tuple[Unit, ...]


class Map(NamedTuple):
    """Which places of a picture matter for a class, by one method.

    Args:
        method: `"occlusion"`, `"input gradient"` or `"Grad-CAM"`.
        values: float32 `[side, side]`.
        randomised: The same of a copy of the network with random weights.
        correlation: Rank correlation of the two, of gradients with their signs; NaN if
            one of them is the same everywhere.
    """

    method: str
    values: np.ndarray
    randomised: np.ndarray
    correlation: float


class Attribution(NamedTuple):
    """Maps of one picture.

    Args:
        picture: The picture with its classes.
        output: Index of the output that they explain.
        maps: One for each method.
    """

    picture: Answered
    output: int
    maps: tuple[Map, ...]


@dataclasses.dataclass(frozen=True)
class Reliability:
    """How often answers of a given probability are right.

    Args:
        edges: `[bins + 1]`, of the probability of the likeliest class.
        counts: `[bins]`, pictures.
        confidence: `[bins]`, mean probability; NaN where there are none.
        accuracy: `[bins]`, fraction that is right; NaN where there are none.
        error: Expected calibration error,
            `Σ counts · |accuracy − confidence| / Σ counts`.
    """

    edges: np.ndarray
    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    error: float


@dataclasses.dataclass(frozen=True)
class Compared:
    """Another model beside the first: its colours and its scores.

    Args:
        name: Its name, for people.
        colours: Of its `conv1` and `conv2`.
        accuracy: Top-1 on the same pictures; NaN if its classes are others.
        note: Why it may have been trained on some of these pictures; empty if not.
    """

    name: str
    colours: tuple[KernelColours, ...]
    accuracy: float
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Findings:
    """All that is found out about a network on the pictures of a data set.

    Args:
        model: Its name, for people.
        variant: Its variant or `""`.
        data: The data set, as `--data` names it.
        classes: Name of each output.
        data_classes: Name of each class of the data.
        sizes: Number of training and of validation pictures that were read.
        accuracy: Top-1 on the validation pictures; NaN, like the next two, if the
            network has not the data's classes.
        top5: Top-5 on them; NaN below six classes.
        loss: Mean −log p, natural logarithm.
        colours: Of `conv1` and `conv2`.
        sign_free: Over this model and those compared that have as many towers: by
            layer and value, as `"conv1 colourfulness"`, the mean of `|area − 1/2|` and
            its p by permutation; empty without any such, and for one tower.
        retrieval: In `fc7` and in pixels; empty without pictures to compare.
        examples: A few validation pictures with their classes, right and wrong.
        worst: The validation pictures of the largest loss, the worst first; none, like
            `confused` and `reliability`, if the network has not the data's classes.
        example: The picture of the layers' activations.
        layers: From `conv1` to `fc7`.
        attributions: Of a few pictures.
        reliability: Of the validation pictures; None as above.
        confused: Triples of class of the data, output and number of pictures, the right
            answers among them.
        compared: The other models.
        notes: Lines for people, as what could not be measured and why.
        outputs: The output of each class of the data, whose names may differ; None if
            the network has not all of them.
    """

    model: str
    variant: str
    data: str
    classes: tuple[str, ...]
    data_classes: tuple[str, ...]
    sizes: dict[str, int]
    accuracy: float
    top5: float
    loss: float
    colours: tuple[KernelColours, ...]
    sign_free: dict[str, tuple[float, float]]
    retrieval: tuple[Retrieval, ...]
    examples: tuple[Answered, ...]
    worst: tuple[Answered, ...]
    example: Answered
    layers: tuple[LayerActivity, ...]
    attributions: tuple[Attribution, ...]
    reliability: Reliability | None
    confused: tuple[tuple[int, int, int], ...]
    compared: tuple[Compared, ...]
    notes: tuple[str, ...]
    outputs: tuple[int, ...] | None = None
