"""Pictures in folders: `DIR/train/CLASS/…` and `DIR/val/CLASS/…`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, NoReturn

import numpy as np
import tensorflow as tf

from keras_alexnet.data.sources import (
    TRAIN,
    VALIDATION,
    VALIDATION_NAMES,
    Keep,
    Source,
    Stored,
    validation_names,
)

# JPEG, PNG, GIF and BMP, known by their first bytes, since suffixes are often wrong.
# All versions of TensorFlow that this package runs on decode these, but not WebP.
_BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM")
_ENDINGS = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp")
_VALIDATION_FOLDERS = (*VALIDATION_NAMES, "test")


class FolderSource(Source):
    """Pictures whose class is the name of their folder.

    Folders within the folder of a class belong to that class. Links are followed, but
    each folder is read once; hidden entries (`.ipynb_checkpoints`, `.DS_Store`) are
    skipped.

    Args:
        directory: Has `train/` and one of `val/`, `valid/`, `validation/` and `test/`
            (the first that exists), each with one folder for each class. The folders
            in `train/` are the classes, and each must have a picture.
        check_pictures: Whether to check the first bytes of every file.
        split: The folder of the validation pictures, such as `"test"`.
        training: Whether there must be training pictures. If not, only the names of
            the classes are read from `train/`; if that is missing, the folders of the
            validation pictures are the classes.

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
    ) -> None:
        root = Path(directory)
        self._prefix = len(str(root / TRAIN)) - len(TRAIN)
        folders = {VALIDATION: _validation_folder(root, split)}
        if training:
            folders = {TRAIN: root / TRAIN, **folders}
        _check_exist(root, folders)
        train = root / TRAIN
        classes = _subfolders(train if train.is_dir() else folders[VALIDATION])
        self._files = {
            split: _labelled_files(folder, classes, check_pictures)
            for split, folder in folders.items()
        }
        sizes = {split: len(labels) for split, (_, labels) in self._files.items()}
        super().__init__(f"folder:{directory}", tuple(map(_text, classes)), sizes)
        if training:
            _check_each_has_pictures(train, classes, self._files[TRAIN][1])

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
        return tf.data.Dataset.from_tensor_slices(self._tensors(split)).map(_example)

    def _tensors(self, split: str) -> tuple[tf.Tensor, tf.Tensor]:
        """Paths, as bytes, which need not be UTF-8; and labels."""
        paths, labels = self._files[split]
        return tf.constant(list(map(os.fsencode, paths)), tf.string), labels

    def shuffled(
        self, split: str, seed: int, start: int, keep: Keep | None = None
    ) -> tf.data.Dataset:
        paths, labels = map(tf.constant, self._tensors(split))
        count = self.sizes[split]

        def at(position: tf.Tensor) -> dict[str, tf.Tensor]:
            # A permutation without a table: any position is computed directly.
            index = tf.random.experimental.index_shuffle(
                position % count, tf.stack([seed, position // count]), count - 1
            )
            return {**_example(paths[index], labels[index]), "position": position}

        positions = tf.data.Dataset.range(start, np.iinfo(np.int64).max)
        if keep is not None:
            positions = positions.filter(keep)
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


def _validation_folder(root: Path, split: str | None) -> Path:
    tried = validation_names(split, _VALIDATION_FOLDERS)
    plain = split is None or (split and Path(split).name == split)
    if not plain or tried[0].startswith("."):
        raise ValueError(
            "split must be the name of a folder beside train/, such as test. "
            f"Received: split={split!r}"
        )
    present = [root / name for name in tried if (root / name).is_dir()]
    return present[0] if present else root / tried[0]


def _check_exist(root: Path, folders: dict[str, Path]) -> None:
    expected = " and ".join(f"DIR/{each.name}/CLASS/…" for each in folders.values())
    for folder in folders.values():
        if not folder.is_dir():
            raise ValueError(
                f"data=folder:DIR must hold {expected} (instead of val: "
                f"{', '.join(_VALIDATION_FOLDERS[1:])}). Received: {str(root)!r}, "
                f"where {str(folder)!r} does not exist"
            )


def _subfolders(folder: Path) -> list[str]:
    return sorted(
        entry.name
        for entry in os.scandir(folder)
        if entry.is_dir() and not entry.name.startswith(".")
    )


def _labelled_files(
    folder: Path, names: list[str], check_pictures: bool
) -> tuple[np.ndarray, np.ndarray]:
    unknown = sorted(set(_subfolders(folder)) - set(names))
    if unknown:
        raise ValueError(
            "every class must be a folder of the training pictures too. Received: "
            f"{str(folder)!r} with {unknown}"
        )
    paths: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        files = sorted(_pictures(folder / name, check_pictures))
        paths += files
        labels += [label] * len(files)
    if not paths:
        raise ValueError(
            "the folders of the classes must hold pictures. "
            f"Received: {str(folder)!r} without any"
        )
    return np.array(paths), np.array(labels, np.int64)


def _check_each_has_pictures(
    folder: Path, names: list[str], labels: np.ndarray
) -> None:
    counts = np.bincount(labels, minlength=len(names))
    empty = [name for name, count in zip(names, counts, strict=True) if not count]
    if empty:
        raise ValueError(
            "every class among the training pictures must hold pictures. "
            f"Received: {str(folder)!r} with none in {empty}"
        )


def _pictures(folder: Path, check: bool) -> Iterator[str]:
    if not folder.is_dir():  # A class may have no validation pictures.
        return
    for path in _walk(str(folder), set()):
        if check:
            _check_beginning(path)
        yield path


def _walk(folder: str, seen: set[tuple[int, int]]) -> Iterator[str]:
    """The files in a folder and below; each folder once, since links may loop."""
    try:
        status = os.stat(folder)
        with os.scandir(folder) as entries:
            shown = [each for each in entries if not each.name.startswith(".")]
        shown.sort(key=lambda each: each.name)
        below = {each.path: each.is_dir() for each in shown}
    except OSError as error:
        _refuse(error)
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    for path, is_folder in below.items():
        if is_folder:
            yield from _walk(path, seen)
        else:
            yield path


def starts_as_picture(path: str) -> bool:
    """Whether the first bytes of a file are those of a picture.

    Raises:
        OSError: If it cannot be read.
    """
    with open(path, "rb") as file:
        return file.read(8).startswith(_BEGINNINGS)


def named_as_picture(path: str) -> bool:
    """Whether the ending of a file's name is that of a picture.

    Example:

    >>> named_as_picture("a/IMG_1.JPG"), named_as_picture("a/Thumbs.db")
    (True, False)
    """
    return path.lower().endswith(_ENDINGS)


def _check_beginning(path: str) -> None:
    try:
        with open(path, "rb") as file:
            beginning = file.read(8)
    except OSError as error:
        error.filename = path  # A failed read, unlike a failed open, has none.
        _refuse(error)
    if not beginning.startswith(_BEGINNINGS):
        raise ValueError(
            "files in the folder of a class must be JPEG, PNG, GIF or BMP pictures; "
            f"repair or remove it. Received: {path!r}, which begins with {beginning!r}"
        )


def _refuse(error: OSError) -> NoReturn:
    raise ValueError(
        "the folder of a class and all in it must be readable; repair or remove this. "
        f"Received: {error.filename!r} ({error.strerror})"
    ) from error
