"""Data sets of tensorflow-datasets, the embedded `shapes` among them."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds

from keras_alexnet.data.order import Keep
from keras_alexnet.data.shards import Examples, Shards, SourceOfShards
from keras_alexnet.data.sources import (
    TRAIN,
    VALIDATION,
    endless,
    shuffle,
    validation_names,
)
from keras_alexnet.reasons import reason

# Of version 1 of the order. Encoded pictures in the shuffle buffer: about 1 GB of
# ImageNet's. Besides, tensorflow-datasets writes its files in a random order.
_SHUFFLE_BUFFER = 10_000
# How tensorflow-datasets itself reads: 16 examples from each of 16 files by turns,
# or file after file if it was to keep an order.
_FILES_AT_ONCE, _BLOCK = 16, 16


class TfdsSource(SourceOfShards):
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
        _check_format(spec, info)
        self._image, self._label = _keys(spec, info)
        self._splits = _splits(spec, list(info.splits), split, training, validating)
        sizes = {
            ours: info.splits[its].num_examples for ours, its in self._splits.items()
        }
        super().__init__(spec, tuple(info.features[self._label].names), sizes)

    def ordered(self, split: str) -> tf.data.Dataset:
        # By turns; `part` reads file after file, so that nothing else is read.
        info = self._builder.info
        files = 1 if info.disable_shuffling else _FILES_AT_ONCE
        return self._files(split).by_turns(files, _BLOCK)

    def _contents(self) -> str:
        return self._builder.info.full_name

    def shuffled(
        self, split: str, seed: int, start: int, keep: Keep | None = None
    ) -> tf.data.Dataset:
        count, ordered = self.sizes[split], self.ordered(split)

        def epoch(number: tf.Tensor) -> tf.data.Dataset:
            return shuffle(ordered, min(count, _SHUFFLE_BUFFER), seed, number)

        return endless(epoch, count, start, keep).map(
            lambda position, example: {**example, "position": position}
        )

    def _files(self, split: str) -> Shards:
        # Those without examples are left out.
        files = self._builder.info.splits[self._splits[split]].file_instructions
        counts = [each.examples_in_shard for each in files]
        names = [os.path.basename(each.filename) for each in files]
        ends = np.cumsum(counts)
        features = {
            self._image: tf.io.FixedLenFeature([], tf.string),
            self._label: tf.io.FixedLenFeature([], tf.int64),
        }

        def parse(numbers: tf.Tensor, records: tf.Tensor) -> Examples:
            found = tf.io.parse_example(records, features)
            # The id that tensorflow-datasets itself gives.
            file = tf.searchsorted(ends, numbers, side="right")
            within = numbers - tf.gather(ends - counts, file)
            name = [tf.gather(names, file), tf.strings.as_string(within)]
            return {
                "name": tf.strings.join(name, "__"),
                "label": found[self._label],
                "image": found[self._image],
            }

        return Shards([os.fsencode(each.filename) for each in files], counts, parse)


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
    # A set may take minutes to make or hours to download: its bars are a sign of life.
    if sys.stderr is None or not sys.stderr.isatty():
        tfds.disable_progress_bar()
    if spec == "shapes":
        from keras_alexnet.data.shapes import Shapes

        return Shapes(data_dir=data_dir)
    return tfds.builder(spec.partition(":")[2], data_dir=data_dir)


def _check_format(spec: str, info: Any) -> None:
    if info.file_format != tfds.core.FileFormat.TFRECORD:
        raise ValueError(
            "data must be stored as tfrecord, tensorflow-datasets' own default; "
            "prepare them again in another data_dir. "
            f"Received: data={spec!r}, stored as {info.file_format.value}"
        )


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
