"""Many pictures in a fixed order, and the outputs of layers for them."""

from __future__ import annotations

import abc
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.answering import Describing, LayersOfModel, Outputs
from keras_alexnet.data.sources import TRAIN, Source
from keras_alexnet.data.unreadable import READING, explained
from keras_alexnet.reasons import must_be, reason
from keras_alexnet.recipe import Recipe

_AT_ONCE = 2 * (os.cpu_count() or 1)  # pictures decoded at a time


class Pictures(abc.ABC):
    """Pictures in a fixed order, with their names.

    Args:
        title: What they are, for people: the data set and its split.
        names: Name of each.
        labels: Index of the class of each, int64; None if nobody named their classes.
        class_names: Name of each class.
    """

    # Side of the pictures, if they are stored as the bytes of the pixels of squares.
    raw_side: int | None = None

    def __init__(
        self,
        title: str,
        names: Sequence[str],
        labels: np.ndarray | None = None,
        class_names: tuple[str, ...] = (),
    ) -> None:
        self.title = title
        self.names, self.labels, self.class_names = list(names), labels, class_names

    def __len__(self) -> int:
        return len(self.names)

    def fingerprint(self) -> str:
        """A hash of names, labels and classes, and of the files' sizes and times."""
        labels = None if self.labels is None else self.labels.tolist()
        facts = [self.names, labels, self.class_names, self._stamp()]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def outputs(
        self,
        describing: Describing,
        batch_size: int,
        start: int = 0,
        same_size: bool = False,
    ) -> Iterator[tuple[list[str], Outputs]]:
        """The outputs of layers, batch after batch.

        Args:
            describing: As `Classifier.describing` gives it.
            batch_size: Pictures at a time; the last batch may have fewer.
            start: The first picture.
            same_size: Whether batches with fewer are filled up, so that a picture has
                the same outputs to the bit in any of them.

        Yields:
            Why pictures of the batch cannot be read, a text for each, empty if it can;
            and the outputs for those that can.
        """
        size = batch_size if same_size else 0
        if isinstance(describing, LayersOfModel):
            square = self._square(describing.recipe)
            for faults, squares in self._squares(square, batch_size, start):
                found = describing.none()
                if squares is not None:
                    found = describing.of_squares(squares, size)
                yield faults, found
            return
        if self.raw_side is not None:
            raise ValueError(
                "an export must be given encoded pictures; prepare them with "
                f"--format=jpeg. Received: {self.title}, records of bare pixels"
            )
        for first in range(start, len(self), batch_size):
            last = min(first + batch_size, len(self))
            yield describing(list(self._images(first, last)), size)

    def _squares(
        self, square: Callable[[tf.Tensor], tf.Tensor], size: int, start: int
    ) -> Iterator[tuple[list[str], tf.Tensor | None]]:
        """Why pictures cannot be read, and the squares of those that can, in batches.

        Many are decoded at a time. An error does not name its picture: those of the
        batch are then read one by one.
        """
        while start < len(self):
            squares = self._encoded(start).map(square, _AT_ONCE, deterministic=True)
            try:
                for batch in squares.batch(size).prefetch(2):
                    yield [""] * len(batch), batch
                    start += len(batch)
            except tf.errors.OpError:
                stop = min(start + size, len(self))
                yield _one_by_one(self._images(start, stop), square)
                start = stop

    @abc.abstractmethod
    def _encoded(self, start: int) -> tf.data.Dataset:
        """The encoded pictures from one on."""

    @abc.abstractmethod
    def _images(self, start: int, stop: int) -> Iterator[bytes | str]:
        """Some encoded pictures, or the paths of their files."""

    @abc.abstractmethod
    def _square(self, recipe: Recipe) -> Callable[[tf.Tensor], tf.Tensor]:
        """A function from an encoded picture to its square, as `Recipe.cut` takes."""

    @abc.abstractmethod
    def _stamp(self) -> Any:
        """What changes when a picture's file does, as far as it is known."""

    def folder(self) -> str | None:
        """The folder that the names are paths in; None if they are no files."""
        return None

    def images(self) -> Iterator[bytes | str]:
        """The encoded pictures, or the paths of their files."""
        return self._images(0, len(self))


