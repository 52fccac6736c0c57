"""`dataset.json`: what a directory of prepared records holds."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, Literal

from keras_alexnet import files, json_schema
from keras_alexnet.data.sources import TRAIN, VALIDATION
from keras_alexnet.json_schema import COUNT, THREE, Length, Within

FILE_NAME = "dataset.json"
MEAN_PICTURE = "mean_picture.npy"
UNFINISHED = "unfinished"  # A folder that exists until all files are written.
FORMAT_VERSION = 1
DIVISION = "division"  # the member of `identity`, if the pictures were divided
LARGEST_SIZE = 4096
# A record has 16 bytes around its content (`tfrecord.md` of TensorFlow's tutorials).
_LONGEST_NAME = 255  # bytes, on any system
_LEAST_BYTES = 16


@dataclasses.dataclass(frozen=True)
class ShardEntry:
    """A file of records: its name, its pictures, its bytes."""

    file: str
    pictures: COUNT
    bytes: COUNT


@dataclasses.dataclass(frozen=True)
class _Division:
    val_share: Annotated[float, Within(0, 1)]
    seed: int


@dataclasses.dataclass(frozen=True)
class _Identity:
    size: Annotated[int, Within(1, LARGEST_SIZE)]
    encoding: Literal["jpeg", "raw"]
    data_fingerprint: str = ""
    quality: int | None = None
    division: _Division | None = None


@dataclasses.dataclass(frozen=True)
class _Statistics:
    mean: THREE
    stddevs: THREE
    vectors: Annotated[list[THREE], Length(3)]
    eigenvalues: THREE | None = None


@dataclasses.dataclass(frozen=True)
class _Contents:
    """What `dataset.json` must hold, and may hold."""

    format_version: int
    identity: _Identity
    class_names: list[str]
    class_counts: dict[str, list[COUNT]]
    shards: dict[str, list[ShardEntry]]
    statistics: _Statistics
    data: str
    skipped: COUNT
    prepared_with: dict[str, str]
    file_stamp: str | None = None


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
        content = files.read_json(path, format_version=int)
        version = content["format_version"]
        if version != FORMAT_VERSION:
            raise ValueError(
                f"{FILE_NAME} must be of format version {FORMAT_VERSION}; prepare the "
                "data again with this version of keras-alexnet. Received: "
                f"{str(path)!r} of format version {version}"
            )
        fault = json_schema.fault(content, _Contents)
        if fault is None:
            description = cls._of(content)
            fault = description._inconsistency()
        if fault is not None:
            raise ValueError(
                f"{FILE_NAME} must be as prepare wrote it; prepare the data again. "
                f"Received: {str(path)!r} ({fault})"
            )
        return description

    @classmethod
    def _of(cls, content: dict[str, Any]) -> Description:
        del content["format_version"]
        shards = {
            split: [ShardEntry(**entry) for entry in entries]
            for split, entries in content.pop("shards").items()
        }
        return cls(shards=shards, **content)

    def _inconsistency(self) -> str | None:
        """Which members do not fit together; None if all do."""
        counts, classes = self.class_counts, len(self.class_names)
        if not {*counts} == {*self.shards} == {TRAIN, VALIDATION}:
            return f"'class_counts' and 'shards' are not of {TRAIN} and {VALIDATION}"
        entries = [each for split in self.shards.values() for each in split]
        names = {each.file for each in entries}
        if not all(map(_is_name, names)) or len(names) < len(entries):
            return "'shards' are not files of its directory, each once"
        for split, each in counts.items():
            pictures = sum(entry.pictures for entry in self.shards[split])
            if len(each) != classes:
                return f"'class_counts.{split}' is not of {classes} classes"
            if sum(each) != pictures:
                return f"'class_counts.{split}' are not of {pictures} pictures"
        if any(each.pictures * _LEAST_BYTES > each.bytes for each in entries):
            return "'shards' have more pictures than bytes for them"
        return None

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


def _is_name(file: str) -> bool:
    """Whether it is the name of a file, on any system, and no path to elsewhere."""
    plain = PurePosixPath(file).name == PureWindowsPath(file).name == file
    short = len(file.encode(errors="replace")) <= _LONGEST_NAME
    return plain and short and file not in ("", ".", "..") and "\0" not in file
