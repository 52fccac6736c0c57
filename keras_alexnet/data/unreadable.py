"""Finds which picture could not be read, and why."""

from __future__ import annotations

import os

import tensorflow as tf

from keras_alexnet.data.sources import Source
from keras_alexnet.data.views import Views
from keras_alexnet.reasons import reason

# Raised when another worker ends, never because of a picture.
_OF_WORKERS = (
    tf.errors.UnavailableError,
    tf.errors.DeadlineExceededError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
)

# What reading examples raises; a message of TensorFlow's may quote bytes of a record
# that are no text.
READING = (tf.errors.OpError, UnicodeDecodeError)


def first_unreadable(
    examples: tf.data.Dataset, source: Source | None = None
) -> str | None:
    """Finds the first of these examples whose picture cannot be read or decoded.

    An error from a pipeline does not name the picture. The order of the examples is
    fixed, so reading them again finds it.

    Args:
        examples: Examples of a `Source`, with or without end.
        source: Their source; without it, they are expected to be encoded pictures.

    Returns:
        Its name and what is wrong with it, or None if there is none.
    """
    found = _first_fault(examples, source)
    if isinstance(found, Exception):
        return (source and source.missing()) or reason(found)
    return found


def _first_fault(
    examples: tf.data.Dataset, source: Source | None
) -> str | Exception | None:
    """A picture and what is wrong with it, or why the examples cannot be read."""
    decode = (Views(1) if source is None else Views.of(source, 1)).decode
    try:
        for example in examples:
            try:
                decode(example["image"])
            except tf.errors.OpError as error:
                return f"{os.fsdecode(example['name'].numpy())!r} ({reason(error)})"
    except READING as error:
        return error
    return None


def explained(
    error: Exception, examples: tf.data.Dataset, source: Source | None = None
) -> Exception:
    """An error that names the unreadable picture; `error` itself if there is none.

    Args:
        error: What a pipeline over the examples raised.
        examples: The examples that it may have read, as for `first_unreadable`.
        source: Their source.
    """
    if isinstance(error, _OF_WORKERS):
        return error
    if isinstance(error, tf.errors.DataLossError):
        damaged = None if source is None else source.damaged()
        return error if damaged is None else _of_file(damaged)
    culprit = _first_fault(examples, source)
    if culprit is None:
        return error
    if isinstance(culprit, Exception):
        missing = source and source.missing()
        damaged = None if missing or source is None else source.damaged()
        if damaged is not None:
            return _of_file(damaged)
        culprit = missing or reason(culprit)
    return ValueError(
        f"pictures must be readable; repair or remove it. Received: {culprit}"
    )


def _of_file(damaged: str) -> ValueError:
    return ValueError(
        "the files of the data must be as they were written; prepare them again. "
        f"Received: {damaged}"
    )
