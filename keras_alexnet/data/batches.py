"""From a source's examples to batches that are ready for the device."""

from __future__ import annotations

import re

import tensorflow as tf

from keras_alexnet.data import views
from keras_alexnet.data.sources import TRAIN, VALIDATION, Source

Example = dict[str, tf.Tensor]


def training_batches(
    source: Source, image_size: int, batch_size: int, seed: int, start: int = 0
) -> tf.data.Dataset:
    """The endless stream of training batches from position `start` on.

    Every draw is a function of the seed and the position in the stream.

    Args:
        source: The data set.
        image_size: Side of the crops.
        batch_size: Pictures in a batch.
        seed: Of the order, crops, mirroring and colour draws.
        start: Number of pictures that came before.

    Returns:
        Dictionaries with `image` (uint8 `[batch, side, side, 3]`), `label` (int64
        `[batch]`) and `noise` (float32 `[batch, 3]`, standard normal).
    """

    other = tf.constant([1, 0], tf.int64)

    def view(example: Example) -> Example:
        draw = tf.stack([tf.cast(seed, tf.int64), example["position"]])
        return {
            "image": views.training_view(example["image"], image_size, draw),
            "label": example["label"],
            # Another seed than the crop's, or the two would go together.
            "noise": tf.random.stateless_normal([3], draw + other),
        }

    stream = source.shuffled(TRAIN, seed, start)
    stream = stream.map(view, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    return _whole_batches(stream, batch_size)


def evaluation_batches(
    source: Source, image_size: int, batch_size: int
) -> tf.data.Dataset:
    """The central views of the validation pictures, each once.

    Args:
        source: The data set.
        image_size: Side of the crops.
        batch_size: Pictures in a batch.

    Returns:
        Dictionaries with `image` (uint8 `[batch, side, side, 3]`), `label` (int64
        `[batch]`) and `weight` (float32 `[batch]`): 0 where the last batch was
        filled up, so that all batches have one shape.
    """

    def view(example: Example) -> Example:
        return {
            "image": views.centre_view(example["image"], image_size),
            "label": example["label"],
            "weight": tf.constant(1.0),
        }

    filler = {
        "image": tf.zeros([1, image_size, image_size, 3], tf.uint8),
        "label": tf.zeros([1], tf.int64),
        "weight": tf.zeros([1]),
    }
    pictures = source.ordered(VALIDATION).map(
        view, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    missing = -source.sizes[VALIDATION] % batch_size
    filling = tf.data.Dataset.from_tensor_slices(filler).repeat(missing)
    return _whole_batches(pictures.concatenate(filling), batch_size)


def _whole_batches(examples: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
    options = tf.data.Options()
    # One machine reads all of its data, however many devices share a batch.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    batches = examples.batch(batch_size, drop_remainder=True)
    return batches.prefetch(2).with_options(options)


def first_unreadable(examples: tf.data.Dataset) -> str | None:
    """Finds the first of these examples whose picture cannot be decoded.

    An error out of a pipeline does not say which picture it was; the order of
    the examples is fixed, so looking again does.

    Args:
        examples: As a `Source` gives them, without end or not.

    Returns:
        Its name and the decoder's words, or None if there is none.
    """
    for example in examples:
        try:
            tf.io.decode_image(example["image"], channels=3, expand_animations=False)
        except tf.errors.OpError as error:
            name = example["name"].numpy().decode(errors="replace")
            return f"{name!r} ({decoder_words(error)})"
    return None


def explained(error: Exception, examples: tf.data.Dataset) -> Exception:
    """The error that names the picture at fault, or `error` where none was.

    Args:
        error: What a pipeline over the examples raised.
        examples: Those that it may have been at, as `first_unreadable` takes them.
    """
    culprit = first_unreadable(examples)
    if culprit is None:
        return error
    return ValueError(
        f"pictures must be readable; repair or remove it. Received: {culprit}"
    )


def decoder_words(error: tf.errors.OpError) -> str:
    """What an operation said, on one line and without TensorFlow's wrapping.

    Example:

    >>> decoder_words(tf.errors.OpError(None, None, "{{node x}} Bad. [Op:Y] name:", 3))
    'Bad.'
    """
    words = re.sub(
        r"\[\[\{\{.*?\}\}\]\]|\{\{.*?\}\}", " ", error.message, flags=re.DOTALL
    )
    return " ".join(words.partition("[Op:")[0].split())
