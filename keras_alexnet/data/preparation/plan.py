"""Which examples belong to which shard: a function of data and settings alone."""

from __future__ import annotations

import dataclasses

import numpy as np

from keras_alexnet.data.preparation.settings import Settings
from keras_alexnet.data.sources import TRAIN, VALIDATION, Source

# Files of this size are read at full speed and moved about with ease.
SHARD_BYTES = 128 * 2**20
# A JPEG of a photo takes about 0.5 bytes a pixel at quality 95 and 1 at 100.
_JPEG_BYTES_PER_PIXEL, _JPEG_HEADER = 0.75, 700
_SEED = 2012


@dataclasses.dataclass(frozen=True, eq=False)
class Shard:
    """A file of records to be written.

    Args:
        name: Of the file.
        split: `"train"` or `"validation"`.
        indices: Which of the split's examples it holds, in this order.
    """

    name: str
    split: str
    indices: np.ndarray


def shards(source: Source, settings: Settings) -> list[Shard]:
    """Plans all shards of a data set.

    Args:
        source: The data set.
        settings: Of the preparation.

    Returns:
        The shards, those of the training pictures first.
    """
    return [
        shard
        for split in (TRAIN, VALIDATION)
        for shard in _of_split(split, _order(source, split), settings)
    ]


def _order(source: Source, split: str) -> np.ndarray:
    """The order in which a split is stored.

    Training pictures are shuffled once, when they are stored, as cuda-convnet2's
    make-data does it; not where a source can be read from front to back alone,
    since tensorflow-datasets has shuffled them when it stored them. NumPy promises
    that this old generator draws the same numbers in all its versions.
    """
    count = source.sizes[split]
    if split == TRAIN and source.random_access:
        return np.random.RandomState(_SEED).permutation(count)
    return np.arange(count)


def _of_split(split: str, order: np.ndarray, settings: Settings) -> list[Shard]:
    total = -(-len(order) * _expected_bytes(settings) // SHARD_BYTES)
    return [
        Shard(f"{split}-{number:05}-of-{total:05}.tfrecord", split, indices)
        for number, indices in enumerate(np.array_split(order, total))
    ]


def _expected_bytes(settings: Settings) -> int:
    """Bytes of a picture, rather too many than too few."""
    if settings.encoding == "raw":
        return 3 * settings.size**2
    return _JPEG_HEADER + int(_JPEG_BYTES_PER_PIXEL * settings.size**2)
