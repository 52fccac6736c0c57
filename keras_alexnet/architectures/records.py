"""The record of an architecture, its parts, and the sizes that follow from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

from keras_alexnet.normalizations import LRN, WithinChannelLRN
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.reasons import shown
from keras_alexnet.whole_numbers import (
    LARGEST_OF_OPS,
    entries,
    is_whole,
    number,
    pair,
    whole_number,
)


def _turn_whole(record: object, *names: str) -> None:
    """Makes fields of a frozen record `int`s, from 1 to `LARGEST_OF_OPS`."""
    for name in names:
        value = whole_number(name, getattr(record, name), most=LARGEST_OF_OPS)
        object.__setattr__(record, name, value)


@dataclasses.dataclass(frozen=True)
class ReLU:
    """max(0, x) (paper, section 3.1)."""


@dataclasses.dataclass(frozen=True)
class Tanh:
    """tanh(x), the neuron that the paper compares ReLU with (section 3.1)."""


@dataclasses.dataclass(frozen=True)
class LeakyReLU:
    """x where it is above 0, else slope · x.

    Args:
        slope: 0 or more, and below 1.

    Reference:
        - Maas, Hannun, Ng: Rectifier Nonlinearities Improve Neural Network Acoustic
          Models, ICML workshop 2013, section 2.
    """

    slope: float = 0.01

    def __post_init__(self) -> None:
        object.__setattr__(self, "slope", number("slope", self.slope, 0, below=1))


@dataclasses.dataclass(frozen=True)
class ELU:
    """x where it is above 0, else alpha · (exp(x) − 1).

    Args:
        alpha: 0 or more.

    Reference:
        - Clevert, Unterthiner, Hochreiter: Fast and Accurate Deep Network Learning by
          Exponential Linear Units, ICLR 2016, section 3.
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "alpha", number("alpha", self.alpha, 0))


