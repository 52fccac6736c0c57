"""A network as its layers: totals, what crosses between towers, memory in training."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterable

from keras_alexnet.architectures.anatomy.layers import DENSE, STAGE, Layer
from keras_alexnet.architectures.records import Architecture

FLOAT = 4  # bytes of a float32


@dataclasses.dataclass(frozen=True)
class Totals:
    """Sums over the layers.

    Args:
        parameters: Trained values.
        multiply_adds: Products of a weight with a value it reads, for one picture.
            ReLU, normalisation, pooling and softmax are not counted.
        neurons: Values of convolutions and of `fc6` to `fc8`, as the paper counts.
    """

    parameters: int
    multiply_adds: int
    neurons: int


@dataclasses.dataclass(frozen=True)
class Crossing:
    """What a tower sends to another one before a layer.

    In training a gradient of the same size returns.

    Args:
        layer: Name of the layer that reads it.
        source: The tower that made it, from 0 on.
        destination: The tower that reads it.
        values: Numbers for each picture.
    """

    layer: str
    source: int
    destination: int
    values: int


@dataclasses.dataclass(frozen=True)
class Memory:
    """What training holds for a layer, in bytes of float32.

    Args:
        name: Name of the layer.
        maps: Its values for all pictures of the batch, until the backward pass.
        gradients: Their gradients, as many; none for the pictures.
        weights: Its trained values, their gradients and their momentum.
    """

    name: str
    maps: int
    gradients: int
    weights: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.maps + self.gradients + self.weights


@dataclasses.dataclass(frozen=True)
class Network:
    """The layers of an architecture at a size of picture.

    Args:
        architecture: The architecture.
        image_size: Side of the pictures.
        classes: Units of `fc8`.
        batch_size: Pictures in a step of training.
        layers: The layers, and the stages that seams compute.
    """

    architecture: Architecture
    image_size: int
    classes: int
    batch_size: int
    layers: tuple[Layer, ...]

    @property
    def towers(self) -> int:
        """The number of towers."""
        return self.architecture.towers

    @functools.cached_property
    def totals(self) -> Totals:
        """Sums over the layers."""
        return total(self.layers)

    @functools.cached_property
    def dense_totals(self) -> Totals:
        """Sums over `fc6` to `fc8`."""
        return total(each for each in self.layers if each.kind == DENSE)

    @property
    def steps(self) -> tuple[Layer, ...]:
        """The layers that give another shape: convolutions, pools and units."""
        return tuple(
            each
            for each in self.layers
            if each.neurons or (each.kind == STAGE and each.side != each.reads_side)
        )

    def layer(self, name: str) -> Layer:
        """The layer of this name.

        Raises:
            ValueError: If there is none.
        """
        for each in self.layers:
            if each.name == name:
                return each
        names = ", ".join(each.name for each in self.layers)
        raise ValueError(f"name must be one of {names}. Received: name={name!r}")

    def before(self, layer: Layer) -> Layer | None:
        """The layer whose maps this one reads; None for the first."""
        index = self.layers.index(layer)
        return self.layers[index - 1] if index else None

    def reads(self, layer: Layer) -> str:
        """What a layer with weights reads, in a word or two."""
        if self.before(layer) is None:
            return "the picture"
        if layer.groups == 1:
            return {1: "all maps", 2: "both towers"}.get(self.towers, "all towers")
        if layer.groups == self.towers:
            return "its tower"
        return f"1/{layer.groups} of maps"

    @functools.cached_property
    def crossings(self) -> tuple[Crossing, ...]:
        """All that towers send to each other in a forward pass."""
        return tuple(
            Crossing(layer.name, source, destination, read.maps * before.side**2)
            for before, layer in itertools.pairwise(self.layers)
            for destination, share in enumerate(layer.shares)
            for source, read in enumerate(before.shares)
            if source in share.reads and source != destination and read.maps
        )

    @functools.cached_property
    def memory(self) -> tuple[Memory, ...]:
        """What a step of training holds: the pictures, then layer by layer."""
        pictures = self.batch_size * FLOAT * 3 * self.image_size**2
        return (
            Memory("images", pictures, 0, 0),
            *(
                self._memory(each.name, each.values, each.parameters)
                for each in self.layers
                if each.kept
            ),
        )

    def tower_memory(self, tower: int) -> int:
        """Bytes that training holds in one tower, with a copy of the pictures.

        What it received from other towers is not counted.
        """
        held = (
            self._memory(each.name, share.maps * each.side**2, share.parameters).total
            for each in self.layers
            if each.kept
            for share in (each.shares[tower],)
        )
        return self.memory[0].total + sum(held)

    def _memory(self, name: str, values: int, parameters: int) -> Memory:
        maps = values * self.batch_size * FLOAT
        return Memory(name, maps, maps, 3 * FLOAT * parameters)


def total(layers: Iterable[Layer]) -> Totals:
    """The sums over some layers."""
    layers = tuple(layers)
    return Totals(
        sum(each.parameters for each in layers),
        sum(each.multiply_adds for each in layers),
        sum(each.neurons for each in layers),
    )


def tower_name(tower: int) -> str:
    """The name of a tower: a, b, … as in the released source.

    Example:

    >>> tower_name(1)
    'b'
    """
    return chr(ord("a") + tower) if tower < 26 else str(tower)
