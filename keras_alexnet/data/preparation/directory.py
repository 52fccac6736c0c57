"""The directory that a preparation writes to: its state, its files and its lock."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keras_alexnet import files
from keras_alexnet.data.preparation.pixel_worker.sums import ColourSums
from keras_alexnet.data.preparation.shards import Report, Shard, merge_sums
from keras_alexnet.data.record_files import (
    FILE_NAME,
    UNFINISHED,
    Description,
)
from keras_alexnet.reasons import outside

_FILE_STAMP = "file_stamp"


class PreparationDirectory:
    """A directory of prepared records, finished or not.

    `unfinished/` holds the settings, the report of each finished shard and the shard
    that is being written. It is removed once `dataset.json`, the last file, is written.

    Args:
        path: The directory; it need not exist.
        identity: What the records depend on: settings, and fingerprint of the data.
        file_stamp: `Source.file_stamp` of the data.
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
        """The description of finished records; None if they are not finished.

        Raises:
            ValueError: If they are of another preparation, or a file is missing.
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
        """Claims the directory for this preparation, and locks out other processes.

        Raises:
            ValueError: If it holds something else, or another process is using it.
        """
        files.check_directory("out", self.path)
        self._check_free()
        self._unfinished.mkdir(parents=True, exist_ok=True)
        # The system releases it when the process ends, even when it is killed.
        import filelock  # not before: reading pictures imports this module

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
            held = files.read_json(self._settings_path)
            self._check_same(held, held.get(_FILE_STAMP))
            return
        settings = {**self._identity, _FILE_STAMP: self.file_stamp}
        files.write_text(self._settings_path, json.dumps(settings, indent=1))

    def _check_free(self) -> None:
        entries = self.path.iterdir() if self.path.exists() else ()
        if not self._unfinished.is_dir() and any(True for _ in entries):
            raise ValueError(
                "out must be new, empty, or hold this preparation. "
                f"Received: out={str(self.path)!r}, which holds something else"
            )

    def _check_same(self, held: dict[str, Any], file_stamp: str | None) -> None:
        for name, wanted in self._identity.items():
            if held.get(name) != wanted:
                raise ValueError(
                    "out must hold a preparation of the same data with the same "
                    "settings; give these, or another directory. Received: "
                    f"out={str(self.path)!r}, whose {name} is "
                    f"{outside(held.get(name))}, not {wanted}"
                )
        # Earlier versions did not write it.
        if file_stamp not in (None, self.file_stamp):
            raise ValueError(
                "out must hold a preparation of the pictures as they are now; prepare "
                f"them into another directory. Received: out={str(self.path)!r}, begun "
                "when files of these names had other sizes or times"
            )

    def report(self, shard: Shard) -> Report | None:
        """The report of a shard, or None if the shard is not finished."""
        path, records = self._report_path(shard), self.path / shard.name
        if not path.is_file() or not records.is_file():
            return None
        report = Report.load(path)
        return report if report.size == records.stat().st_size else None

    def partial_path(self, shard: Shard) -> Path:
        """Where a shard is written before it is moved into the directory."""
        return self._unfinished / shard.name

    def save_report(self, shard: Shard, report: Report, sums: ColourSums) -> None:
        """Saves the report of a shard that is in the directory: it is finished."""
        report.save(self._report_path(shard), sums)

    def merge_sums(self, shard: Shard, total: ColourSums) -> None:
        """Adds the sums over the pictures of a finished shard to a total."""
        merge_sums(self._report_path(shard), total)

    def _report_path(self, shard: Shard) -> Path:
        return self._unfinished / f"{shard.name}.npz"

    def _remove_leftovers(self) -> None:
        """Removes what is needed only while records are unfinished."""
        shutil.rmtree(self._unfinished, ignore_errors=True)

    def finish(self, description: Description) -> None:
        """Writes `dataset.json`, the last file."""
        description.write(self.path)
        self._remove_leftovers()
