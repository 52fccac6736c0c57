"""The one grammar that names a data set, and what every data set gives."""

from __future__ import annotations

import abc

import tensorflow as tf

from keras_alexnet.data.colour import IMAGENET, ColourStatistics

TRAIN, VALIDATION = "train", "validation"
GRAMMAR = "shapes, tfds:NAME[/CONFIG] or folder:DIR"


class Source(abc.ABC):
    """A data set: classes, and examples in a fixed or a shuffled order.

    An example is a dictionary of scalars: `name` (string, for messages), `label`
    (int64) and `image` (string, the encoded picture).

    Args:
        spec: How a person named it.
        class_names: Name of each label.
        sizes: Number of pictures in `"train"` and `"validation"`.
    """

    def __init__(
        self, spec: str, class_names: tuple[str, ...], sizes: dict[str, int]
    ) -> None:
        self.spec = spec
        self.class_names = class_names
        self.sizes = sizes
        if len(class_names) < 2:
            raise ValueError(
                "data must have at least two classes to tell apart. "
                f"Received: {spec!r} with {list(class_names)}"
            )

    @property
    def statistics(self) -> ColourStatistics:
        """Mean colour and components: ImageNet's, unless the data carry theirs."""
        return IMAGENET

    @abc.abstractmethod
    def ordered(self, split: str) -> tf.data.Dataset:
        """The examples of a split, each once, always in the same order."""

    @abc.abstractmethod
    def shuffled(self, split: str, seed: int, start: int) -> tf.data.Dataset:
        """The examples of a split for ever, in an order of its own each epoch.

        An example has its `position` in the stream besides. The order is a
        function of `seed` alone, so that a run that is taken up again at
        position `start` meets the pictures that it would have met.
        """


def open_source(
    spec: str,
    data_dir: str | None = None,
) -> Source:
    """Opens the data set that `spec` names, preparing it first where it must be.

    Args:
        spec: `shapes` (drawn on first use), `tfds:NAME[/CONFIG]` (any image
            classification set of tensorflow-datasets) or `folder:DIR`, with
            pictures in `DIR/train/CLASS/…` and `DIR/val/CLASS/…`; for the latter
            `val/`, `validation/` and `test/` are tried in this order.
        data_dir: Where tensorflow-datasets keeps its data; its own default
            otherwise.

    Returns:
        A `Source`.

    Raises:
        ValueError: If the spec is none of these, or what it names is missing,
            empty, or has fewer than two classes.

    Example:

    >>> open_source("shapes").sizes  # doctest: +SKIP
    {'train': 2000, 'validation': 500}
    """
    kind, _, rest = spec.partition(":")
    if kind == "folder" and rest:
        from keras_alexnet.data.folder import FolderSource

        return FolderSource(rest)
    if (kind == "tfds" and rest) or spec == "shapes":
        # Here, because importing tensorflow-datasets takes its time.
        from keras_alexnet.data.tfds import TfdsSource

        return TfdsSource(spec, data_dir)
    raise ValueError(f"data must be {GRAMMAR}. Received: data={spec!r}")
