"""The end of a preparation: statistics, skipped pictures, and the description."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import features

from keras_alexnet import files
from keras_alexnet._version import __version__
from keras_alexnet.data.preparation.directory import PreparationDirectory
from keras_alexnet.data.preparation.pixel_worker.sums import ColourSums
from keras_alexnet.data.preparation.shards import Report, Shard
from keras_alexnet.data.record_files import (
    MEAN_PICTURE,
    Description,
    ShardEntry,
)
from keras_alexnet.data.sources import TRAIN, VALIDATION, Source

SKIPPED = "skipped.csv"

Reports = Mapping[Shard, Report]
Row = tuple[str, str, str]


def finish(
    source: Source,
    reports: Reports,
    directory: PreparationDirectory,
    identity: dict[str, Any],
) -> Description:
    """Writes the mean picture, the list of skipped pictures, and `dataset.json`.

    Args:
        source: The data set.
        reports: The reports of all of its shards, in their order.
        directory: The directory of the shards.
        identity: What the records depend on: settings, and fingerprint of the data.

    Raises:
        ValueError: If a split has no picture that could be read.
    """
    counts = {
        split: _counts(reports, split, len(source.class_names))
        for split in (TRAIN, VALIDATION)
    }
    write_skipped(directory.path, reports)
    _check_not_empty({split: counts[split] for split in source.sizes})
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


def _counts(reports: Reports, split: str, classes: int) -> np.ndarray:
    return sum(
        (report.counts for shard, report in reports.items() if shard.split == split),
        start=np.zeros(classes, np.int64),
    )


def _check_not_empty(counts: dict[str, np.ndarray]) -> None:
    for split, each in counts.items():
        if not each.sum():
            raise ValueError(
                "data must have pictures that can be read in each split. "
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
    """The versions that the bytes of the records may depend on."""
    turbo = "libjpeg_turbo"
    jpeg = features.version(turbo if features.check(turbo) else "jpg")
    return {"keras_alexnet": __version__, "pillow": PIL.__version__, "jpeg": str(jpeg)}


def write_skipped(directory: Path, reports: Mapping[Shard, Report | None]) -> Path:
    """Writes name, split and reason of each skipped picture, in the shards' order."""
    with io.StringIO(newline="") as text:
        rows = csv.writer(text, lineterminator="\n")
        rows.writerows([("name", "split", "reason"), *_rows(reports)])
        files.write_text(directory / SKIPPED, text.getvalue())
    return directory / SKIPPED


def check_skipped(
    directory: Path, reports: Mapping[Shard, Report | None], max_bad: int
) -> None:
    """Raises ValueError, and writes the list, if more than `max_bad` were skipped."""
    count = sum(len(report.skipped) for report in reports.values() if report)
    if count <= max_bad:
        return
    path = write_skipped(directory, reports)
    name, _, reason = next(_rows(reports))
    raise ValueError(
        f"at most max_bad={max_bad} pictures may be unreadable; repair or remove them "
        "and prepare into another directory, or raise max_bad. Received: "
        f"{count} so far, the first of them {name!r} ({reason}); {str(path)!r} lists "
        "them"
    )


def _rows(reports: Mapping[Shard, Report | None]) -> Iterator[Row]:
    for shard, report in reports.items():
        for name, reason in report.skipped if report else ():
            yield name, shard.split, reason


@dataclasses.dataclass(frozen=True)
class ColourComponents:
    """Mean and principal components of the colours of pixels, 0-255, R, G, B.

    Args:
        mean: Mean colour.
        eigenvalues: Eigenvalues of the covariance of pixels, the largest first.
        stddevs: Their square roots.
        vectors: Eigenvectors of length 1, one a row; the largest entry of each is
            positive.
    """

    mean: list[float]
    eigenvalues: list[float]
    stddevs: list[float]
    vectors: list[list[float]]


def mean_picture(sums: ColourSums, pictures: int) -> np.ndarray:
    """The mean of the pictures, float32 `[size, size, 3]`."""
    return (sums.pixels / pictures).astype(np.float32)


def colour_components(sums: ColourSums, pictures: int) -> ColourComponents:
    """Principal components: `C = E[x xᵀ] − E[x] E[x]ᵀ`, over all pixels.

    Args:
        sums: The sums over the pictures.
        pictures: The number of pictures.
    """
    count = pictures * sums.pixels.shape[0] ** 2
    totals = [int(total) for total in sums.pixels.sum((0, 1))]
    # In whole numbers of any size: the difference of the two terms is exact.
    covariance = [
        [
            (count * int(sums.products[i, j]) - totals[i] * totals[j]) / count**2
            for j in range(3)
        ]
        for i in range(3)
    ]
    values, columns = np.linalg.eigh(np.array(covariance))
    values, vectors = values[::-1].clip(0), columns.T[::-1]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(1)[:, None], 1)
    return ColourComponents(
        mean=[total / count for total in totals],
        # Rounded, since the last digits differ between versions of NumPy.
        eigenvalues=values.round(6).tolist(),
        stddevs=np.sqrt(values).round(6).tolist(),
        vectors=(vectors * np.sign(largest)).round(9).tolist(),
    )
