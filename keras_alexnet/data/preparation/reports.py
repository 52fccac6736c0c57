"""What writing a shard came to, kept beside it until all are written."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import numpy as np

from keras_alexnet import files
from keras_alexnet.data.preparation.pixel_worker.sums import ColourSums


@dataclasses.dataclass
class Report:
    """What writing a shard came to.

    The sums over its pictures are in the same file but not held in memory: they are
    as large as a picture, and shards are many.

    Args:
        counts: int64 `[classes]`, the pictures of each class in it.
        skipped: Name and reason of what was no picture.
        size: Of the file, in bytes.
    """

    counts: np.ndarray
    skipped: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    size: int = 0

    @property
    def pictures(self) -> int:
        """How many pictures the shard holds."""
        return int(self.counts.sum())

    def save(self, path: Path, sums: ColourSums) -> None:
        """Writes report and sums to a file that appears whole."""
        with io.BytesIO() as file:
            np.savez_compressed(
                file,
                counts=self.counts,
                skipped=np.array(json.dumps(self.skipped)),
                size=np.array(self.size),
                pixels=sums.pixels,
                products=sums.products,
            )
            files.write_bytes(path, file.getvalue())

    @classmethod
    def load(cls, path: Path) -> Report:
        """Reads a report that `save` wrote."""
        with np.load(path, allow_pickle=False) as held:
            skipped = [(name, why) for name, why in json.loads(str(held["skipped"]))]
            return cls(held["counts"], skipped, int(held["size"]))


def merge_sums(path: Path, total: ColourSums) -> None:
    """Adds to a total the sums that `Report.save` wrote."""
    with np.load(path, allow_pickle=False) as held:
        total.merge(held["pixels"], held["products"])
