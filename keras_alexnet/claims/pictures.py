"""The pictures of an experiment: a part of a data set, copied once as plain files."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_alexnet import files
from keras_alexnet.data import Source
from keras_alexnet.data.formats import format_of
from keras_alexnet.data.sources import TRAIN, VALIDATION, Stored

_FOLDERS = {TRAIN: "train", VALIDATION: "val"}


@dataclasses.dataclass(frozen=True)
class Pictures:
    """Folders of pictures that an experiment trains on and is judged by.

    Args:
        path: Has `train/` and `val/`, with a folder for each class.
        key: Tells these pictures from others.
    """

    path: Path
    key: str

    @property
    def spec(self) -> str:
        """All of them, as `data` of training."""
        return f"folder:{self.path}"

    @property
    def sweep_spec(self) -> str:
        """The training pictures alone, to be divided: none of those that judge."""
        return f"folder:{self.path / _FOLDERS[TRAIN]}"


def copied(source: Source, directory: Path, train: int, held_out: int) -> Pictures:
    """Copies some pictures of a data set, the same ones each time.

    The pictures of each class are ranked by a hash of their names and numbers, and the
    first of them are taken, as many of each class.

    Args:
        source: The data set.
        directory: Where the folders of all data sets are.
        train: How many training pictures to take, at most.
        held_out: How many validation pictures.

    Returns:
        The `Pictures`; those of an earlier call, if it was not interrupted.

    Raises:
        ValueError: If there are no validation pictures, or a picture has no format
            that training reads.
    """
    source.check_validates()
    text = f"{source.fingerprint()} {train} {held_out}"
    key = hashlib.sha256(text.encode()).hexdigest()[:10]
    path = directory / key
    if not path.is_dir():
        with files.whole_directory(path) as new:
            for split, count in ((TRAIN, train), (VALIDATION, held_out)):
                _copy(source, split, count, new / _FOLDERS[split])
    return Pictures(path, key)


def _copy(source: Source, split: str, count: int, folder: Path) -> None:
    every = np.arange(source.sizes[split])
    # Read twice: the pictures of a whole set may not fit into memory.
    names, labels = [], []
    for index, each in enumerate(source.examples_at(split, every)):
        names.append(f"{each.name}#{index}")
        labels.append(each.label)
    chosen = frozenset(_chosen(names, labels, count, len(source.class_names)))
    for index, example in enumerate(source.examples_at(split, every)):
        if index not in chosen:
            continue
        content = _content(example)
        ending = format_of(content)
        if ending is None:
            raise ValueError(
                "pictures of a claim must be JPEG, PNG, GIF, BMP or WebP. "
                f"Received: {example.name!r}"
            )
        name = source.class_names[example.label].replace("/", "_")
        target = folder / name / f"{index:06}.{ending.lower()}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _chosen(
    names: Sequence[str], labels: Sequence[int], count: int, classes: int
) -> list[int]:
    """Indices of as many of each class, the first by a hash of their names."""
    ranked = sorted(
        range(len(names)), key=lambda i: hashlib.sha256(names[i].encode()).digest()
    )
    each = -(-count // classes)
    taken: list[int] = []
    left = dict.fromkeys(range(classes), each)
    for index in ranked:
        if left[labels[index]] and len(taken) < count:
            left[labels[index]] -= 1
            taken.append(index)
    return taken


def _content(example: Stored) -> bytes:
    if isinstance(example.image, bytes):
        return example.image
    return Path(example.image).read_bytes()
