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
from keras_alexnet.data.division import VAL_SHARE, Division
from keras_alexnet.data.order import NEWEST, Keep, within

TRAIN, VALIDATION = "train", "validation"
# Names that people use for the validation pictures; all mean the same.
VALIDATION_NAMES = ("val", "valid", "validation")


class Stored(NamedTuple):
    """An example as its source stores it.

    Args:
        name: Its name, for messages.
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
        spec: The data set as `--data=` names it.
        class_names: Name of each label.
        sizes: Number of pictures in `"train"` and `"validation"`; without `"train"`
            for data that only evaluate a model, and without `"validation"` to train
            without evaluation.

    Attributes:
        division: How the pictures were divided, if nobody had kept any apart for
            validation.
        order: Version of the order of training examples, as `order.py` has them: the
            newest, until a run that began with another one sets that.
    """

    # Whether `examples_at` reads in any order. If not, the examples are assumed to be
    # stored in a random order.
    random_access: ClassVar[bool] = False
    # Side and encoding of the pictures if all are squares of one size: `"raw"` is the
    # bytes of the pixels, which need no decoder.
    size: int | None = None
    encoding: str = ""
    division: Division | None = None
    order: int = NEWEST

    def __init__(
        self, spec: str, class_names: tuple[str, ...], sizes: dict[str, int]
    ) -> None:
        self.spec = spec
        self.class_names = class_names
        self.sizes = sizes
        if len(class_names) < 2 and TRAIN in sizes:
            raise ValueError(
                "data must have at least two classes. "
                f"Received: {spec!r} with {list(class_names)}"
            )

    @property
    def statistics(self) -> ColourStatistics:
        """Mean and components of colour: ImageNet's, unless the data have their own."""
        return IMAGENET

    @property
    def notes(self) -> list[str]:
        """Lines for people: what was made of the data when they were opened."""
        return []

    @property
    def validates(self) -> bool:
        """Whether there are validation pictures."""
        return VALIDATION in self.sizes

    def check_validates(self) -> None:
        """Raises ValueError if there are no validation pictures."""
        if not self.validates:
            raise ValueError(
                "data to evaluate on must have validation pictures; open them with "
                f"another val_share. Received: {self.spec!r}, without"
            )

    def damaged(self) -> str | None:
        """Checks all files that have checksums.

        Returns:
            The first damaged file and what is wrong with it. None if there is none,
            or the files have no checksums.
        """
        return None

    def missing(self) -> str | None:
        """The first picture whose file cannot be opened, and why.

        None if all can be opened, or pictures have no files of their own.
        """
        return None

    def fingerprint(self) -> str:
        """A hash that identifies the data: kind, classes, sizes, names of pictures.

        Runs and prepared records store it, and refuse other data.
        """
        facts = [type(self).__name__, self.class_names, self.sizes, self._contents()]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()

    def _contents(self) -> Any:
        """What distinguishes these data from others of the same classes and sizes."""
        return None

    def file_stamp(self) -> str | None:
        """A hash of sizes and times of the pictures' files: it changes with a file.

        None if pictures have no files of their own.
        """
        return None

    def examples_at(self, split: str, indices: np.ndarray) -> Iterator[Stored]:
        """Some of the examples, undecoded.

        Args:
            split: `"train"` or `"validation"`.
            indices: Their numbers, as for `part`: in any order if there is
                `random_access`, else consecutive.
        """
        examples = self.part(split, int(indices[0]), len(indices))
        for example in examples.as_numpy_iterator():
            name = example["name"].decode(errors="replace")
            yield Stored(name, int(example["label"]), example["image"])

    @abc.abstractmethod
    def ordered(self, split: str) -> tf.data.Dataset:
        """The examples of a split, each once, always in the same order."""

    def part(self, split: str, first: int, count: int) -> tf.data.Dataset:
        """Some examples that follow each other; the parts of a split are all of it.

        Args:
            split: `"train"` or `"validation"`.
            first: Number of the first example, from 0.
            count: How many, or all that follow if these are fewer.
        """
        return self.ordered(split).skip(first).take(count)

    @abc.abstractmethod
    def shuffled(
        self, split: str, seed: int, start: int, keep: Keep | None = None
    ) -> tf.data.Dataset:
        """The examples of a split without end, in version 1 of the order.

        Each example also has its `position` in the stream. This order is a function
        of `seed` alone, so that a run that is resumed at position `start` reads the
        same pictures as one that never stopped. Examples at positions where `keep`
        is false are skipped, and not read where that is possible.
        """

    def stream(
        self,
        split: str,
        seed: int,
        start: int,
        batch_size: int,
        rows: range | None = None,
    ) -> tf.data.Dataset:
        """The examples of a split without end, in the order of version `order`.

        Each example also has its `position` in the stream.

        Args:
            split: `"train"` or `"validation"`.
            seed: Of the order.
            start: Position of the first example.
            batch_size: Pictures in a batch.
            rows: Which rows of each batch to yield, a range of step 1; all if None.
                With it, `start` must be where a batch begins.
        """
        return self.shuffled(split, seed, start, within(rows, batch_size))


def endless(
    epoch: Callable[[tf.Tensor], tf.data.Dataset],
    count: int,
    start: int,
    keep: Keep | None = None,
) -> tf.data.Dataset:
    """Epoch after epoch from a position on, each element with its position.

    Args:
        epoch: Returns the `count` elements of an epoch, by its number.
        count: Elements in an epoch.
        start: The first position.
        keep: Which positions to keep; all if None.
    """
    first = start // count
    epochs = tf.data.Dataset.range(first, np.iinfo(np.int64).max).flat_map(epoch)
    numbered = epochs.enumerate(start=first * count).skip(start - first * count)
    if keep is None:
        return numbered
    return numbered.filter(lambda position, element: keep(position))


def shuffle(
    examples: tf.data.Dataset, buffer_size: int, seed: int, epoch: tf.Tensor
) -> tf.data.Dataset:
    """Shuffles an epoch through a buffer, as version 1 of the order does.

    It is `tf.random.set_seed(seed + 1)` with `examples.shuffle(buffer_size, epoch,
    reshuffle_each_iteration=False)`, by TensorFlow's op of before it had state: with
    that of today, op determinism would make all that comes after it serial.
    """

    flat = tf.nest.flatten(examples.element_spec)
    shuffled = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(examples),
        buffer_size=buffer_size,
        # As TensorFlow makes one of two: below 2**31 − 1, and never 0.
        seed=seed % (2**31 - 1) + 1,
        seed2=epoch,
        output_types=[spec.dtype for spec in flat],
        output_shapes=[spec.shape for spec in flat],
        reshuffle_each_iteration=False,
    )
    return tf.data.experimental.from_variant(shuffled, examples.element_spec)


def check_kept_apart(spec: str, division: Division) -> None:
    """Raises ValueError if validation pictures that are kept apart were to be divided.

    Args:
        spec: The data set as `--data=` names it.
        division: What was wanted.
    """
    if division.val_share not in (0, VAL_SHARE):
        raise ValueError(
            "val_share must be left out, or 0 to train without validation, for data "
            "that have validation pictures of their own. Received: "
            f"val_share={division.val_share}, data={spec!r}"
        )


def validation_names(split: str | None, default: tuple[str, ...]) -> tuple[str, ...]:
    """Names to try for the validation pictures: those that `split` means, if given."""
    if split is None:
        return default
    return VALIDATION_NAMES if split in VALIDATION_NAMES else (split,)
