"""The layers of a network as its architecture has them, counted without building it."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from typing import Any

from keras_alexnet.architectures.records import (
    ACTIVATIONS,
    Architecture,
    BatchNorm,
    Convolution,
    Pool,
    Stage,
    dense_activation_name,
    stage_name,
)

# Kinds of layers.
CONVOLUTION, STAGE, SEAM, DENSE = "convolution", "stage", "seam", "dense"
UNEVEN = "–"  # shown for steps of 0: windows that lie on one another
_FIRST_DENSE = 6  # fc6


@dataclasses.dataclass(frozen=True)
class Share:
    """What one tower has of a layer.

    Args:
        maps: Its maps, or units.
        parameters: Its trained values.
        multiply_adds: Products of a weight with a value it reads, for a picture.
        reads: The towers whose maps its kernels read; none for the picture.
    """

    maps: int
    parameters: int = 0
    multiply_adds: int = 0
    reads: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer of the model, or a stage that a seam computes.

    Args:
        name: As in the model: `"conv1"`, `"seam1"`, `"fc6"`. The stages of a seam are
            named as single layers are: `"relu1"`, `"norm1"`, `"pool1"`.
        kind: `"convolution"`, `"dense"`, `"stage"` (all that has no weights on what it
            reads, or one for a map) or `"seam"` (several stages in one layer).
        side: Height and width of its maps; 1 for units.
        shares: What each tower has of it.
        receptive_field: Side of the square of the picture, in pixels, that one value
            depends on, zeros around the picture included; for units and all that
            follows them the side of what they read of the picture.
        stride: How many pixels apart the squares of neighbouring values are. Units have
            that of the maps they read: they are that far apart if the network is
            applied to a larger picture as a convolution.
        seam: The seam that computes this stage; None for a layer of the model.
        reads_side: Side of the maps that it reads.
        window: Side of what one value reads of each of them.
        step: From one window to the next, in their pixels; 0, as `stride`, where an
            average has more windows than pixels.
        groups: Parts of the maps before it, of which each kernel reads one.
        overwrites: Whether it is an activation, whose values take the memory of those
            that it reads: its gradient follows from them.
    """

    name: str
    kind: str
    side: int
    shares: tuple[Share, ...]
    receptive_field: int
    stride: int
    seam: str | None = None
    reads_side: int = 1
    window: int = 1
    step: int = 1
    groups: int = 1
    overwrites: bool = False

    @property
    def maps(self) -> tuple[int, int, int]:
        """Height, width and number of its maps; units are maps of 1×1."""
        return self.side, self.side, sum(share.maps for share in self.shares)

    @property
    def values(self) -> int:
        """How many values it gives for a picture."""
        return math.prod(self.maps)

    @property
    def neurons(self) -> int:
        """Its values if it has weights on what it reads, as the paper counts; or 0."""
        return self.values if self.kind in (CONVOLUTION, DENSE) else 0

    @property
    def parameters(self) -> int:
        """Its trained values."""
        return sum(share.parameters for share in self.shares)

    @property
    def multiply_adds(self) -> int:
        """Products of a weight with a value it reads, for a picture."""
        return sum(share.multiply_adds for share in self.shares)

    @property
    def kept(self) -> bool:
        """Whether its values need memory of their own.

        Activations overwrite what they read. A seam is counted by its stages.
        """
        return self.kind != SEAM and not self.overwrites


class _Windows:
    """What a value sees through the windows of all layers up to here, along one side.

    Args:
        pixels: The side of the picture.
    """

    def __init__(self, pixels: int) -> None:
        self.field, self.stride = 1, 1
        self._side = pixels
        # Of each layer: its window, its step, the zeros before, the side that it reads.
        self._through: list[tuple[int, int, int, int]] = []

    def add(self, window: int, step: int, before: int, side: int) -> None:
        """Goes through a layer, which gives maps of this side."""
        self._through.append((window, step, before, self._side))
        self._widen(window, step, side)

    def add_average(self, window: int, step: int, side: int) -> None:
        """Goes through an average to this side, whose windows together leave out none.

        They are not all equal: `window` is the largest.
        """
        self._through.append((self._side, step, 0, self._side))
        self._widen(window, step, side)

    def _widen(self, window: int, step: int, side: int) -> None:
        self.field += (window - 1) * self.stride
        self.stride *= step
        self._side = side

    def seen(self) -> int:
        """How many pixels all values together see.

        At the end of a side there may be some that no window reads.
        """
        first, last = 0, self._side - 1
        for window, step, before, side in reversed(self._through):
            first = max(0, first * step - before)
            last = min(side - 1, last * step - before + window - 1)
        return last - first + 1


def layers_of(record: Architecture, image_size: int, classes: int) -> tuple[Layer, ...]:
    """The layers of a network, in their order.

    Args:
        record: The architecture.
        image_size: Side of the picture, for which the last maps do not vanish.
        classes: Units of `fc8`.

    Returns:
        A `Layer` for each layer of the model, and before each seam one for each of its
        stages. Input, padding and flattening are left out: they give no new values.
    """
    return tuple(_Walk(record, image_size).all(classes))


