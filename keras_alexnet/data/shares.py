"""How a stream of batches goes to the devices that share each batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def shared(
    strategy: tf.distribute.Strategy,
    stream: Callable[[range], tf.data.Dataset],
    batch_size: int,
    *,
    endless: bool = False,
) -> Any:
    """Gives each device its own rows of every batch.

    Of n devices the i-th sees the rows from i·batch_size/n on, on whichever machine
    it is: devices are counted worker by worker. Each worker makes its own rows only.

    Args:
        strategy: Whose devices share the batches.
        stream: Makes the batches without all but the given rows, which follow one
            another: `range(0, batch_size)` is all. All workers must get as many.
        batch_size: Rows in a whole batch, a multiple of the number of devices.
        endless: Whether the stream has no end. Of others, several workers ask one
            another before each batch whether there is one.

    Returns:
        A distributed data set: an iterable of what `strategy.run` takes.

    Example:

    >>> numbers = tf.data.Dataset.range(8)
    >>> batches = shared(
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

    return strategy.distribute_datasets_from_function(of_worker)
