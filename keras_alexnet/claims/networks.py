"""The networks that claims train: small enough for a laptop, and their variations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from keras_alexnet.architectures import Architecture, Convolution, Pool, ReLU
from keras_alexnet.architectures.records import Stage
from keras_alexnet.normalizations import LRN
from keras_alexnet.preprocessing import Preprocessing

_RELU, _POOL, _LRN = ReLU(), Pool(3, 2), LRN()
_SAME5, _SAME3 = (2, 2), (1, 1)

# The paper says of the network of figure 1 only that it has four layers. The nearest
# public one is layers-19pct.cfg of cuda-convnet, whose last two pools are of means.
# Crops of 28 out of 32 need no scaling.
FOUR_LAYERS = Architecture(
    name="four_layers",
    towers=1,
    convolutions=tuple(
        Convolution(filters, 5, padding=_SAME5, stages=(_RELU, _POOL))
        for filters in (32, 32, 64)
    ),
    dense=(),
    input_size=28,
)

# The paper's network for pictures of CIFAR-10: two towers that cross after the second
# convolution, five convolutions, three overlapping pools, two dense layers with
# dropout. As there, the sides before the pools are odd, so that pools of 3×3 and of 2×2
# with stride 2 leave maps of the same size: 31, 15, 7, 3.
SMALL = Architecture(
    name="small",
    towers=2,
    convolutions=(
        Convolution(48, 5, padding=_SAME5, stages=(_RELU, _LRN, _POOL)),
        Convolution(96, 5, 1, _SAME5, 2, stages=(_RELU, _LRN, _POOL)),
        Convolution(128, 3, 1, _SAME3),
        Convolution(128, 3, 1, _SAME3, 2),
        Convolution(96, 3, 1, _SAME3, 2, stages=(_RELU, _POOL)),
    ),
    dense=(512, 512),
    input_size=31,
)

# The paper's network at half its width, for photos of 96 pixels: odd sides again.
HALF = Architecture(
    name="half",
    towers=2,
    convolutions=(
        Convolution(48, 11, 4, (0, 3), stages=(_RELU, _LRN, _POOL)),
        Convolution(128, 5, 1, _SAME5, 2, stages=(_RELU, _LRN, _POOL)),
        Convolution(192, 3, 1, _SAME3),
        Convolution(192, 3, 1, _SAME3, 2),
        Convolution(128, 3, 1, _SAME3, 2, stages=(_RELU, _POOL)),
    ),
    dense=(1024, 1024),
    input_size=96,
)


def scaled(architecture: Architecture, scale: float) -> Architecture:
    """The same for pictures whose values are divided by `scale`."""
    colours = Preprocessing(
        architecture.preprocessing.channel_order,
        architecture.preprocessing.mean,
        (scale,) * 3,
    )
    return dataclasses.replace(architecture, preprocessing=colours)


def with_stages(
    architecture: Architecture, change: Callable[[Stage], tuple[Stage, ...]]
) -> Architecture:
    """The same with other stages: `change` gives those that replace a stage."""
    return _with_convolutions(
        architecture,
        lambda index, each: dataclasses.replace(
            each, stages=tuple(new for stage in each.stages for new in change(stage))
        ),
    )


def without_normalization(architecture: Architecture) -> Architecture:
    """The same without LRN."""
    return with_stages(
        architecture, lambda stage: () if isinstance(stage, LRN) else (stage,)
    )


def with_activation(architecture: Architecture, *stages: Stage) -> Architecture:
    """The same with other stages in place of each ReLU after a convolution."""
    return with_stages(
        architecture, lambda stage: stages if isinstance(stage, ReLU) else (stage,)
    )


def with_pools(architecture: Architecture, pool: Pool) -> Architecture:
    """The same with another pool in place of each."""
    return with_stages(
        architecture, lambda stage: (pool,) if isinstance(stage, Pool) else (stage,)
    )


def ungrouped(architecture: Architecture) -> Architecture:
    """The same where every kernel reads all maps; LRN stays within the halves."""
    return _with_convolutions(
        architecture, lambda index, each: dataclasses.replace(each, groups=1)
    )


def cut_off(architecture: Architecture) -> Architecture:
    """The same where the third convolution does not cross: the towers meet in fc6."""
    return _with_convolutions(
        architecture,
        lambda index, each: dataclasses.replace(each, groups=2) if index == 3 else each,
    )


def half_width(architecture: Architecture) -> Architecture:
    """One tower of two; the last convolution stays whole, as in the paper."""
    last = len(architecture.convolutions)
    narrow = _with_convolutions(
        architecture,
        lambda index, each: dataclasses.replace(
            each,
            groups=1,
            filters=each.filters if index == last else each.filters // 2,
        ),
    )
    return dataclasses.replace(narrow, towers=1)


def without_convolution(architecture: Architecture, index: int) -> Architecture:
    """The same without one convolution, counted from 1, that has no pool after it."""
    kept = list(architecture.convolutions)
    del kept[index - 1]
    return dataclasses.replace(architecture, convolutions=tuple(kept))


def _with_convolutions(
    architecture: Architecture, change: Callable[[int, Convolution], Convolution]
) -> Architecture:
    return dataclasses.replace(
        architecture,
        convolutions=tuple(
            change(index, each)
            for index, each in enumerate(architecture.convolutions, start=1)
        ),
    )
