"""Which picture it was that could not be read, and why, in one line."""

from __future__ import annotations

import os

import tensorflow as tf

from keras_alexnet.data.sources import Source
from keras_alexnet.data.views import Views
from keras_alexnet.reasons import reason

# What another worker's end raises, and no picture.
_OF_OTHERS = (
    tf.errors.UnavailableError,
    tf.errors.DeadlineExceededError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
)


def first_unreadable(
    examples: tf.data.Dataset, source: Source | None = None
) -> str | None:
    """Finds the first of these examples whose picture cannot be read or decoded.

    An error out of a pipeline does not say which picture it was; the order of
    the examples is fixed, so looking again does.

    Args:
        examples: As a `Source` gives them, without end or not.
        source: That source; pictures of a common format are expected without it.

    Returns:
        Its name and what is wrong with it, or None if there is none.
    """
    decode = (Views(1) if source is None else Views.of(source, 1)).decode
    try:
        for example in examples:
            try:
                decode(example["image"])
            except tf.errors.OpError as error:
                return f"{os.fsdecode(example['name'].numpy())!r} ({reason(error)})"
    except tf.errors.OpError as error:
        return (source and source.missing()) or reason(error)
    return None


def explained(
    error: Exception, examples: tf.data.Dataset, source: Source | None = None
) -> Exception:
    """The error that names the picture at fault, or `error` where none was.

    Args:
        error: What a pipeline over the examples raised.
        examples: Those that it may have been at, as `first_unreadable` takes them.
        source: Whose they are.
    """
    if isinstance(error, _OF_OTHERS):
        return error
    if isinstance(error, tf.errors.DataLossError):
        damaged = None if source is None else source.damaged()
        return error if damaged is None else _of_file(damaged)
    culprit = first_unreadable(examples, source)
    if culprit is None:
        return error
    return ValueError(
        f"pictures must be readable; repair or remove it. Received: {culprit}"
    )


def _of_file(damaged: str) -> ValueError:
    return ValueError(
        "the files of the data must be as they were written; prepare them again. "
        f"Received: {damaged}"
    )
