"""The directory that a preparation writes to, and whose it is."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import filelock

from keras_alexnet import files
from keras_alexnet.data.preparation.pixel_worker.sums import ColourSums
from keras_alexnet.data.preparation.shards import Report, Shard, merge_sums
from keras_alexnet.data.record_files import (
    FILE_NAME,
    UNFINISHED,
    Description,
)

_FILE_STAMP = "file_stamp"


class PreparationDirectory:
    """A directory of prepared records, finished or begun.

    `unfinished/` holds the settings, the report on each finished shard and the shard
    that is being written, and goes when `dataset.json` is there, the last file.

    Args:
        path: The directory; it need not exist.
        identity: What the preparation depends on: its settings, and which data.
        file_stamp: What tells of pictures that were replaced, if something does.
    """

    def __init__(
        self, path: Path, identity: dict[str, Any], file_stamp: str | None = None
    ) -> None:
        self.path = path
        self.file_stamp = file_stamp
        self._identity = identity
        self._unfinished = path / UNFINISHED
        self._settings_path = self._unfinished / "settings.json"

    def finished(self) -> Description | None:
        """What was prepared here, or None as long as it is not finished.

        Raises:
            ValueError: If it is another preparation, or a file of it is missing.
        """
        if not (self.path / FILE_NAME).is_file():
            return None
        description = Description.read(self.path)
        self._check_same(description.identity, description.file_stamp)
        description.check_shards(self.path)
        self._remove_leftovers()
        return description

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Makes the directory this preparation's, and no other process's meanwhile.

        Raises:
            ValueError: If it is another's, or another process is at work in it.
        """
        files.check_directory("out", self.path)
        self._check_free()
        self._unfinished.mkdir(parents=True, exist_ok=True)
        # The system frees it when the process ends, however it ends.
        lock = filelock.FileLock(self._unfinished / "lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout as error:
            raise ValueError(
                "out must be the directory of one preparation at a time. Received: "
                f"out={str(self.path)!r}, which another process is writing to"
            ) from error
        try:
            self._claim()
            yield
        finally:
            lock.release()

    def _claim(self) -> None:
        files.remove_leftovers(self.path)
        files.remove_leftovers(self._unfinished)
        if self._settings_path.is_file():
            begun = files.read_json(self._settings_path)
            self._check_same(begun, begun.get(_FILE_STAMP))
            return
        begun = {**self._identity, _FILE_STAMP: self.file_stamp}
        files.write_text(self._settings_path, json.dumps(begun, indent=1))

    def _check_free(self) -> None:
        there = self.path.iterdir() if self.path.exists() else ()
        if not self._unfinished.is_dir() and any(True for _ in there):
            raise ValueError(
                "out must be new, empty, or hold this preparation. "
                f"Received: out={str(self.path)!r}, which holds something else"
            )

    def _check_same(self, theirs: dict[str, Any], file_stamp: str | None) -> None:
        for name, ours in self._identity.items():
            if theirs.get(name) != ours:
                raise ValueError(
                    "out must hold a preparation of the same data with the same "
                    "settings; give these, or another directory. Received: "
                    f"out={str(self.path)!r}, whose {name} is {theirs.get(name)}, "
                    f"not {ours}"
                )
        # Earlier versions did not keep it.
        if file_stamp not in (None, self.file_stamp):
            raise ValueError(
                "out must hold a preparation of the pictures as they are; give another "
                f"directory to prepare them anew. Received: out={str(self.path)!r}, "
                "begun when files of these names had other sizes or times"
            )

    def report(self, shard: Shard) -> Report | None:
        """The report on a shard, or None if it is still to be written."""
        path, there = self._report_path(shard), self.path / shard.name
        if not path.is_file() or not there.is_file():
            return None
        report = Report.load(path)
        return report if report.size == there.stat().st_size else None

    def begun_path(self, shard: Shard) -> Path:
        """Where a shard is written."""
        return self._unfinished / shard.name

    def keep(self, shard: Shard, report: Report, sums: ColourSums) -> None:
        """Keeps the report on a shard that lies in its place: it is finished."""
        report.save(self._report_path(shard), sums)

    def merge_sums(self, shard: Shard, total: ColourSums) -> None:
        """Adds the sums over the pictures of a finished shard to a total."""
        merge_sums(self._report_path(shard), total)

    def _report_path(self, shard: Shard) -> Path:
        return self._unfinished / f"{shard.name}.npz"

    def _remove_leftovers(self) -> None:
        """Removes what was needed only until the end."""
        shutil.rmtree(self._unfinished, ignore_errors=True)

    def finish(self, description: Description) -> None:
        """Writes `dataset.json`: the last act."""
        description.write(self.path)
        self._remove_leftovers()