class _Walk:
    """Goes through a network, and knows the maps that it has arrived at."""

    def __init__(self, record: Architecture, image_size: int) -> None:
        self._record = record
        self._side, self._windows = image_size, _Windows(image_size)
        self._seen: int | None = None  # by units
        self._own: tuple[int, ...] = (3,)  # maps of each tower; first, the colours

    def all(self, classes: int) -> Iterator[Layer]:
        for index, convolution in enumerate(self._record.convolutions, start=1):
            yield self._convolution(index, convolution)
            for stages in convolution.layers():
                yield from self._stages(index, stages)
        yield from self._averaging()
        yield from self._classifier(classes)

    def _convolution(self, index: int, record: Convolution) -> Layer:
        reads_side, maps = self._side, sum(self._own)
        self._side = record.convolved_size(reads_side)
        self._windows.add(
            record.kernel_size, record.strides, record.padding[0], self._side
        )
        weights = record.weights_of_kernel(maps)
        self._own = self._divided(record.filters)
        shares = (
            Share(
                kernels,
                kernels * (weights + record.has_biases),
                kernels * weights * self._side**2,
                () if index == 1 else _read(record.groups, self._towers, tower),
            )
            for tower, kernels in enumerate(self._own)
        )
        return self._layer(
            f"conv{index}",
            CONVOLUTION,
            tuple(shares),
            reads_side=reads_side,
            window=record.kernel_size,
            step=record.strides,
            groups=record.groups,
        )

    def _stages(self, index: int, stages: tuple[Stage, ...]) -> Iterator[Layer]:
        seam = f"seam{index}" if len(stages) > 1 else None
        for stage in stages:
            reads_side, window, step = self._side, 1, 1
            if isinstance(stage, Pool):
                window, step = stage.size, stage.strides
                self._side = stage.output_size(self._side)
                self._windows.add(window, step, 0, self._side)
            yield self._layer(
                stage_name(stage, index),
                STAGE,
                self._shares(stage.PARAMETERS if isinstance(stage, BatchNorm) else 0),
                seam=seam,
                reads_side=reads_side,
                window=window,
                step=step,
                overwrites=isinstance(stage, ACTIVATIONS),
            )
        if seam:
            yield self._layer(seam, SEAM, self._shares(), reads_side=self._side)

    def _averaging(self) -> Iterator[Layer]:
        size, side = self._record.averaged_size, self._side
        if size is None or size == side:
            return
        # torch.nn.AdaptiveAvgPool2d: window i is from floor(i n / s) to ceil of the
        # next; the windows, and the steps between them, are not all equal.
        window = max(-(-(i + 1) * side // size) - i * side // size for i in range(size))
        step = side // size
        self._windows.add_average(window, step, size)
        self._side = size
        yield self._layer(
            "average",
            STAGE,
            self._shares(),
            reads_side=side,
            window=window,
            step=step,
        )

    def _classifier(self, classes: int) -> Iterator[Layer]:
        record = self._record
        for index, units in enumerate(record.dense, start=_FIRST_DENSE):
            if record.dropout_before:
                yield self._single(f"dropout{index - 1}")
            yield self._dense(f"fc{index}", self._divided(units))
            name = dense_activation_name(record.dense_activation, index)
            yield self._single(name, overwrites=True)
            if not record.dropout_before:
                yield self._single(f"dropout{index}")
        # layers-145.cfg: fc1000 and the softmax are on the first GPU alone.
        yield self._dense("fc8", (classes,) + (0,) * (self._towers - 1))
        yield self._single("probabilities")

    def _dense(self, name: str, units: tuple[int, ...]) -> Layer:
        reads_side, inputs = self._side, self._side**2 * sum(self._own)
        everyone = tuple(range(self._towers))
        shares = tuple(
            Share(own, own * (inputs + 1), own * inputs, everyone if own else ())
            for own in units
        )
        self._side, self._own = 1, units
        self._seen = self._seen or self._windows.seen()
        return self._layer(
            name, DENSE, shares, reads_side=reads_side, window=reads_side
        )

    def _single(self, name: str, overwrites: bool = False) -> Layer:
        """A layer that changes values, and no shape."""
        return self._layer(
            name,
            STAGE,
            self._shares(),
            reads_side=self._side,
            overwrites=overwrites,
        )

    def _layer(
        self,
        name: str,
        kind: str,
        shares: tuple[Share, ...],
        **more: Any,
    ) -> Layer:
        """The layer at which the walk has arrived."""
        field = self._seen or self._windows.field
        return Layer(
            name, kind, self._side, shares, field, self._windows.stride, **more
        )

    def _shares(self, each: int = 0) -> tuple[Share, ...]:
        """The towers' shares of the maps, with `each` parameters for a map."""
        return tuple(Share(maps, maps * each) for maps in self._own)

    @property
    def _towers(self) -> int:
        return self._record.towers

    def _divided(self, count: int) -> tuple[int, ...]:
        """How many of these each tower has."""
        ends = [count * tower // self._towers for tower in range(self._towers + 1)]
        return tuple(end - start for start, end in itertools.pairwise(ends))


def _read(groups: int, towers: int, tower: int) -> tuple[int, ...]:
    """The towers whose maps the kernels of a tower read, with these groups."""
    # The groups in which the tower has kernels, then the towers of their maps.
    first, last = tower * groups // towers, -(-(tower + 1) * groups // towers)
    return tuple(range(first * towers // groups, -(-last * towers // groups)))
