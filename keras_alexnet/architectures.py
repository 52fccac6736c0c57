"""One frozen record for each AlexNet, every number with its source."""

from __future__ import annotations

import dataclasses

from keras_alexnet.ops.normalization import LRN
from keras_alexnet.preprocessing import Preprocessing


@dataclasses.dataclass(frozen=True)
class Pool:
    """Max pooling without padding; it overlaps where `strides` is below `size`."""

    size: int = 3
    strides: int = 2

    def output_size(self, size: int) -> int:
        """Side of the pooled map of a map of side `size`; 0 where none fits."""
        return max(0, (size - self.size) // self.strides + 1)


@dataclasses.dataclass(frozen=True)
class Convolution:
    """A convolution with its ReLU, and what follows it before the next one.

    Args:
        filters: Kernels of all towers together.
        kernel_size: Side of the kernel.
        strides: Step in both directions.
        padding: Zeros added at the top and left, and at the bottom and right.
        groups: 1 where the kernels read all maps, else the number of towers, where
            each reads the maps of its own.
        norm: Local response normalisation within each tower, after the ReLU.
        pool: Max pooling, last.
    """

    filters: int
    kernel_size: int
    strides: int = 1
    padding: tuple[int, int] = (0, 0)
    groups: int = 1
    norm: LRN | None = None
    pool: Pool | None = None

    def output_size(self, size: int) -> int:
        """Side of the map that leaves here for a map of side `size`."""
        padded = size + sum(self.padding)
        side = max(0, (padded - self.kernel_size) // self.strides + 1)
        return self.pool.output_size(side) if self.pool and side else side


@dataclasses.dataclass(frozen=True)
class Architecture:
    """All that makes one AlexNet; `keras_alexnet.AlexNet` builds a model from it.

    Args:
        name: What `AlexNet(variant=…)` calls it.
        towers: Number of towers, the paper's GPUs.
        convolutions: `conv1` and those after it.
        dense: Units of `fc6` and `fc7`.
        dropout: Probability of zeroing an output of `fc6` and `fc7`.
        input_size: Side of the picture that the network was made for.
        preprocessing: What the pictures go through first.
    """

    name: str
    towers: int
    convolutions: tuple[Convolution, ...]
    dense: tuple[int, ...] = (4096, 4096)
    dropout: float = 0.5
    input_size: int = 224
    preprocessing: Preprocessing = dataclasses.field(default_factory=Preprocessing)

    def final_map_size(self, size: int) -> int:
        """Side of the last map for a picture of side `size`; 0 if it vanishes."""
        for convolution in self.convolutions:
            size = convolution.output_size(size)
        return size

    @property
    def smallest_input(self) -> int:
        """Side of the smallest picture that leaves a map of 1×1."""
        return next(n for n in range(1, 1024) if self.final_map_size(n) >= 1)


_LRN = LRN(size=5, k=2.0, alpha=1e-4, beta=0.75)  # paper, section 3.3
_OVERLAPPING = Pool(size=3, strides=2)  # paper, section 3.4

# The paper's figure 2 and section 3.5. It gives 224×224 pictures and, by its 11×11
# kernels at stride 4, 55×55 maps, which fits no padding that it names. The released
# source rounds up (layer.py: 1 + ceil((224 - 11) / 4) = 55) and reads zeros beyond
# the bottom and right edges: 3 zeros there give the same sizes for every input.
PAPER = Architecture(
    name="paper",
    towers=2,
    convolutions=(
        Convolution(96, 11, 4, (0, 3), norm=_LRN, pool=_OVERLAPPING),
        Convolution(256, 5, 1, (2, 2), groups=2, norm=_LRN, pool=_OVERLAPPING),
        Convolution(384, 3, 1, (1, 1)),  # reads both towers
        Convolution(384, 3, 1, (1, 1), groups=2),
        Convolution(256, 3, 1, (1, 1), groups=2, pool=_OVERLAPPING),
    ),
)

_ARCHITECTURES = {record.name: record for record in (PAPER,)}


def names() -> tuple[str, ...]:
    """The variants that there are."""
    return tuple(_ARCHITECTURES)


def get(variant: str) -> Architecture:
    """Returns the record of a variant.

    Args:
        variant: One of `names()`.

    Returns:
        Its `Architecture`.

    Raises:
        ValueError: If there is no such variant.

    Example:

    >>> get("paper").smallest_input
    64
    """
    if not isinstance(variant, str) or variant not in _ARCHITECTURES:
        raise ValueError(
            f"variant must be one of {names()}. Received: variant={variant!r}"
        )
    return _ARCHITECTURES[variant]