class PicturesOfData(Pictures):
    """The pictures of a split of a data set, in its order.

    Args:
        source: The data set.
        split: `"train"` or `"validation"`.
        title: What they are, for people; the data set and its split by default.

    Raises:
        ValueError: If there is no such split, or the files are damaged.

    Example:

    >>> PicturesOfData(open_source("folder:photos"), "train")  # doctest: +SKIP
    """

    def __init__(self, source: Source, split: str = TRAIN, title: str = "") -> None:
        if split not in source.sizes:
            raise must_be("split", f"one of {tuple(source.sizes)}", split)
        self.source, self.split = source, split
        self.raw_side = source.size if source.encoding == "raw" else None
        everything = np.arange(source.sizes[split])
        names: list[str] = []
        labels: list[int] = []
        # Where the pictures are files of their own, the path of one among them.
        self.example: tuple[str, str] | None = None
        try:
            for each in source.examples_at(split, everything):
                names.append(each.name)
                labels.append(each.label)
                if isinstance(each.image, str) and self.example is None:
                    self.example = (each.name, each.image)
        except READING as error:
            raise explained(error, source.ordered(split), source) from error
        super().__init__(
            title or f"{source.spec}, {split}",
            names,
            np.array(labels, np.int64),
            tuple(source.class_names),
        )

    def folder(self) -> str | None:
        if self.example is None or not self.example[1].endswith(self.example[0]):
            return None
        return os.path.abspath(self.example[1].removesuffix(self.example[0]))

    def _encoded(self, start: int) -> tf.data.Dataset:
        examples = self.source.part(self.split, start, len(self) - start)
        return examples.map(lambda each: each["image"])

    def _images(self, start: int, stop: int) -> Iterator[bytes | str]:
        indices = np.arange(start, stop)
        for each in self.source.examples_at(self.split, indices):
            yield each.image

    def _square(self, recipe: Recipe) -> Callable[[tf.Tensor], tf.Tensor]:
        views = recipe.views_of(self.source)
        if recipe.views == 1:
            return views.centre
        if views.unscaled:
            side = views.size
            return lambda image: tf.ensure_shape(views.decode(image), [side, side, 3])
        return lambda image: views.scaled_square(views.decode(image), recipe.side)

    def _stamp(self) -> Any:
        return [self.source.fingerprint(), self.source.file_stamp()]


class PicturesOfFiles(Pictures):
    """Pictures by their paths.

    Args:
        paths: The paths; each is its picture's name too.

    Raises:
        ValueError: If there is none, or one is no path.

    Example:

    >>> len(PicturesOfFiles(["cat.jpg", "dog.png"]))
    2
    """

    def __init__(self, paths: Sequence[str | os.PathLike]) -> None:
        if isinstance(paths, (str, bytes, os.PathLike)) or not len(paths):
            raise must_be("pictures", "a list of paths, with at least one", paths)
        self._paths = [str(files.given_path("pictures", each)) for each in paths]
        names = [os.fsdecode(os.fspath(each)) for each in paths]
        shown = [os.fsencode(each).decode(errors="backslashreplace") for each in names]
        super().__init__(f"{len(paths)} files", shown)

    def folder(self) -> str:
        return os.getcwd()

    def _encoded(self, start: int) -> tf.data.Dataset:
        paths = tf.constant(list(map(os.fsencode, self._paths[start:])), tf.string)
        return tf.data.Dataset.from_tensor_slices(paths).map(tf.io.read_file)

    def _images(self, start: int, stop: int) -> Iterator[bytes | str]:
        yield from self._paths[start:stop]

    def _square(self, recipe: Recipe) -> Callable[[tf.Tensor], tf.Tensor]:
        return recipe.decoded

    def _stamp(self) -> Any:
        return [_stamp(Path(each)) for each in self._paths]


def _stamp(path: Path) -> list[int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _one_by_one(
    images: Iterator[bytes | str], square: Callable[[tf.Tensor], tf.Tensor]
) -> tuple[list[str], tf.Tensor | None]:
    faults, squares = [], []
    for image in images:
        try:
            encoded = Path(image).read_bytes() if isinstance(image, str) else image
            squares.append(square(tf.constant(encoded)))
            faults.append("")
        except (OSError, tf.errors.OpError) as error:
            faults.append(reason(error))
    return faults, tf.stack(squares) if squares else None
