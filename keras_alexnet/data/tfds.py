"""Data sets of tensorflow-datasets, the embedded `shapes` among them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_alexnet.data.sources import (
    TRAIN,
    VALIDATION,
    Keep,
    Source,
    Stored,
    endless,
    validation_names,
)
from keras_alexnet.reasons import reason

# Encoded pictures in the shuffle buffer: about 1 GB of ImageNet's. Besides,
# tensorflow-datasets writes its files in a random order.
_SHUFFLE_BUFFER = 10_000


class TfdsSource(Source):
    """An image classification set of tensorflow-datasets.

    Pictures stay encoded until a view decodes what it needs of them. The
    validation pictures are those of the split `validation`, or of `test` where
    there is none.

    Args:
        spec: `shapes`, or `tfds:NAME[/CONFIG]`.
        data_dir: Where prepared sets are; tensorflow-datasets' default otherwise.
        manual_dir: Where the archives are that it cannot download; its default
            otherwise.
        split: Which split has the validation pictures.
        training: Whether there must be a split `train`.
        validating: Whether there must be validation pictures.

    Raises:
        ValueError: If there is no such set, it cannot be prepared, or its examples
            are not a picture with one label.
    """

    def __init__(
        self,
        spec: str,
        data_dir: str | None = None,
        manual_dir: str | None = None,
        split: str | None = None,
        training: bool = True,
        validating: bool = True,
    ) -> None:
        self._builder = _prepared(spec, data_dir, manual_dir)
        info = self._builder.info
        self._image, self._label = _keys(spec, info)
        self._splits = _splits(spec, list(info.splits), split, training, validating)
        sizes = {
            ours: info.splits[its].num_examples for ours, its in self._splits.items()
        }
        super().__init__(spec, tuple(info.features[self._label].names), sizes)

    def ordered(self, split: str) -> tf.data.Dataset:
        return self._examples(self._splits[split])

    def examples_at(self, split: str, indices: np.ndarray) -> Iterator[Stored]:
        # Nothing before the slice is read. Files are read one after the other, which
        # keeps the order of the whole in successive slices.
        part = tfds.core.ReadInstruction(
            self._splits[split],
            from_=int(indices[0]),
            to=int(indices[-1]) + 1,
            unit="abs",
        )
        examples = self._examples(part, interleave_cycle_length=1)
        for each in examples.as_numpy_iterator():
            yield Stored(each["name"].decode(), int(each["label"]), each["image"])

    def _contents(self) -> str:
        return self._builder.info.full_name

    def _examples(self, split: Any, **reading: Any) -> tf.data.Dataset:
        """The examples of a split or a part of it, pictures undecoded."""
        examples = self._builder.as_dataset(
            split=split,
            shuffle_files=False,
            decoders={self._image: tfds.decode.SkipDecoding()},
            read_config=tfds.ReadConfig(
                add_tfds_id=True, try_autocache=False, **reading
            ),
        )
        return examples.map(self._example)

    def shuffled(
        self, split: str, seed: int, start: int, keep: Keep | None = None
    ) -> tf.data.Dataset:
        count, ordered = self.sizes[split], self.ordered(split)

        def epoch(number: tf.Tensor) -> tf.data.Dataset:
            # Sets the seed of this function's graph alone, so that the order does
            # not depend on the program's global seed. (TensorFlow fails at 0 here.)
            tf.random.set_seed(seed + 1)
            return ordered.shuffle(
                min(count, _SHUFFLE_BUFFER),
                seed=number,
                reshuffle_each_iteration=False,
            )

        return endless(epoch, count, start, keep).map(
            lambda position, example: {**example, "position": position}
        )

    def _example(self, features: dict[str, Any]) -> dict[str, tf.Tensor]:
        return {
            "name": features["tfds_id"],
            "label": tf.cast(features[self._label], tf.int64),
            "image": features[self._image],
        }


def _prepared(spec: str, data_dir: str | None, manual_dir: str | None) -> Any:
    """The builder of a set, after its data have been made or downloaded."""
    try:
        builder = _builder(spec, data_dir)
        config = tfds.download.DownloadConfig(manual_dir=manual_dir)
        # For `shapes`, which is drawn here, it would print a download of unknown size.
        with contextlib.ExitStack() as stack:
            if spec == "shapes":
                stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            builder.download_and_prepare(download_config=config)
    except Exception as error:  # whatever the set's own code raises
        raise ValueError(
            "data must be a set that tensorflow-datasets can prepare in data_dir="
            f"{data_dir or 'its default'}. Received: data={spec!r} "
            f"({type(error).__name__}: {reason(error, 300)})"
        ) from error
    return builder


def _builder(spec: str, data_dir: str | None) -> Any:
    tfds.disable_progress_bar()
    if spec == "shapes":
        from keras_alexnet.data.shapes import Shapes

        return Shapes(data_dir=data_dir)
    return tfds.builder(spec.partition(":")[2], data_dir=data_dir)


def _keys(spec: str, info: Any) -> tuple[str, str]:
    """Names of the features that hold the picture and its label."""
    keys, features = info.supervised_keys, dict(info.features)
    if (
        keys is None
        or len(keys) != 2
        or not isinstance(features.get(keys[0]), tfds.features.Image)
        or not isinstance(features.get(keys[1]), tfds.features.ClassLabel)
    ):
        raise ValueError(
            "data must be an image classification set: a picture and one label. "
            f"Received: data={spec!r} with features {list(features)}"
        )
    return keys[0], keys[1]


def _splits(
    spec: str, there: list[str], split: str | None, training: bool, validating: bool
) -> dict[str, str]:
    """The splits of a set that hold the training and the validation pictures."""
    tried = validation_names(split, (VALIDATION, "test"))
    present = [name for name in tried if name in there]
    if (validating and not present) or (training and TRAIN not in there):
        wanted = [TRAIN] * training + [" or ".join(tried)] * validating
        without = "; give val_share=0 to train without validation"
        raise ValueError(
            f"data must have a split {', and '.join(wanted)}"
            f"{without if training and validating else ''}. "
            f"Received: data={spec!r} with {there}"
        )
    own = {TRAIN: TRAIN} if TRAIN in there else {}
    return {**own, VALIDATION: present[0]} if validating else own
