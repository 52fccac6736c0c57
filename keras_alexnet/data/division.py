"""Divides pictures into those to train on and those to validate, class by class."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Sequence
from typing import Any

from keras_alexnet.reasons import must_be

VAL_SHARE = 0.2


@dataclasses.dataclass(frozen=True)
class Division:
    """Which of the pictures of a class validate: a function of their names and a seed.

    The pictures of a class are ranked by a hash of the seed and their names, and the
    first of them validate. So neither the order in which they are listed nor the
    machine matters, and with one picture more or less at most one other one changes
    from one part to the other.

    Args:
        val_share: Which part of the pictures of each class validates: from 0, for none,
            to below 1.
        seed: Of the ranks.

    Raises:
        ValueError: If `val_share` is out of range.

    Example:

    >>> Division(0.4).validates([b"cat/1", b"cat/2", b"cat/3", b"cat/4", b"cat/5"])
    [False, True, False, True, False]
    """

    val_share: float = VAL_SHARE
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.val_share < 1:
            raise must_be("val_share", "from 0 to below 1", self.val_share)

    def validates(self, names: Sequence[bytes]) -> list[bool]:
        """Whether each picture of a class validates.

        Of two pictures or more at least one is in each part; a single one trains.

        Args:
            names: Paths of the pictures of one class, relative to the data.
        """
        ranked = sorted(names, key=self._rank)
        first = frozenset(ranked[: self._count(len(names))])
        return [name in first for name in names]

    def validates_each(
        self, names: Sequence[bytes], labels: Sequence[int]
    ) -> list[bool]:
        """Whether each picture validates.

        Args:
            names: Paths of the pictures, relative to the data.
            labels: Their classes; the pictures of a class follow each other.
        """
        by_class = itertools.groupby(
            zip(labels, names, strict=True), lambda pair: pair[0]
        )
        return [
            validates
            for _, pairs in by_class
            for validates in self.validates([name for _, name in pairs])
        ]

    def line(self, validates: Sequence[bool], single: Sequence[str] = ()) -> str:
        """The division in words.

        Args:
            validates: Of each picture.
            single: Names of the classes that have a single picture.

        Example:

        >>> Division().line([True, False, False], ["cat"])
        'divided: 2 to train, 1 to validate, by class, seed 0; of cat 1 to train only'
        """
        held_out = sum(validates)
        trained = len(validates) - held_out
        if not self.val_share:
            return f"no pictures to validate, since val_share=0: {trained} to train"
        rest = f"; of {', '.join(single)} 1 to train only" if single else ""
        return (
            f"divided: {trained} to train, {held_out} to validate, by class, "
            f"seed {self.seed}{rest}"
        )

    def _rank(self, name: bytes) -> bytes:
        return hashlib.sha256(b"%d/%s" % (self.seed, name)).digest()

    def _count(self, pictures: int) -> int:
        if not self.val_share or pictures < 2:
            return 0
        wanted = int(self.val_share * pictures + 0.5)
        return min(max(wanted, 1), pictures - 1)

    def as_dict(self) -> dict[str, Any]:
        """The division as runs and prepared records store it in JSON."""
        return dataclasses.asdict(self)
