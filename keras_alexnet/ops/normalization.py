"""Local response normalisation (paper, section 3.3)."""

from __future__ import annotations

import contextlib
import contextvars
import functools
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from keras_alexnet.normalizations import LRN
from keras_alexnet.ops.own_gradient import Function, has_tangents, with_gradient
from keras_alexnet.ops.swapping import gradient_of

Towers = tuple[int, ...]

_in_one_op = contextvars.ContextVar("in_one_op", default=False)


@contextlib.contextmanager
def in_one_op() -> Iterator[None]:
    """Within it, normalisation is traced as on a GPU: TensorFlow's own op if it can be.

    For converters that treat that op as a whole.
    """
    token = _in_one_op.set(True)
    try:
        yield
    finally:
        _in_one_op.reset(token)


def normalize(x: tf.Tensor, lrn: LRN, towers: Towers, on_gpu: bool) -> tf.Tensor:
    """Local response normalisation in stock TensorFlow ops.

    On a GPU it is TensorFlow's own op within the limits of cuDNN, and beyond them a sum
    of shifted squares. Elsewhere the sum over a window is a matrix product with a band
    of ones: fast on a CPU, but a GPU may round the factors of a product to the 11 bits
    of TF32. All forms are differentiable any number of times.

    In the product NaN times 0 is NaN, so a NaN or infinity reaches all maps of its
    pixel; in the other forms, and in the native kernel, only the windows that hold it.

    Args:
        x: `[…, channels]`, floating point.
        lrn: The constants.
        towers: Channels of each tower; no window reaches into another.
        on_gpu: Whether it will run on a GPU.

    Returns:
        A tensor of the shape and type of `x`, computed in float32 or float64.
    """
    dtype = tf.float64 if x.dtype == tf.float64 else tf.float32
    in_one = _in_one_op.get()
    if not on_gpu and not in_one:
        form = by_band(lrn, towers)
    elif within_cudnn(lrn, towers, dtype) and x.shape.rank == 4:
        form = (one_op if in_one else by_stock_op)(lrn, towers)
    else:
        form = by_shifts(lrn, towers)
    return tf.cast(form(tf.cast(x, dtype)), x.dtype)


def within_cudnn(lrn: LRN, towers: Towers, dtype: tf.DType) -> bool:
    """Whether TensorFlow's own op computes this on a GPU.

    Its GPU kernel is for float32 alone and has a radius for a size (`lrn_op.cc`);
    `cudnn.h` has `CUDNN_LRN_MAX_N` 16, `CUDNN_LRN_MIN_K` 1e-5 and
    `CUDNN_LRN_MIN_BETA` 0.01.
    """
    sizes = lrn.size % 2 == 1 and 3 <= lrn.size <= 15 and len(set(towers)) == 1
    return dtype == tf.float32 and sizes and lrn.beta >= 0.01 and lrn.k >= 1e-5


def _constants(lrn: LRN) -> dict[str, float]:
    """As TensorFlow's own op takes them."""
    return {
        "depth_radius": lrn.size // 2,
        "bias": lrn.k,
        "alpha": lrn.scale,
        "beta": lrn.beta,
    }


def one_op(lrn: LRN, towers: Towers) -> Function:
    """`tf.nn.local_response_normalization`, each tower as a position of its own."""

    def forward(x: tf.Tensor) -> tf.Tensor:
        y = tf.raw_ops.LRN(input=_apart(x, len(towers)), **_constants(lrn))
        return tf.reshape(y, _shape(x))

    return forward


@functools.cache
def by_stock_op(lrn: LRN, towers: Towers) -> Function:
    """`one_op`, differentiable any number of times."""
    constants, forward = _constants(lrn), one_op(lrn, towers)
    count = len(towers)
    formula = by_shifts(lrn, towers)

    def formula_gradient(x: tf.Tensor, u: tf.Tensor) -> Sequence[tf.Tensor]:
        return gradient_of(f"keras_alexnet {lrn} {towers}", formula)([x], [u])

    def backward(x: tf.Tensor, y: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        found = tf.raw_ops.LRNGrad(
            input_grads=_apart(u, count),
            input_image=_apart(x, count),
            output_image=_apart(y, count),
            **constants,
        )
        return tf.reshape(found, _shape(x))

    def of_backward(
        inputs: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor]
    ) -> list[tf.Tensor | None]:
        # TensorFlow has no gradient of LRNGrad.
        x, _, u = inputs
        name = f"keras_alexnet {lrn} {towers} gradient"
        of_x, of_u = gradient_of(name, formula_gradient)([x, u], upstream)
        return [of_x, None, of_u]

    differentiable_backward = with_gradient(backward, of_backward)

    def gradient(
        inputs: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor]
    ) -> list[tf.Tensor | None]:
        x, y = inputs
        return [differentiable_backward(x, y, *upstream), None]

    # The output is an input here, so that the gradient need not compute it again.
    attached = with_gradient(lambda x, y: tf.identity(y), gradient)

    def call(x: tf.Tensor) -> tf.Tensor:
        if has_tangents([x]):
            return formula(x)
        return attached(x, tf.stop_gradient(forward(tf.stop_gradient(x))))

    return call


