"""Pictures in folders: `DIR/train/CLASS/…` and `DIR/val/CLASS/…`, or `DIR/CLASS/…`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import tensorflow as tf

from keras_alexnet.data.division import Division
from keras_alexnet.data.folder_files import class_folders, pictures, skipped_lines
from keras_alexnet.data.formats import named_as_picture
from keras_alexnet.data.order import Keep, positions
from keras_alexnet.data.sources import (
    TRAIN,
    VALIDATION,
    VALIDATION_NAMES,
    Source,
    Stored,
    check_kept_apart,
    validation_names,
)

ALL = "all"
_VALIDATION_FOLDERS = (*VALIDATION_NAMES, "test")
# Folders of these names are parts of a data set, not classes of a plain one.
_PARTS = frozenset((TRAIN, "training", *_VALIDATION_FOLDERS, "testing"))

Labelled = tuple[list[str], list[int]]  # paths and labels


class FolderSource(Source):
    """Pictures whose class is the name of their folder.

    Folders within the folder of a class belong to that class. Links are followed, but
    each folder is read once. Hidden entries (`.ipynb_checkpoints`, `.DS_Store`) and
    files that are not pictures are skipped; `notes` count and name them.

    Args:
        directory: Has `train/` and one of `val/`, `valid/`, `validation/` and `test/`
            (the first that exists), each with one folder for each class. Or there is
            none of these four, or not even `train/`, and the folders in `directory`
            are the classes: then its pictures are divided. Each class must have a
            picture to train on.
        check_pictures: Whether to check the first bytes of every file.
        split: The folder of the validation pictures, such as `"test"`. If pictures are
            divided, also `"train"` for those to train on, or `"all"`.
        training: Whether there must be training pictures. If not, only the names of
            the classes are read from `train/`; if that is missing, the folders of the
            validation pictures are the classes.
        division: How pictures are divided where none are kept apart for validation. A
            `val_share` of 0 leaves no validation pictures in any case, to train
            without.

    Raises:
        ValueError: If a folder is missing or empty, a class of the validation
            pictures is not among the training ones, or a file is not a picture or
            cannot be read.
    """

    random_access: ClassVar[bool] = True

    def __init__(
        self,
        directory: str,
        check_pictures: bool = True,
        split: str | None = None,
        training: bool = True,
        division: Division | None = None,
    ) -> None:
        division = division or Division()
        self._root = Path(directory)
        self._check_pictures = check_pictures
        self._skipped: list[str] = []
        self._beside: list[str] = []
        self._notes: list[str] = []
        own = _validation_folder(self._root, split)
        if own is None or (training and not division.val_share and split is None):
            classes, found = self._divided(split, training, division)
            self.division = division
        else:
            if training:
                check_kept_apart(f"folder:{directory}", division)
            classes, found = self._of_folders(own, training)
        self._files = {
            part: (np.array(paths), np.array(labels, np.int64))
            for part, (paths, labels) in found.items()
        }
        self._prefix = len(str(self._root / TRAIN)) - len(TRAIN)
        sizes = {part: len(labels) for part, (_, labels) in self._files.items()}
        super().__init__(f"folder:{directory}", tuple(map(_text, classes)), sizes)

    @property
    def notes(self) -> list[str]:
        """How the pictures were divided, and which files were skipped."""
        strays = [path for path in self._beside if named_as_picture(path)]
        others = [path for path in self._beside if path not in strays]
        return [*self._notes, *skipped_lines([*others, *self._skipped], strays)]

    def _of_folders(
        self, own: Path, training: bool
    ) -> tuple[list[str], dict[str, Labelled]]:
        """Classes, and the pictures of folders that are kept apart."""
        train = self._root / TRAIN
        if training and not train.is_dir():
            raise _not_there(self._root, f"where {str(train)!r} does not exist")
        classes, _ = class_folders(train if train.is_dir() else own)
        found = {VALIDATION: self._labelled(own, classes)}
        if training:
            found = {TRAIN: self._labelled(train, classes), **found}
            _check_each_has_pictures(train, classes, found[TRAIN][1])
        if own.name not in (*VALIDATION_NAMES, TRAIN):
            self._notes.append(f"validation pictures: those of {own.name}/")
        return classes, found

    def _divided(
        self, split: str | None, training: bool, division: Division
    ) -> tuple[list[str], dict[str, Labelled]]:
        """Classes, and the pictures of one folder, divided by class."""
        folder = self._root / TRAIN
        if not folder.is_dir():
            folder = self._root
            _check_plain(folder)
        wanted = _wanted_part(folder, split, training, division)
        classes, _ = class_folders(folder)
        paths, labels = self._labelled(folder, classes)
        _check_each_has_pictures(folder, classes, labels)
        names = [
            os.fsencode(Path(path).relative_to(folder).as_posix()) for path in paths
        ]
        validates = division.validates_each(names, labels)
        if division.val_share and not any(validates):
            raise ValueError(
                "to validate, a class must have two pictures or more; add some, or "
                f"give val_share=0. Received: {str(folder)!r}, where each has one"
            )
        parts: dict[str, Labelled] = {ALL: (paths, labels)}
        for part, is_validation in ((TRAIN, False), (VALIDATION, True)):
            rows = [row for row, v in enumerate(validates) if v is is_validation]
            parts[part] = [paths[row] for row in rows], [labels[row] for row in rows]
        single = set(parts[TRAIN][1]) - set(parts[VALIDATION][1])
        names_of_single = [_text(classes[label]) for label in sorted(single)]
        self._notes.append(division.line(validates, names_of_single))
        if not training:
            return classes, {VALIDATION: parts[wanted]}
        held_out = {VALIDATION: parts[VALIDATION]} if division.val_share else {}
        return classes, {TRAIN: parts[TRAIN], **held_out}

    def _labelled(self, folder: Path, classes: list[str]) -> Labelled:
        there, beside = class_folders(folder)
        self._beside += beside
        unknown = sorted(set(there) - set(classes))
        if unknown:
            raise ValueError(
                "every class must be a folder of the training pictures too. Received: "
                f"{str(folder)!r} with {unknown}"
            )
        paths: list[str] = []
        labels: list[int] = []
        for label, name in enumerate(classes):
            found = pictures(folder / name, self._check_pictures, self._skipped)
            paths += found
            labels += [label] * len(found)
        if not paths:
            raise _without_pictures(folder, there, beside)
        return paths, labels

    def examples_at(self, split: str, indices: np.ndarray) -> Iterator[Stored]:
        paths, labels = self._files[split]
        for index in indices:
            path = str(paths[index])
            yield Stored(self._name(path), int(labels[index]), path)

    def _name(self, path: str) -> str:
        """The path within the data's folder: it stays the same if that is moved."""
        return _text(path[self._prefix :])

    def _contents(self) -> list[str]:
        return [self._name(path) for paths, _ in self._files.values() for path in paths]

    def missing(self) -> str | None:
        for paths, _ in self._files.values():
            for path in map(str, paths):
                try:
                    open(path, "rb").close()
                except OSError as error:
                    return f"{path!r} ({error.strerror})"
        return None

    def file_stamp(self) -> str:
        digest = hashlib.sha256()
        for paths, _ in self._files.values():
            for path in paths:
                digest.update(_stamp(path))
        return digest.hexdigest()

    def ordered(self, split: str) -> tf.data.Dataset:
        return self.part(split, 0, self.sizes[split])

    def part(self, split: str, first: int, count: int) -> tf.data.Dataset:
        paths, labels = self._tensors(split)
        some = (paths[first : first + count], labels[first : first + count])
        return tf.data.Dataset.from_tensor_slices(some).map(_example)

    def _tensors(self, split: str) -> tuple[tf.Tensor, tf.Tensor]:
        """Paths, as bytes, which need not be UTF-8; and labels."""
        paths, labels = self._files[split]
        return tf.constant(list(map(os.fsencode, paths)), tf.string), labels

    def shuffled(
        self, split: str, seed: int, start: int, keep: Keep | None = None
    ) -> tf.data.Dataset:
        positions = tf.data.Dataset.range(start, np.iinfo(np.int64).max)
        if keep is not None:
            positions = positions.filter(keep)
        return self._at(split, seed, positions)

    def stream(
        self,
        split: str,
        seed: int,
        start: int,
        batch_size: int,
        rows: range | None = None,
    ) -> tf.data.Dataset:
        return self._at(split, seed, positions(start, batch_size, rows))

    def _at(self, split: str, seed: int, positions: tf.data.Dataset) -> tf.data.Dataset:
        """The examples at positions of the stream, read at those alone."""
        paths, labels = map(tf.constant, self._tensors(split))
        count = self.sizes[split]

        def at(position: tf.Tensor) -> dict[str, tf.Tensor]:
            # A permutation without a table: any position is computed directly.
            index = tf.random.experimental.index_shuffle(
                position % count, tf.stack([seed, position // count]), count - 1
            )
            return {**_example(paths[index], labels[index]), "position": position}

        return positions.map(at, num_parallel_calls=2, deterministic=True)


def _example(path: tf.Tensor, label: tf.Tensor) -> dict[str, tf.Tensor]:
    return {"name": path, "label": label, "image": tf.io.read_file(path)}


def _stamp(path: str) -> bytes:
    try:
        status = os.stat(path)
    except OSError:  # a broken link: `prepare` skips it
        return b"-\n"
    return f"{status.st_size} {status.st_mtime_ns}\n".encode()


def _text(name: str) -> str:
    """A name as text; bytes that are not UTF-8 are escaped."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _validation_folder(root: Path, split: str | None) -> Path | None:
    """The folder of the validation pictures; None if they are not kept apart."""
    tried = validation_names(split, _VALIDATION_FOLDERS)
    if any(not name or Path(name).name != name or name[0] == "." for name in tried):
        raise ValueError(
            "split must be the name of a folder beside train/, such as test. "
            f"Received: split={split!r}"
        )
    apart = [name for name in _VALIDATION_FOLDERS if (root / name).is_dir()]
    if not apart and not (root / TRAIN).is_dir():  # the folders are classes
        return None
    there = [root / name for name in tried if (root / name).is_dir()]
    if apart and not there:
        raise ValueError(
            "split must be a folder of the data, or left out. Received: "
            f"split={split!r}, where {str(root / tried[0])!r} does not exist"
        )
    return there[0] if there else None


def _check_plain(root: Path) -> None:
    """Raises ValueError unless the folders in a folder may be classes."""
    if not root.is_dir():
        raise _not_there(root, "which does not exist")
    parts = [name for name in class_folders(root)[0] if name.lower() in _PARTS]
    if parts:
        raise _not_there(
            root, f"which has {parts[0]}/, but {str(root / TRAIN)!r} does not exist"
        )


def _not_there(root: Path, what: str) -> ValueError:
    instead = ", ".join(_VALIDATION_FOLDERS[1:])
    return ValueError(
        "data=folder:DIR must hold DIR/train/CLASS/… and DIR/val/CLASS/… (instead of "
        f"val: {instead}), or DIR/CLASS/… alone. Received: {str(root)!r}, {what}"
    )


def _wanted_part(
    folder: Path, split: str | None, training: bool, division: Division
) -> str:
    """The part of divided pictures that a split names."""
    names = dict.fromkeys(VALIDATION_NAMES, VALIDATION)
    if not training:
        names |= {TRAIN: TRAIN, ALL: ALL}
    part = VALIDATION if split is None else names.get(split)
    if part is None:
        raise ValueError(
            f"split must be one of {', '.join(names)} for pictures that are divided, "
            "or a folder beside train/, such as test. Received: "
            f"split={split!r}, data in {str(folder)!r}"
        )
    if part == VALIDATION and not training and not division.val_share:
        raise ValueError(
            "to validate, some pictures must not be trained on; give split=all to "
            f"take all of them, or a val_share above 0. Received: {str(folder)!r}, "
            "with val_share=0"
        )
    return part


def _without_pictures(folder: Path, there: list[str], beside: list[str]) -> ValueError:
    """The error for a folder in whose folders, those of classes, is no picture."""
    strays = [Path(path).name for path in beside if named_as_picture(path)]
    if strays and not there:
        return ValueError(
            "pictures must be in a folder for each class, named as the class is, such "
            f"as {str(folder / 'CLASS' / strays[0])!r}. Received: {str(folder)!r}, "
            f"where {len(strays)} pictures are in no such folder"
        )
    return ValueError(
        "the folders of the classes must hold pictures. "
        f"Received: {str(folder)!r} without any"
    )


def _check_each_has_pictures(folder: Path, names: list[str], labels: list[int]) -> None:
    counts = np.bincount(labels, minlength=len(names))
    empty = [name for name, count in zip(names, counts, strict=True) if not count]
    if empty:
        raise ValueError(
            "every class among the training pictures must hold pictures. "
            f"Received: {str(folder)!r} with none in {empty}"
        )
