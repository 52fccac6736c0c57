"""The arguments of a seam: they are checked here, and give the output's shape."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_alexnet.normalizations import LRN
from keras_alexnet.reasons import shown
from keras_alexnet.whole_numbers import LARGEST, as_whole, pair

IntOrPair = int | Sequence[int]
Pair = tuple[int, int]
_AXES = ("height", "width")
# Each tower has an entry in lists, here and in the native library.
MOST_TOWERS = 2**20
_OFF = LRN()  # fills the op's attributes where normalisation is off


@dataclasses.dataclass(frozen=True)
class Seam:
    """The stages between two convolutions; see `keras_alexnet.ops.cross_connect`."""

    activation: bool = True
    activation_first: bool = True
    norm: LRN | None = None
    pool_size: Pair | None = None
    pool_strides: Pair | None = None

    @classmethod
    def of(
        cls,
        activation: str | None,
        activation_first: bool,
        norm: LRN | None,
        pool_size: IntOrPair | None,
        pool_strides: IntOrPair | None,
    ) -> Seam:
        """A seam from a caller's arguments; ValueError names what is out of range."""
        if activation not in ("relu", None):
            raise ValueError(
                "activation must be 'relu' or None. "
                f"Received: activation={activation!r}"
            )
        if norm is not None and not isinstance(norm, LRN):
            raise ValueError(f"norm must be an LRN or None. Received: norm={norm!r}")
        if pool_size is None and pool_strides is not None:
            raise ValueError(
                "pool_strides needs a pool_size. Received: pool_size=None, "
                f"pool_strides={pool_strides!r}"
            )
        size = None if pool_size is None else pair("pool_size", pool_size)
        strides = size
        if pool_strides is not None:
            strides = pair("pool_strides", pool_strides)
        return cls(activation == "relu", bool(activation_first), norm, size, strides)

    def output_shape(
        self, maps: Sequence[tf.Tensor], towers: tuple[int, ...]
    ) -> list[int | None]:
        """The static shape of the joined maps.

        Raises:
            ValueError: If the maps do not fit each other or the pool, or have too many
                channels together.
        """
        shape = maps[0].shape
        if shape.rank != 4:
            raise ValueError(
                f"maps must be of rank 4: [B, H, W, C]. Received: shape={shape}"
            )
        for other in maps[1:]:
            if not shape[:3].is_compatible_with(other.shape[:3]):
                raise ValueError(
                    "maps must be of one batch, height and width. Received: "
                    f"shapes={[tuple(each.shape) for each in maps]}"
                )
            shape = shape[:3].merge_with(other.shape[:3]).concatenate([None])
        if sum(towers) > LARGEST:
            raise ValueError(
                "maps must have fewer than 2**63 channels together. Received: "
                f"shapes={[tuple(each.shape) for each in maps]}"
            )
        return [
            shape[0],
            self._pooled(shape[1], 0),
            self._pooled(shape[2], 1),
            sum(towers),
        ]

    def _pooled(self, side: int | None, axis: int) -> int | None:
        if side is None or self.pool_size is None or self.pool_strides is None:
            return side
        if self.pool_size[axis] > side:
            raise ValueError(
                "pool_size must not be larger than the maps. Received: "
                f"pool_size={self.pool_size}, maps of {_AXES[axis]} {side}"
            )
        return (side - self.pool_size[axis]) // self.pool_strides[axis] + 1

    def attributes(self) -> dict[str, Any]:
        """The attributes of the native op; a size of 0 switches a stage off."""
        norm = self.norm or _OFF
        size, strides = self.pool_size or (0, 0), self.pool_strides or (0, 0)
        return {
            "relu": self.activation,
            "activation_first": self.activation_first,
            "lrn_size": norm.size if self.norm else 0,
            # As text: an op's float attributes are float32, which cannot hold 1e-4.
            "lrn_k": repr(float(norm.k)),
            "lrn_alpha": repr(float(norm.alpha)),
            "lrn_beta": repr(float(norm.beta)),
            "lrn_mean": norm.alpha_mode == "mean",
            "pool_height": size[0],
            "pool_width": size[1],
            "stride_height": strides[0],
            "stride_width": strides[1],
        }


def tower_sizes(maps: Sequence[tf.Tensor], towers: int | None) -> tuple[int, ...]:
    """The channels of each tower, for a list of maps or for one packed tensor."""
    if not maps:
        raise ValueError("maps must hold at least one tensor. Received: maps=[]")
    for x in maps:
        if not x.dtype.is_floating:
            raise ValueError(
                f"maps must be floating point. Received: dtype={x.dtype.name}"
            )
        if x.dtype != maps[0].dtype:
            raise ValueError(
                "maps must be of one type. Received: "
                f"dtypes={[each.dtype.name for each in maps]}"
            )
        if not x.shape.rank or x.shape[-1] is None:
            raise ValueError(
                f"maps must have a known number of channels. Received: shape={x.shape}"
            )
    channels = [x.shape[-1] for x in maps]
    if len(maps) > 1:
        return tuple(channels)
    count = 1 if towers is None else as_whole(towers)
    if count is None or not 1 <= count <= MOST_TOWERS or channels[0] % count:
        most = f", {MOST_TOWERS} at most," if (count or 0) > MOST_TOWERS else ""
        raise ValueError(
            f"towers must be above 0{most} and divide the number of channels. "
            f"Received: towers={shown(towers)}, channels={channels[0]}"
        )
    return (channels[0] // count,) * count