@dataclasses.dataclass(frozen=True)
class BatchNorm:
    """Batch normalisation of each map, with a scale and an offset of its own.

    Args:
        momentum: Fraction of the running mean and variance that a step keeps.
        epsilon: Added to the variance.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5

    PARAMETERS: ClassVar[int] = 2  # trained for each map

    def __post_init__(self) -> None:
        for name in ("momentum", "epsilon"):
            object.__setattr__(self, name, number(name, getattr(self, name), 0))


@dataclasses.dataclass(frozen=True)
class Pool:
    """Max pooling without padding; it overlaps where `strides` is below `size`."""

    size: int = 3
    strides: int = 2

    def __post_init__(self) -> None:
        _turn_whole(self, "size", "strides")

    def output_size(self, size: int) -> int:
        """Side of the pooled map of a map of side `size`; 0 where none fits."""
        return max(0, (size - self.size) // self.strides + 1)


Activation = ReLU | Tanh | LeakyReLU | ELU
ACTIVATIONS = (ReLU, Tanh, LeakyReLU, ELU)
Stage = Activation | BatchNorm | LRN | WithinChannelLRN | Pool

_SEAM = (ReLU, LRN, Pool)  # what one layer, a seam, computes in this order
_NAMES = {
    ReLU: "relu",
    Tanh: "tanh",
    LeakyReLU: "leaky",
    ELU: "elu",
    BatchNorm: "bn",
    LRN: "norm",
    WithinChannelLRN: "cnorm",
    Pool: "pool",
}


def stage_name(stage: Stage, index: int) -> str:
    """Name of a stage after the convolution `conv{index}`, such as `"pool1"`."""
    name = _NAMES[type(stage)]
    if isinstance(stage, ACTIVATIONS) and index >= 6:  # relu6 belongs to fc6
        return f"conv{index}_{name}"
    return f"{name}{index}"


def dense_activation_name(activation: Activation, index: int) -> str:
    """Name of the activation after the dense layer `fc{index}`, such as `"relu6"`."""
    return f"{_NAMES[type(activation)]}{index}"


@dataclasses.dataclass(frozen=True)
class Convolution:
    """A convolution and, in their order, the stages between it and the next one.

    Args:
        filters: Kernels of all towers together.
        kernel_size: Side of the kernel.
        strides: Step in both directions.
        padding: Zeros added at the top and left, and at the bottom and right.
        groups: 1 where the kernels read all maps; 2 where each half of the kernels
            reads one half of the maps.
        stages: What follows, with any activation, `ReLU` or another; an `LRN` reaches
            over the maps of one tower.
    """

    filters: int
    kernel_size: int
    strides: int = 1
    padding: tuple[int, int] = (0, 0)
    groups: int = 1
    stages: tuple[Stage, ...] = (ReLU(),)

    def __post_init__(self) -> None:
        _turn_whole(self, "filters", "kernel_size", "strides", "groups")
        object.__setattr__(self, "padding", pair("padding", self.padding, least=0))

    @property
    def has_biases(self) -> bool:
        """Whether it adds biases: batch normalisation has an offset of its own."""
        return not any(isinstance(stage, BatchNorm) for stage in self.stages)

    def layers(self) -> Iterator[tuple[Stage, ...]]:
        """Splits the stages: each tuple is computed by one layer of the model.

        That layer is a seam where the tuple has several stages.
        """
        stages = self.stages
        while stages:
            count, last = 0, -1
            for stage in stages:
                if type(stage) not in _SEAM or _SEAM.index(type(stage)) <= last:
                    break
                count, last = count + 1, _SEAM.index(type(stage))
            count = max(count, 1)
            yield stages[:count]
            stages = stages[count:]

    def weights_of_kernel(self, maps: int) -> int:
        """How many values of `maps` maps a kernel reads in one position."""
        return self.kernel_size**2 * (maps // self.groups)

    def convolved_size(self, size: int) -> int:
        """Side of the map that the kernels make of a map of side `size`."""
        padded = size + sum(self.padding)
        return max(0, (padded - self.kernel_size) // self.strides + 1)

    def output_size(self, size: int) -> int:
        """Side of the map that leaves here for a map of side `size`."""
        side = self.convolved_size(size)
        for stage in self.stages:
            if isinstance(stage, Pool) and side:
                side = stage.output_size(side)
        return side


@dataclasses.dataclass(frozen=True)
class Architecture:
    """A full description of one AlexNet; `keras_alexnet.AlexNet` builds models of it.

    Args:
        name: Its name, as in `AlexNet(variant=…)`.
        towers: Number of towers, the paper's GPUs: normalisation stays within one.
        convolutions: `conv1` and those after it.
        dense: Units of `fc6` and `fc7`; none for `fc8` alone.
        dropout: Probability of zeroing a value.
        dropout_before: Whether dropout comes before `fc6` and `fc7`, not after.
        averaged_size: Side to which the last maps are averaged before `fc6`, so that
            one `fc6` reads pictures of every size; `None` for no averaging.
        input_size: Side of the picture that the network was made for.
        preprocessing: Colour order, mean and scale of the input.
        initialization: What `initialization="default"` means.
        sources: The sources of the numbers: `{"conv1.padding": …}`, by the names that
            `compare()` shows; a name without its last part covers all of its parts,
            `""` everything else.
        dense_activation: What follows each layer of `dense`; those of the convolutions
            are among their stages.
    """

    name: str
    towers: int
    convolutions: tuple[Convolution, ...]
    dense: tuple[int, ...] = (4096, 4096)
    dropout: float = 0.5
    dropout_before: bool = False
    averaged_size: int | None = None
    input_size: int = 224
    preprocessing: Preprocessing = dataclasses.field(default_factory=Preprocessing)
    initialization: str = "caffe"
    sources: dict[str, str] = dataclasses.field(
        default_factory=dict, compare=False, repr=False
    )
    dense_activation: Activation = ReLU()

    def __post_init__(self) -> None:
        _turn_whole(self, "towers", "input_size")
        if self.averaged_size is not None:
            _turn_whole(self, "averaged_size")
        dense = entries(self.dense)
        if dense is None or not all(map(is_whole, dense)):
            raise ValueError(
                "dense must be the units of each dense layer, whole numbers above 0. "
                f"Received: dense={shown(self.dense)}"
            )
        object.__setattr__(self, "dense", dense)
        object.__setattr__(self, "dropout", number("dropout", self.dropout, 0, below=1))

    def final_map_size(self, size: int) -> int:
        """Side of the last map for a picture of side `size`; 0 if it vanishes."""
        for convolution in self.convolutions:
            size = convolution.output_size(size)
        return size

    @property
    def smallest_input(self) -> int:
        """Side of the smallest picture that leaves a map of 1×1."""
        return next(n for n in range(1, 1024) if self.final_map_size(n) >= 1)

    def parameters(self, classes: int = 1000) -> int:
        """Number of trainable values at the size that the network was made for."""
        count, maps = 0, 3
        for each in self.convolutions:
            count += each.filters * (each.weights_of_kernel(maps) + each.has_biases)
            for stage in each.stages:
                if isinstance(stage, BatchNorm):
                    count += each.filters * stage.PARAMETERS
            maps = each.filters
        side = self.averaged_size or self.final_map_size(self.input_size)
        inputs = side * side * maps
        for units in (*self.dense, classes):
            count, inputs = count + (inputs + 1) * units, units
        return count

    def source(self, name: str) -> str:
        """The source of the number that `compare()` calls `name`."""
        while name and name not in self.sources:
            name = name.rpartition(".")[0]
        return self.sources[name]