def _apart(x: tf.Tensor, towers: int) -> tf.Tensor:
    """`[B, H, W, C]` as `[B, H, W · towers, C / towers]`, which moves nothing."""
    batch, height, width, channels = _shape(x)
    width = width if isinstance(width, int) and width < 0 else width * towers
    return tf.reshape(x, [batch, height, width, channels // towers])


def _shape(x: tf.Tensor) -> list[int | tf.Tensor]:
    """For a reshape: numbers, with -1 for one that is not known, or tensors."""
    known = x.shape.as_list()
    if known.count(None) <= 1:
        return [-1 if side is None else side for side in known]
    sides = tf.unstack(tf.shape(x))
    return [
        side if given is None else given
        for side, given in zip(sides, known, strict=True)
    ]


def by_band(lrn: LRN, towers: Towers) -> Function:
    """The formula, with sums over windows as products with a band of ones."""
    return _composite(lrn, towers, _through_band)


def by_shifts(lrn: LRN, towers: Towers) -> Function:
    """The formula, with sums over windows as sums of shifted maps."""
    return _composite(lrn, towers, _shifted)


@functools.cache
def _composite(lrn: LRN, towers: Towers, windows: Function) -> Function:
    def forward(x: tf.Tensor) -> tf.Tensor:
        return x * energy_and_power(x)[1]

    def gradient(
        inputs: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor]
    ) -> list[tf.Tensor]:
        # dx_g = u_g d_g^-b - 2 a b x_g sum_f band[g, f] u_f x_f d_f^(-b-1)
        (x,), (u,) = inputs, upstream
        energy, power = energy_and_power(x)
        pull = windows(u * x * power / energy, lrn.size, towers, back=True)
        return [u * power - (2.0 * lrn.scale * lrn.beta) * x * pull]

    def energy_and_power(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        sums = windows(tf.square(x), lrn.size, towers, back=False)
        energy = lrn.k + lrn.scale * sums
        if lrn.beta == 0.75:  # two square roots are far cheaper than a general power
            root = tf.math.rsqrt(energy)
            return energy, root * tf.sqrt(root)
        return energy, tf.pow(energy, -lrn.beta)

    return with_gradient(forward, gradient)


def _shifted(values: tf.Tensor, size: int, towers: Towers, back: bool) -> tf.Tensor:
    if len(set(towers)) > 1:
        parts = zip(tf.split(values, towers, axis=-1), towers, strict=True)
        sums = [_shifted(part, size, (width,), back) for part, width in parts]
        return tf.concat(sums, axis=-1)
    width = towers[0]
    before, after = (min(side, width - 1) for side in _reach(size, back))
    apart = tf.reshape(values, [-1, len(towers), width])
    padded = tf.pad(apart, [[0, 0], [0, 0], [before, after]])
    shifts = range(before + after + 1)
    summed = tf.add_n([padded[..., shift : shift + width] for shift in shifts])
    return _as(values, summed)


def _through_band(
    values: tf.Tensor, size: int, towers: Towers, back: bool
) -> tf.Tensor:
    if len(set(towers)) == 1:  # the band of one tower serves all
        towers = towers[:1]
    band = _band(size, towers)
    matrix = tf.constant(band.T if back else band, values.dtype)
    return _as(values, tf.matmul(tf.reshape(values, [-1, len(band)]), matrix))


def _as(values: tf.Tensor, flat: tf.Tensor) -> tf.Tensor:
    shaped = tf.reshape(flat, tf.shape(values))
    shaped.set_shape(values.shape)  # ensure_shape has no forward-mode derivative
    return shaped


def _reach(size: int, back: bool = False) -> tuple[int, int]:
    """How many maps before and after its own a window covers; `back`, is covered by."""
    before, after = size // 2, size - 1 - size // 2
    return (after, before) if back else (before, after)


@functools.cache
def _band(size: int, towers: Towers) -> np.ndarray:
    """`band[g, f]` is 1 where map g is in the window and in the tower of map f."""
    tower: np.ndarray = np.repeat(np.arange(len(towers)), towers)
    g, f = np.ogrid[: len(tower), : len(tower)]
    before, after = _reach(size)
    inside = (g >= f - before) & (g <= f + after)
    return (inside & (tower[:, None] == tower)).astype(np.float32)
