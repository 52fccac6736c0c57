"""`dataset.json`: what a directory of prepared records holds."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from keras_alexnet import files
from keras_alexnet.data.sources import TRAIN, VALIDATION

FILE_NAME = "dataset.json"
MEAN_PICTURE = "mean_picture.npy"
UNFINISHED = "unfinished"  # A folder that exists until all files are written.
FORMAT_VERSION = 1
DIVISION = "division"  # the member of `identity`, if the pictures were divided
_COLOURS = ("mean", "stddevs", "vectors")
_FIELDS = {
    "identity": dict,
    "class_names": list,
    "class_counts": dict,
    "shards": dict,
    "statistics": dict,
}


@dataclasses.dataclass(frozen=True)
class ShardEntry:
    """A file of records: its name, its pictures, its bytes."""

    file: str
    pictures: int
    bytes: int


@dataclasses.dataclass(frozen=True)
class Description:
    """What a directory of prepared records holds.

    Args:
        data: The data set that was prepared, as `--data=` named it.
        identity: Settings and fingerprint of the data, and how they were divided.
        class_names: Name of each label.
        class_counts: For each split, the number of pictures of each class.
        shards: For each split, its files in their order.
        skipped: How many pictures could not be read.
        statistics: Fields of `ColourComponents`.
        prepared_with: Versions of the packages that decoded and encoded the pictures.
        file_stamp: `Source.file_stamp` of the data.
    """

    data: str
    identity: dict[str, Any]
    class_names: list[str]
    class_counts: dict[str, list[int]]
    shards: dict[str, list[ShardEntry]]
    skipped: int
    statistics: dict[str, Any]
    prepared_with: dict[str, str]
    file_stamp: str | None = None

    @property
    def sizes(self) -> dict[str, int]:
        """Number of pictures in each split."""
        return {split: sum(counts) for split, counts in self.class_counts.items()}

    def write(self, directory: Path) -> None:
        """Writes the file. It comes last: all other files are there if it is."""
        content = {"format_version": FORMAT_VERSION, **dataclasses.asdict(self)}
        text = json.dumps(content, indent=1)
        files.write_text(directory / FILE_NAME, text + "\n")

    @classmethod
    def read(cls, directory: Path) -> Description:
        """Reads the file.

        Raises:
            ValueError: If it is of another format version, or damaged.
        """
        path = directory / FILE_NAME
        content = files.read_json(path, format_version=int, **_FIELDS)
        version = content.pop("format_version")
        if version == FORMAT_VERSION:
            return cls._of(content, path)
        raise ValueError(
            f"{FILE_NAME} must be of format version {FORMAT_VERSION}; prepare the data "
            f"again with this version of keras-alexnet. Received: {str(path)!r} of "
            f"format version {version}"
        )

    @classmethod
    def _of(cls, content: dict[str, Any], path: Path) -> Description:
        """Makes it from the content of the file, whose members have been checked."""
        try:
            shards = {
                split: [ShardEntry(**entry) for entry in entries]
                for split, entries in content.pop("shards").items()
            }
            description = cls(shards=shards, **content)
            if not description._is_consistent():
                raise TypeError("its members do not fit together")
            return description
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{FILE_NAME} must be as prepare wrote it; prepare the data again. "
                f"Received: {str(path)!r} ({type(error).__name__}: {error})"
            ) from error

    def _is_consistent(self) -> bool:
        """Whether sizes, classes, files and colours are there, for both splits."""
        names, counts = self.class_names, self.class_counts
        return (
            isinstance(self.identity["size"], int)
            and isinstance(self.identity["encoding"], str)
            and all(isinstance(name, str) for name in names)
            and {*counts} == {*self.shards} == {TRAIN, VALIDATION}
            and all(len(each) == len(names) for each in counts.values())
            and all(isinstance(n, int) for each in counts.values() for n in each)
            and all(isinstance(self.statistics[name], list) for name in _COLOURS)
        )

    def check_shards(self, directory: Path) -> None:
        """Raises ValueError if a file is missing or of another length."""
        for entry in (each for entries in self.shards.values() for each in entries):
            path = directory / entry.file
            size = path.stat().st_size if path.is_file() else None
            if size != entry.bytes:
                what = "which is missing" if size is None else f"of {size:,} bytes"
                raise ValueError(
                    "prepared records must be complete; restore the file, or prepare "
                    f"the data into another directory. Received: {str(path)!r}, {what} "
                    f"instead of {entry.bytes:,}"
                )
