"""The end of a preparation: what belongs to all shards together."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import PIL
from PIL import features

from keras_alexnet import files
from keras_alexnet._version import __version__
from keras_alexnet.data.preparation.components import (
    ColourComponents,
    colour_components,
    mean_picture,
)
from keras_alexnet.data.preparation.directory import PreparationDirectory
from keras_alexnet.data.preparation.pixel_worker.sums import ColourSums
from keras_alexnet.data.preparation.plan import Shard
from keras_alexnet.data.preparation.reports import Report
from keras_alexnet.data.preparation.skipped import write_skipped
from keras_alexnet.data.record_files import (
    MEAN_PICTURE,
    Description,
    ShardEntry,
)
from keras_alexnet.data.sources import TRAIN, VALIDATION, Source

Reports = Mapping[Shard, Report]


def finish(
    source: Source,
    reports: Reports,
    directory: PreparationDirectory,
    identity: dict[str, Any],
) -> Description:
    """Writes the mean picture, the list of what was skipped, and `dataset.json`.

    Args:
        source: The data set.
        reports: On all of its shards, in their order.
        directory: Where they lie.
        identity: What the preparation depends on.

    Raises:
        ValueError: If a split has no picture that could be read.
    """
    counts = {split: _counts(reports, split) for split in (TRAIN, VALIDATION)}
    write_skipped(directory.path, reports)
    _check_not_empty(counts)
    components = _write_mean_picture(reports, directory, identity["size"])
    description = Description(
        data=source.spec,
        identity=identity,
        class_names=list(source.class_names),
        class_counts={split: each.tolist() for split, each in counts.items()},
        shards={split: _entries(reports, split) for split in counts},
        skipped=sum(len(report.skipped) for report in reports.values()),
        statistics=dataclasses.asdict(components),
        prepared_with=_versions(),
        file_stamp=directory.file_stamp,
    )
    directory.finish(description)
    return description


def _counts(reports: Reports, split: str) -> np.ndarray:
    return sum(
        (report.counts for shard, report in reports.items() if shard.split == split),
        start=np.zeros(1, np.int64),
    )


def _check_not_empty(counts: dict[str, np.ndarray]) -> None:
    for split, each in counts.items():
        if not each.sum():
            raise ValueError(
                "data must have pictures that can be read in both splits. "
                f"Received: none for {split}"
            )


def _write_mean_picture(
    reports: Reports, directory: PreparationDirectory, size: int
) -> ColourComponents:
    sums, pictures = ColourSums(size), 0
    for shard, report in reports.items():
        if shard.split == TRAIN:
            directory.merge_sums(shard, sums)
            pictures += report.pictures
    with io.BytesIO() as file:
        np.save(file, mean_picture(sums, pictures))
        files.write_bytes(directory.path / MEAN_PICTURE, file.getvalue())
    return colour_components(sums, pictures)


def _entries(reports: Reports, split: str) -> list[ShardEntry]:
    return [
        ShardEntry(shard.name, report.pictures, report.size)
        for shard, report in reports.items()
        if shard.split == split
    ]


def _versions() -> dict[str, str]:
    """What the bytes of the records may hang on."""
    turbo = "libjpeg_turbo"
    jpeg = features.version(turbo if features.check(turbo) else "jpg")
    return {"keras_alexnet": __version__, "pillow": PIL.__version__, "jpeg": str(jpeg)}
