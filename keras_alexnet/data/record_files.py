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
UNFINISHED = "unfinished"  # The folder that goes when all is there.
FORMAT_VERSION = 1
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
        data: The set that it was made of, as a person named it.
        identity: Settings and fingerprint of the data.
        class_names: Name of each label.
        class_counts: Of each split, the pictures of each class.
        shards: Of each split, its files in their order.
        skipped: How many pictures could not be read.
        statistics: Fields of `ColourComponents`.
        prepared_with: Versions of what decoded and encoded the pictures.
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
        """Writes the file, which says that everything else is there."""
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
        """From what the file says, whose members are of the right kinds."""
        try:
            shards = {
                split: [ShardEntry(**entry) for entry in entries]
                for split, entries in content.pop("shards").items()
            }
            found = cls(shards=shards, **content)
            if not found._fits():
                raise TypeError("its members do not fit together")
            return found
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(
                f"{FILE_NAME} must be as prepare wrote it; prepare the data again. "
                f"Received: {str(path)!r} ({type(error).__name__}: {error})"
            ) from error

    def _fits(self) -> bool:
        """Whether there are sizes, classes, files and colours of both splits."""
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
            there = path.stat().st_size if path.is_file() else None
            if there != entry.bytes:
                what = "which is missing" if there is None else f"of {there:,} bytes"
                raise ValueError(
                    "prepared records must be whole; restore the file, or prepare the "
                    f"data into another directory. Received: {str(path)!r}, {what} "
                    f"instead of {entry.bytes:,}"
                )
