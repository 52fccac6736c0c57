"""Dropout with the same masks on any number of devices and in a resumed run."""

from __future__ import annotations

import contextlib
import threading
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_alexnet.reasons import shown
from keras_alexnet.whole_numbers import (
    LARGEST_OF_OPS,
    as_whole,
    entries,
    number,
    whole_number,
)

_PHILOX = 1  # tf.random.Algorithm.PHILOX
_AT_ONCE = 4  # numbers for each value of Philox's counter


class Place(NamedTuple):
    """The position of a batch in a training run.

    Args:
        seed: The run's seed.
        step: Scalar integer, number of the step.
        first_row: Scalar integer, position in the whole batch of this device's first
            picture.
    """

    seed: int
    step: Any
    first_row: Any


class _Current(threading.local):  # Replicas are traced in threads of their own.
    place: Place | None = None


_current = _Current()


@contextlib.contextmanager
def dropout_at(place: Place) -> Iterator[None]:
    """Within it, every `StatelessDropout` draws its masks for this position in a run.

    Example:

    >>> layer = StatelessDropout(0.5)
    >>> with dropout_at(Place(seed=1, step=7, first_row=0)):
    ...     once, again = (layer(tf.ones([4, 8]), training=True) for _ in range(2))
    >>> bool(tf.reduce_all(once == again))
    True
    """
    before, _current.place = _current.place, place
    try:
        yield
    finally:
        _current.place = before


def uniform_rows(place: Place, name: str, rows: Any, units: int) -> tf.Tensor:
    """Uniform numbers in [0, 1), each a function of seed, name, step, row and unit.

    They come from Philox with a key of seed and name and a counter of step and row.
    So rows can be drawn separately: a device draws for its rows of a batch what a
    single device would draw for them.

    Args:
        place: The position in a run.
        name: Name of the layer that uses the numbers.
        rows: Number of rows, an integer or a scalar tensor.
        units: Numbers in a row.

    Returns:
        `[rows, units]`, float32.
    """
    seed = tf.stack([place.seed, zlib.crc32(name.encode()) % 2**31])
    key, _ = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    counts = -(-units // _AT_ONCE)  # each row begins at a new counter value
    first = tf.cast(place.first_row, tf.int64) * counts
    counter = tf.stack([first, tf.cast(place.step, tf.int64)])
    drawn = tf.raw_ops.StatelessRandomUniformV2(
        shape=[rows, counts * _AT_ONCE],
        key=key,
        counter=tf.cast(counter, tf.uint64),
        alg=_PHILOX,
    )
    return tf.ensure_shape(drawn[:, :units], [None, units])


@keras.saving.register_keras_serializable(package="keras_alexnet")
class StatelessDropout(keras.layers.Dropout):
    """Dropout (paper, section 4.2) that can be repeated from any step on.

    `y = x · m / (1 − rate)`, with m 0 for a fraction `rate` of the values and else 1.
    Within `dropout_at` m is a function of the run's seed, the step, the position in
    the whole batch, the unit and the layer's name. It does not depend on how many
    devices the batch is divided among, nor on how often the run was resumed.
    Elsewhere, as in `model.fit`, it is Keras' own dropout.

    Args:
        rate: Fraction of values that become 0, from 0 to below 1.
        share: `(i, n)` where the units are the i-th of n equal parts of a layer's,
            counted from 0: within `dropout_at` their masks are those of these units
            in the whole layer. `None` for a whole layer.
        **kwargs: Other arguments of `keras.layers.Dropout`.

    Input shape:
        `(batch, units)` within `dropout_at`.

    Output shape:
        That of the input.

    Returns:
        The values in training, else the input.

    Raises:
        ValueError: If `rate`, `share` or `seed` is out of range.

    Example:

    >>> StatelessDropout(0.5)(tf.ones([1, 3]), training=False).numpy()
    array([[1., 1., 1.]], dtype=float32)

    Reference:
        - Hinton et al. 2012, "Improving neural networks by preventing co-adaptation
          of feature detectors". The 2012 source halves at test time instead
          (`layer.cu`): the same function with the next layer's weights halved.
    """

    def __init__(
        self, rate: float, *, share: tuple[int, int] | None = None, **kwargs: Any
    ) -> None:
        if kwargs.get("seed") is not None:
            kwargs["seed"] = whole_number("seed", kwargs["seed"], 0, LARGEST_OF_OPS)
        super().__init__(number("rate", rate, 0, below=1), **kwargs)
        self.share = None if share is None else _checked_share(share)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        place = _current.place
        if place is None or not training or not self.rate:
            return super().call(inputs, training=training)
        part, parts = self.share or (0, 1)
        rows, units = tf.shape(inputs)[0], inputs.shape[-1]
        drawn = uniform_rows(place, self.name, rows, parts * units)
        kept = drawn[:, part * units : (part + 1) * units] >= self.rate
        scale = tf.cast(1 / (1 - self.rate), inputs.dtype)
        return tf.where(kept, inputs * scale, tf.zeros_like(inputs))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "share": self.share}


def _checked_share(share: Any) -> tuple[int, int]:
    found = entries(share) or ()
    wholes = [each for each in map(as_whole, found) if each is not None]
    fits = len(found) == len(wholes) == 2 and 0 <= wholes[0] < wholes[1]
    if not fits or wholes[1] > LARGEST_OF_OPS:
        raise ValueError(
            "share must be (i, n), whole numbers with 0 <= i < n < 2**31. "
            f"Received: share={shown(share)}"
        )
    return wholes[0], wholes[1]
