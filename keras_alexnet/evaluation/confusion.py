"""Confusion: how many pictures of each class were taken for which class."""

from __future__ import annotations

import collections
import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_alexnet import files
from keras_alexnet.reasons import outside
from keras_alexnet.whole_numbers import LARGEST

_MOST_BYTES = 2**27  # a million pairs, of a thousand classes
_COLUMNS = ("label", "predicted", "pictures", "class", "predicted_class")


class Confused(NamedTuple):
    """Pictures of one class that were taken for another.

    Args:
        label: Index of their class.
        predicted: Index of the class that they were taken for.
        pictures: How many they are.
    """

    label: int
    predicted: int
    pictures: int


class Confusion:
    """Counts how many pictures of each class were taken for which class.

    Only pairs of classes that occur are kept: they are no more than the pictures,
    however many the classes.

    Example:

    >>> confusion = Confusion()
    >>> confusion.add(labels=[0, 0, 1], predicted=[0, 1, 1])
    >>> confusion.matrix(classes=2)
    array([[1, 1],
           [0, 1]])
    """

    def __init__(self) -> None:
        self._counts: collections.Counter[tuple[int, int]] = collections.Counter()

    def add(self, labels: Any, predicted: Any) -> None:
        """Counts a batch.

        Args:
            labels: The right classes, whole numbers `[batch]`.
            predicted: The likeliest classes, `[batch]`; pictures below 0 do not count.
        """
        pairs = np.stack([np.asarray(labels), np.asarray(predicted)], axis=1)
        kept = pairs[pairs.min(axis=1, initial=0) >= 0]
        self._counts.update(map(tuple, kept.tolist()))

    @property
    def pairs(self) -> list[Confused]:
        """All pairs that occur, in the order of the classes."""
        return [Confused(*pair, n) for pair, n in sorted(self._counts.items())]

    def wrong(self) -> list[Confused]:
        """The pairs of different classes, the most frequent first."""
        different = [each for each in self.pairs if each.label != each.predicted]
        return sorted(different, key=lambda each: -each.pictures)

    def pictures(self, label: int) -> int:
        """How many pictures of a class were counted."""
        return sum(each.pictures for each in self.pairs if each.label == label)

    def matrix(self, classes: int) -> np.ndarray:
        """Pictures by class (rows) and the class they were taken for (columns).

        Args:
            classes: Number of classes.

        Returns:
            int64 `[classes, classes]`.
        """
        counts: np.ndarray = np.zeros([classes, classes], np.int64)
        for label, predicted, pictures in self.pairs:
            counts[label, predicted] = pictures
        return counts

    def as_csv(self, class_names: Sequence[str]) -> str:
        """The pairs that occur as the text of a CSV file, a line each.

        Args:
            class_names: Name of each class, for people who read the file.

        Example:

        >>> confusion = Confusion()
        >>> confusion.add(labels=[0, 0], predicted=[1, 1])
        >>> print(confusion.as_csv(["cat", "dog"]))
        label,predicted,pictures,class,predicted_class
        0,1,2,cat,dog
        """
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(_COLUMNS)
        for label, predicted, pictures in self.pairs:
            names = class_names[label], class_names[predicted]
            table.writerow([label, predicted, pictures, *names])
        return text.getvalue()

    @classmethod
    def read(cls, path: Path, classes: int) -> Confusion:
        """What `as_csv` has written to a file.

        Args:
            path: Of the file.
            classes: How many classes there are.

        Raises:
            ValueError: If it is damaged.
            OSError: If it cannot be read.
        """
        found = cls.from_csv(files.read_text(path, _MOST_BYTES))
        if any(max(each.label, each.predicted) >= classes for each in found.pairs):
            raise ValueError(
                "confusion.csv must be as train wrote it; remove it, and run the same "
                f"train command again. Received: {str(path)!r} with a class that is "
                f"none of the {classes}"
            )
        return found

    @classmethod
    def from_csv(cls, text: str) -> Confusion:
        """What `as_csv` has written.

        Raises:
            ValueError: If it is damaged.
        """
        found = cls()
        try:
            table = csv.DictReader(io.StringIO(text), strict=True)
            if table.fieldnames != list(_COLUMNS):
                raise ValueError(f"the columns {table.fieldnames}")
            for row in table:
                each = Confused(*(int(row[name]) for name in Confused._fields))
                if not 0 <= min(each) <= max(each) <= LARGEST:
                    raise ValueError(f"line {table.line_num} has another number")
                found._counts[each[:2]] = each.pictures
        except (csv.Error, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                "confusion.csv must be as train wrote it; remove it, and run the same "
                f"train command again. Received: {outside(error)}"
            ) from error
        return found
