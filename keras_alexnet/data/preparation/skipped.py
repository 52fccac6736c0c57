"""`skipped.csv`: what could not be read, and why."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from keras_alexnet import files
from keras_alexnet.data.preparation.plan import Shard
from keras_alexnet.data.preparation.reports import Report

FILE_NAME = "skipped.csv"
Row = tuple[str, str, str]


def write_skipped(directory: Path, reports: Mapping[Shard, Report | None]) -> Path:
    """Writes name, split and reason of each, in the order of the shards."""
    with io.StringIO(newline="") as text:
        rows = csv.writer(text, lineterminator="\n")
        rows.writerows([("name", "split", "reason"), *_rows(reports)])
        files.write_text(directory / FILE_NAME, text.getvalue())
    return directory / FILE_NAME


def check_skipped(
    directory: Path, reports: Mapping[Shard, Report | None], max_bad: int
) -> None:
    """Raises ValueError, and lists them, if more than `max_bad` were skipped."""
    count = sum(len(report.skipped) for report in reports.values() if report)
    if count <= max_bad:
        return
    path = write_skipped(directory, reports)
    name, _, reason = next(_rows(reports))
    raise ValueError(
        f"at most max_bad={max_bad} pictures may be unreadable; repair or remove them "
        "and prepare into another directory, or allow more. Received: "
        f"{count} so far, the first of them {name!r} ({reason}); {str(path)!r} lists "
        "them"
    )


def _rows(reports: Mapping[Shard, Report | None]) -> Iterator[Row]:
    for shard, report in reports.items():
        for name, reason in report.skipped if report else ():
            yield name, shard.split, reason
