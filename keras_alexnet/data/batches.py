"""From a source's examples to batches that are ready for the devices."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_alexnet.data.augmentation import Draws, draws, window_draws
from keras_alexnet.data.erasing import Erasing
from keras_alexnet.data.mixing import Mixing
from keras_alexnet.data.order import within
from keras_alexnet.data.rand_augment import RandAugment
from keras_alexnet.data.sources import TRAIN, VALIDATION, Source
from keras_alexnet.data.views import Views

CROPS = ("paper", "resized", "centre")

Example = dict[str, tf.Tensor]

# Views computed at a time: enough to keep all cores busy while some wait. A fixed
# number, since TensorFlow's automatic one takes more time and memory.
_AT_ONCE = 2 * (os.cpu_count() or 1)


def training_batches(
    source: Source,
    image_size: int,
    batch_size: int,
    seed: int,
    start: int = 0,
    crop_chunk: int = 1,
    crop: str = "paper",
    crop_area: float = 0.25,
    resize_size: int | None = None,
    warp: bool = False,
    rows: range | None = None,
    mirror: bool = True,
    rand_augment: RandAugment | None = None,
    erasing: Erasing | None = None,
    mixing: Mixing | None = None,
) -> tf.data.Dataset:
    """The endless stream of training batches from position `start` on.

    Every draw is a function of the seed and the position in the stream, whatever the
    size of the batches. Which picture comes at a position says `order.py`. Place,
    mirroring and colour noise are the same for all crops, and with or without
    mirroring.

    Args:
        source: The data set.
        image_size: Side of the crops.
        batch_size: Pictures in a batch.
        seed: Seed of the order, crops, mirroring and colour noise.
        start: Number of pictures that came before.
        crop_chunk: How many successive pictures share the crop and the mirroring;
            chunks begin at multiples of it.
        crop: `"paper"`, a square at a random place in the picture whose shorter side
            is scaled to `resize_size` (paper, section 4.1); `"resized"`, a window of
            random area, proportions (3/4 to 4/3) and place, scaled to a square
            (Szegedy et al. 2015, "Going deeper with convolutions", section 6); or
            `"centre"`, the central square, as `evaluation_batches` cuts it.
        crop_area: Smallest area of a window of `"resized"`, as a fraction of the
            picture's: more than 0, 1 at most; 0.08 in that paper.
        resize_size: As above; `bordered_size(image_size)` if None.
        warp: Whether `"paper"` and `"centre"` scale both sides to `resize_size`.
        rows: Which rows of each batch to yield, a range of step 1; all if None. With
            it, `start` must be where a batch begins.
        mirror: Whether half of the pictures, at random, are mirrored.
        rand_augment: Which operations on colour and shape change the crops; none if
            None.
        erasing: What is erased of them then; nothing if None.
        mixing: How pictures are to be mixed; not at all if None.

    Returns:
        Dictionaries with `image` (uint8 `[batch, side, side, 3]`), `label` (int64
        `[batch]`) and `noise` (float32 `[batch, 3]`, standard normal). With `mixing`
        also `amount` and `box`, the two parts of a `Mix`: pictures are mixed later,
        by `mixing.mixed`, since each device has its own pairs.

    Raises:
        ValueError: If `crop` or `crop_area` is out of range.
    """
    _check_crop(crop, crop_area)
    views = Views.of(source, image_size, resize_size, warp)

    def view(example: Example, each: dict[str, Any]) -> Example:
        drawn: Draws = each["draws"]
        place = None if crop == "centre" else drawn.place
        mirrored = drawn.mirrored & mirror
        image = views.training(example["image"], place, mirrored, each.get("window"))
        if rand_augment is not None:
            image = rand_augment(image, each["operations"])
        if erasing is not None:
            image = erasing(image, each["erase"])
        mix: dict[str, tf.Tensor] = each["mix"]._asdict() if "mix" in each else {}
        return {"image": image, "label": example["label"], "noise": drawn.noise, **mix}

    keep = within(rows, batch_size)
    drawn = {"draws": draws(seed, start, crop_chunk, keep)}
    if crop == "resized":
        drawn["window"] = window_draws(seed, start, crop_chunk, crop_area, keep)
    if rand_augment is not None:
        drawn["operations"] = rand_augment.draws(seed, start, keep)
    if erasing is not None:
        drawn["erase"] = erasing.draws(seed, start, keep)
    if mixing is not None:
        drawn["mix"] = mixing.draws(seed, image_size, start, keep)
    examples = source.stream(TRAIN, seed, start, batch_size, rows)
    stream = tf.data.Dataset.zip((examples, drawn))
    stream = stream.map(view, num_parallel_calls=_AT_ONCE, deterministic=True)
    return _whole_batches(stream, len(rows or range(batch_size)))


def _check_crop(crop: str, crop_area: float) -> None:
    if crop not in CROPS:
        raise ValueError(f"crop must be one of {CROPS}. Received: {crop=}")
    if not 0 < crop_area <= 1:
        raise ValueError(
            f"crop_area must be more than 0 and at most 1. Received: {crop_area=}"
        )


def evaluation_batches(
    source: Source, image_size: int, batch_size: int, rows: range | None = None
) -> tf.data.Dataset:
    """The central views of the validation pictures, each once.

    Args:
        source: The data set.
        image_size: Side of the crops.
        batch_size: Pictures in a batch.
        rows: Which rows of each batch to yield, a range of step 1; all if None. The
            pictures of some rows follow each other in the data, so that nobody reads
            those of other rows.

    Returns:
        Dictionaries with `image` (uint8 `[batch, side, side, 3]`), `label` (int64
        `[batch]`) and `weight` (float32 `[batch]`): 0 for the padding of the last
        batch, which gives all batches one shape.
    """
    view = Views.of(source, image_size).centre
    return validation_batches(source, view, batch_size, rows)


def validation_batches(
    source: Source,
    view: Callable[[tf.Tensor], object],
    batch_size: int,
    rows: range | None = None,
) -> tf.data.Dataset:
    """As `evaluation_batches`, with `view(picture)`, maybe nested, for `image`."""
    source.check_validates()

    def viewed(example: Example) -> dict[str, object]:
        weight = tf.constant(1.0)
        image = view(example["image"])
        return {"image": image, "label": example["label"], "weight": weight}

    batches = math.ceil(source.sizes[VALIDATION] / batch_size)
    rows = rows or range(batch_size)
    wanted = batches * len(rows)
    pictures = source.part(VALIDATION, batches * rows.start, wanted).map(
        viewed, num_parallel_calls=_AT_ONCE, deterministic=True
    )
    padding = tf.nest.map_structure(
        lambda spec: tf.zeros(spec.shape, spec.dtype), pictures.element_spec
    )
    # All workers must have the same number of batches.
    paddings = tf.data.Dataset.from_tensors(padding).repeat(wanted)
    padded = pictures.concatenate(paddings).take(wanted)
    return _whole_batches(padded, len(rows))


def _whole_batches(examples: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
    options = tf.data.Options()
    # TensorFlow must not split the data over machines: `rows` has done that.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.OFF
    )
    options.autotune.enabled = False
    batches = examples.batch(batch_size, drop_remainder=True)
    return batches.prefetch(2).with_options(options)


def distribute(
    strategy: tf.distribute.Strategy,
    stream: Callable[[range], tf.data.Dataset],
    batch_size: int,
    *,
    endless: bool = False,
    ahead: int = 2,
) -> Any:
    """Gives each replica its own rows of every batch, on its device ahead of time.

    Of n replicas, counted worker by worker, the i-th (from 0) gets the rows from
    i·batch_size/n on. Each worker makes its own rows only.

    Args:
        strategy: The strategy whose replicas share the batches.
        stream: Makes batches that have the given rows alone: `range(0, batch_size)`
            is all rows. All workers must get the same number of batches.
        batch_size: Rows in a whole batch, a multiple of the number of replicas.
        endless: Whether the stream has no end. If it has one, the workers agree before
            each batch whether there is another.
        ahead: How many batches to copy to each device before they are needed.

    Returns:
        A distributed data set: an iterable of what `strategy.run` takes.

    Example:

    >>> numbers = tf.data.Dataset.range(8)
    >>> batches = distribute(
    ...     tf.distribute.get_strategy(),
    ...     lambda rows: numbers.filter(lambda n: n % 4 < len(rows)).batch(len(rows)),
    ...     batch_size=4,
    ... )
    >>> [batch.numpy().tolist() for batch in batches]
    [[0, 1, 2, 3], [4, 5, 6, 7]]
    """
    each = batch_size // strategy.num_replicas_in_sync

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        count = batch_size // context.num_input_pipelines
        first = context.input_pipeline_id * count
        batches = stream(range(first, first + count))
        if count != each:
            batches = batches.rebatch(each, drop_remainder=True)
        if endless:
            batches = batches.apply(
                tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
            )
        return batches

    options = tf.distribute.InputOptions(
        experimental_fetch_to_device=True, experimental_per_replica_buffer_size=ahead
    )
    return _feeding(strategy).distribute_datasets_from_function(of_worker, options)


def _feeding(strategy: tf.distribute.Strategy) -> tf.distribute.Strategy:
    """The strategy itself, or in place of TensorFlow's default one that of its GPU.

    The default strategy copies a batch to the GPU when the step needs it, which waits
    for the copy; all others copy ahead.
    """
    default = not tf.distribute.has_strategy() and (
        strategy is tf.distribute.get_strategy()
    )
    if default and tf.config.list_logical_devices("GPU"):
        return tf.distribute.OneDeviceStrategy("/GPU:0")
    return strategy
