"""What this machine could reach: its rates, and by them the least time of each piece.

A piece is a layer's forward pass, or the gradient of its input or of its kernel. Its
least time is the larger of two: its multiply-adds by the rate of the machine's best
product of matrices, and the bytes that it must read and write by the rate of its
memory. The roof of a step is the sum over its pieces. A whole step may be faster than
that where a map stays in the cache between two pieces.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from interleaved import interleaved

from keras_alexnet.layers import StatelessDropout
from keras_alexnet.optimizers import momentum_step
from keras_alexnet.weights.names import tensorflow_variable

PRODUCT = 4096  # the sides of the matrices
MEMORY = 256 * 2**20  # bytes of an array that no cache holds
TYPES = {"float32": tf.float32, "bfloat16": tf.bfloat16}


class Rates(NamedTuple):
    """What the machine reached.

    Args:
        product: Multiply-adds in a second of a product of matrices, by type.
        memory: Bytes in a second, read or written.
    """

    product: dict[str, float]
    memory: float


def rates(repetitions: int) -> Rates:
    """Measures the machine's rates: the best time of each."""
    product = {}
    for name, kind in TYPES.items():
        a = tf.cast(tf.random.stateless_normal([PRODUCT, PRODUCT], [0, 1]), kind)
        multiply = tf.function(functools.partial(tf.matmul, a, a))
        product[name] = PRODUCT**3 / _best(multiply, repetitions)
    array = tf.Variable(tf.zeros([MEMORY // 4]))
    velocity, gradient = tf.Variable(array), tf.Variable(array)
    other = tf.Variable(array)

    def update() -> None:
        momentum_step(array, velocity, gradient, tf.zeros([]), tf.zeros([]))

    def scaled_copy() -> None:
        other.assign(array * 2.0)

    def total() -> tf.Tensor:
        return tf.reduce_sum(array)

    passes = {update: 7, scaled_copy: 2, total: 1}  # arrays read or written
    memory = max(
        count * MEMORY / _best(tf.function(run), repetitions)
        for run, count in passes.items()
    )
    return Rates(product, memory)


def _best(run: Callable[[], object], repetitions: int) -> float:
    """Seconds."""
    return interleaved({"": run}, repetitions)[""].min() / 1e3


class Piece(NamedTuple):
    """A part of a step.

    Args:
        layer: The layer's name.
        way: `"forward"`; or of which the gradient is computed, `"input"`, `"kernel"`.
        work: Multiply-adds.
        bytes: Read and written.
        run: Computes it.
    """

    layer: str
    way: str
    work: int
    bytes: int
    run: Callable[[], object]

    def least(self, found: Rates, kind: str) -> float:
        """Milliseconds."""
        return 1e3 * max(self.work / found.product[kind], self.bytes / found.memory)


def pieces(model: keras.Model, batch: int) -> Iterator[Piece]:
    """The pieces of a model, layer by layer, without those that take no time.

    Args:
        model: Its layers compute in the type of their policy, with new pictures.
        batch: Pictures.
    """
    for layer in model.layers:
        if isinstance(layer, (keras.layers.InputLayer, *_WITHOUT_WORK)):
            continue
        kernel = getattr(layer, "kernel", None)
        kind = tf.as_dtype(layer.compute_dtype)
        x, dy = (
            tf.cast(tf.random.stateless_normal([batch, *each.shape[1:]], [0, 1]), kind)
            for each in (layer.input, layer.output)
        )
        weights = 0 if kernel is None else int(np.prod(kernel.shape))
        positions = int(np.prod(layer.output.shape[1:-1]))
        work = batch * positions * weights
        passed = kind.size * (int(tf.size(x)) + int(tf.size(dy)) + weights)
        for way in ("forward", "input", "kernel"):
            first = way == "input" and layer.name == "conv1"  # nobody asks for it
            if not first and (way != "kernel" or kernel is not None):
                run = _piece(layer, way, x, dy)
                yield Piece(layer.name, way, work, passed, run)


# Nothing, or computed along with the layer before or after.
_WITHOUT_WORK = (
    keras.layers.Flatten,
    StatelessDropout,
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.ZeroPadding2D,
)


def _piece(
    layer: keras.layers.Layer, way: str, x: tf.Tensor, dy: tf.Tensor
) -> Callable[[], object]:
    @tf.function
    def run(x: tf.Tensor, dy: tf.Tensor) -> tf.Tensor:
        if way == "forward":
            return layer(x)
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        of = x if way == "input" else tensorflow_variable(layer.kernel)
        return tape.gradient(y, of, dy)

    return lambda: run(x, dy)


class Share(NamedTuple):
    """A piece as it was measured.

    Args:
        layer: The layer's name.
        way: As of `Piece`.
        milliseconds: The median of all turns.
        least: What it could take, in milliseconds.
    """

    layer: str
    way: str
    milliseconds: float
    least: float


def shares(
    model: keras.Model, batch: int, kind: str, found: Rates, repetitions: int
) -> list[Share]:
    """Times the pieces of a model, in turns."""
    all_pieces = list(pieces(model, batch))
    cases = {f"{each.layer} {each.way}": each.run for each in all_pieces}
    times = interleaved(cases, repetitions)
    return [
        Share(
            each.layer,
            each.way,
            float(np.median(turns)),
            each.least(found, kind),
        )
        for each, turns in zip(all_pieces, times.values(), strict=True)
    ]
