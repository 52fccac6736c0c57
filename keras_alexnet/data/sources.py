"""What every data set has: classes, and examples in order or shuffled."""

from __future__ import annotations

import abc
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow as tf

from keras_alexnet.data.colour import IMAGENET, ColourStatistics

TRAIN, VALIDATION = "train", "validation"
# What people call the validation pictures; each stands for all of them.
VALIDATION_NAMES = ("val", "valid", "validation")


# Tells of a position, a scalar int64, whether its example is wanted.
Keep = Callable[[tf.Tensor], tf.Tensor]


class Stored(NamedTuple):
    """An example as its source stores it.

    Args:
        name: For messages.
        label: Number of its class.
        image: The encoded picture, or the path of its file.
    """

    name: str
    label: int
    image: bytes | str


class Source(abc.ABC):
    """A data set: classes, and examples in a fixed or a shuffled order.

    An example is a dictionary of scalars: `name` (string, for messages), `label`
    (int64) and `image` (string, the encoded picture).

    Args:
        spec: How a person named it.
        class_names: Name of each label.
        sizes: Number of pictures in `"train"` and `"validation"`; in the latter
            alone, of data that are only to be judged by.
    """

    # Whether `examples_at` takes examples in any order. Those of a source that does
    # not are taken to lie in a random order already.
    random_access: ClassVar[bool] = False
    # Side of pictures that are squares of one size, and how they are stored: `"raw"`
    # is the bytes of the pixels, which no decoder reads.
    size: int | None = None
    encoding: str = ""

    def __init__(
        self, spec: str, class_names: tuple[str, ...], sizes: dict[str, int]
    ) -> None:
        self.spec = spec
        self.class_names = class_names
        self.sizes = sizes
        if len(class_names) < 2 and TRAIN in sizes:
            raise ValueError(
                "data must have at least two classes to tell apart. "
                f"Received: {spec!r} with {list(class_names)}"
            )

    @property
    def statistics(self) -> ColourStatistics:
        """Mean colour and components: ImageNet's, unless the data carry theirs."""
        return IMAGENET

    def damaged(self) -> str | None:
        """Reads through all files that have checksums.

        Returns:
            The first one that is not what was written and what is wrong with it, or
            None; where there are no checksums, always None.
        """
        return None

    def missing(self) -> str | None:
        """The first picture whose file cannot be opened, and why.

        None where all can, or pictures have no files of their own.
        """
        return None

    def fingerprint(self) -> str:
        """A hash of which data these are: classes, numbers, and names if told.

        Runs and prepared records keep it, and hold to it.
        """
        told = [type(self).__name__, self.class_names, self.sizes, self._contents()]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def _contents(self) -> Any:
        """What tells these data from others of the same classes and sizes."""
        return None

    def file_stamp(self) -> str | None:
        """A hash of sizes and times of the pictures' files: it tells of replaced ones.

        None where nobody replaces single pictures.
        """
        return None

    def examples_at(self, split: str, indices: np.ndarray) -> Iterator[Stored]:
        """The examples that have these numbers in `ordered`, undecoded.

        Args:
            split: `"train"` or `"validation"`.
            indices: Of any order where there is `random_access`, else successive.
        """
        examples = self.ordered(split).skip(int(indices[0])).take(len(indices))
        for example in examples.as_numpy_iterator():
            name = example["name"].decode(errors="replace")
            yield Stored(name, int(example["label"]), example["image"])

    @abc.abstractmethod
    def ordered(self, split: str) -> tf.data.Dataset:
        """The examples of a split, each once, always in the same order."""

    @abc.abstractmethod
    def shuffled(
        self, split: str, seed: int, start: int, keep: Keep | None = None
    ) -> tf.data.Dataset:
        """The examples of a split for ever, in an order of its own each epoch.

        An example has its `position` in the stream besides. The order is a
        function of `seed` alone, so that a run that is taken up again at
        position `start` meets the pictures that it would have met. Examples at
        whose positions `keep` is false are left out, unread where that can be.
        """


def endless(
    epoch: Callable[[tf.Tensor], tf.data.Dataset],
    count: int,
    start: int,
    keep: Keep | None = None,
) -> tf.data.Dataset:
    """Epoch after epoch from a position on, each element with its position.

    Args:
        epoch: Gives the `count` elements of the epoch of a number.
        count: Elements in an epoch.
        start: The first position.
        keep: Which positions to give; all if None.
    """
    first = start // count
    epochs = tf.data.Dataset.range(first, np.iinfo(np.int64).max).flat_map(epoch)
    numbered = epochs.enumerate(start=first * count).skip(start - first * count)
    if keep is None:
        return numbered
    return numbered.filter(lambda position, element: keep(position))


def validation_names(split: str | None, default: tuple[str, ...]) -> tuple[str, ...]:
    """What to try for the validation pictures, where somebody has said `split`."""
    if split is None:
        return default
    return VALIDATION_NAMES if split in VALIDATION_NAMES else (split,)
