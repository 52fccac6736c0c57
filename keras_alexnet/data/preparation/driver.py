"""Prepares a data set in parallel, and resumes where an earlier call stopped."""

from __future__ import annotations

import os
from pathlib import Path

from keras_alexnet import files
from keras_alexnet.data.preparation.directory import PreparationDirectory
from keras_alexnet.data.preparation.outcome import finish
from keras_alexnet.data.preparation.settings import Settings
from keras_alexnet.data.preparation.shards import plan
from keras_alexnet.data.preparation.writing import Watch, Writing
from keras_alexnet.data.record_files import DIVISION, Description
from keras_alexnet.data.sources import Source


def prepare(
    source: Source,
    out: str,
    settings: Settings | None = None,
    *,
    processes: int | None = None,
    max_bad: int = 100,
    watch: Watch | None = None,
) -> tuple[Description, bool]:
    """Scales every picture to its final size once, and stores the set as records.

    Killed at any moment and called again, it resumes after the last finished shard.
    The result is the same, byte for byte, for any number of processes.

    Args:
        source: The data set, opened with `check_pictures=False` if files that are not
            pictures are to be skipped.
        out: The directory to write to: new, empty, or this preparation's.
        settings: Size and encoding.
        processes: Number of workers; one for each core by default.
        max_bad: How many unreadable pictures may be skipped.
        watch: Called with the number of finished examples and of all.

    Returns:
        The description of what `out` holds, and whether this call had work to do.

    Raises:
        ValueError: If `out` holds something else, files of the pictures have changed
            since an earlier call, or too many are unreadable.
        ChildProcessError: If a worker process ended.

    Example:

    >>> from keras_alexnet.data import open_source
    >>> prepare(open_source("shapes"), "prepared")  # doctest: +SKIP
    """
    if source.encoding == "raw":
        raise ValueError(
            "data to prepare must be encoded pictures; name the data that the records "
            f"were made of. Received: data={source.spec!r}, records of bare pixels"
        )
    settings = settings or Settings()
    division = source.division
    identity = {
        **settings.as_dict(),
        **({} if division is None else {DIVISION: division.as_dict()}),
        "data_fingerprint": source.fingerprint(),
    }
    where = Path(files.expanded(out))
    directory = PreparationDirectory(where, identity, source.file_stamp())
    done = directory.finished()
    if done is not None:
        return done, False
    with directory.claimed():
        # Another process may have finished it between the two lines above.
        done = directory.finished()
        if done is not None:
            return done, False
        shards = plan(source, settings)
        writing = Writing(source, shards, directory, settings, max_bad, watch)
        reports = writing.run(processes or _cores())
        return finish(source, reports, directory, identity), True


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1
