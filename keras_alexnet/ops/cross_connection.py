"""The seam between two convolutions of the two-tower network, as one op."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_alexnet.normalizations import LRN
from keras_alexnet.ops import native
from keras_alexnet.ops.dispatch import (
    check_kernels,
    native_in_graphs,
    on_gpu,
    use_native,
)
from keras_alexnet.ops.normalization import normalize
from keras_alexnet.ops.own_gradient import has_tangents, with_gradient
from keras_alexnet.ops.seam_arguments import IntOrPair, Seam, tower_sizes
from keras_alexnet.ops.swapping import Function, gradient_of, swapped


def cross_connect(
    maps: Any,
    *,
    towers: int | None = None,
    activation: str | None = "relu",
    activation_first: bool = True,
    norm: LRN | None = LRN(),  # noqa: B008 (frozen)
    pool_size: IntOrPair | None = None,
    pool_strides: IntOrPair | None = None,
    kernels: str = "auto",
) -> tf.Tensor:
    """Joins the towers' maps after ReLU, normalisation and pooling within each.

    `y = concat_t pool(norm(relu(maps_t)))` over the towers t, each stage optional,
    with `norm(x)[f] = x[f] · (k + a · Σ_g x[g]²)^(−beta)`, g over the window of f
    within its own tower (see `LRN`), and max pooling without padding. With every stage
    off, only the exchange is left: concatenation forward, split backward.

    The two GPUs of the paper do this between two layers, before a layer that reads the
    maps of both. The native kernel needs one pass over the maps, and one more for the
    gradient, for which it keeps only the maps. Sums and powers are computed in float32
    (float64 for float64).

    Args:
        maps: A list of tensors `[B, H, W, C_t]`, one for each tower, or one packed
            tensor `[B, H, W, C]` of `towers` equal towers.
        towers: Number of towers of a packed tensor; 1 by default. With a list it is
            the length of the list, and need not be given.
        activation: `"relu"` or `None`.
        activation_first: Whether the ReLU comes before the normalisation (the
            paper's text) or after it (layer 1 of the released source).
        norm: The constants of the normalisation, or `None` for none.
        pool_size: Side or sides of the pooled window, or `None` for no pooling.
        pool_strides: Stride or strides of the window; `pool_size` by default.
        kernels: `"auto"`, `"native"` or `"composite"`.

    Returns:
        `[B, H', W', Σ C_t]`, in the type of the maps.

    Raises:
        ValueError: If an argument is out of range or the maps do not fit; the message
            names the argument and the value received.

    Example:

    >>> left, right = tf.ones([2, 27, 27, 128]), tf.ones([2, 27, 27, 128])
    >>> tuple(cross_connect([left, right], pool_size=3, pool_strides=2).shape)
    (2, 13, 13, 256)

    Reference:
        - Krizhevsky et al. 2012, sections 3.2 to 3.5.
    """
    check_kernels(kernels)
    seam = Seam.of(activation, activation_first, norm, pool_size, pool_strides)
    packed = not isinstance(maps, (list, tuple))
    tensors = [tf.convert_to_tensor(each) for each in ([maps] if packed else maps)]
    sizes = tower_sizes(tensors, towers if packed else None)
    if not packed and towers not in (None, len(sizes)):
        raise ValueError(
            "towers must be None or the number of maps in the list. Received: "
            f"towers={towers}, {len(sizes)} maps"
        )
    return run_seam(tensors, sizes, seam, kernels)


def run_seam(
    maps: list[tf.Tensor], towers: tuple[int, ...], seam: Seam, kernels: str
) -> tf.Tensor:
    """Runs the stages of a seam on checked maps, natively or in stock ops."""
    shape = seam.output_shape(maps, towers)
    natively = use_native(kernels, maps)
    if _is_empty(shape):
        return _empty(maps, shape)
    stock = functools.partial(_composite, towers=towers, seam=seam, on_gpu=on_gpu())
    if natively:
        y = _native(stock, towers, seam, shape, native_in_graphs(kernels))(*maps)
    else:
        y = stock(*maps)
    y.set_shape(shape)
    return y


def _native(
    stock: Function,
    towers: tuple[int, ...],
    seam: Seam,
    shape: Sequence[int | None],
    in_graphs: bool,
) -> Function:
    """The seam by the native kernels; graphs hold `stock` unless `in_graphs`."""
    attributes = {"towers": len(towers), **seam.attributes()}
    interface = f"keras_alexnet {towers} {seam}"

    def stock_gradient(*maps_and_upstream: tf.Tensor) -> Sequence[tf.Tensor]:
        *maps, upstream = maps_and_upstream
        return gradient_of(interface, stock)(maps, [upstream])

    backward = swapped(
        f"{interface} gradient",
        stock_gradient,
        functools.partial(native.cross_connect_gradient, **attributes),
        in_graphs=in_graphs,
    )
    return swapped(
        interface,
        stock,
        functools.partial(native.cross_connect, shape=shape, **attributes),
        gradient=lambda maps, upstream: backward(*maps, *upstream),
        in_graphs=in_graphs,
    )


def _is_empty(shape: Sequence[int | None]) -> bool:
    return None not in shape and 0 in shape


def _empty(maps: Sequence[tf.Tensor], shape: Sequence[int | None]) -> tf.Tensor:
    """Empty joined maps of empty maps, which takes no time whatever the other sides.

    Stock ops hold a side in 32 bits: they cut a longer one, or end the process.
    """

    def reshaped(x: tf.Tensor, sides: Sequence[int | None]) -> tf.Tensor:
        return tf.reshape(x, tf.constant(list(sides), tf.int64))

    def gradient(
        inputs: Sequence[tf.Tensor], upstream: Sequence[tf.Tensor]
    ) -> list[tf.Tensor]:
        return [reshaped(upstream[0], x.shape) for x in inputs]

    if has_tangents(maps):
        return reshaped(maps[0], shape)
    return with_gradient(lambda *each: reshaped(each[0], shape), gradient)(*maps)


def _composite(
    *maps: tf.Tensor, towers: tuple[int, ...], seam: Seam, on_gpu: bool
) -> tf.Tensor:
    x = tf.concat(maps, axis=-1) if len(maps) > 1 else maps[0]
    if seam.activation and seam.activation_first:
        x = tf.nn.relu(x)
    if seam.norm is not None:
        x = normalize(x, seam.norm, towers, on_gpu)
    if seam.activation and not seam.activation_first:
        x = tf.nn.relu(x)
    if seam.pool_size is not None:
        x = tf.nn.max_pool2d(x, seam.pool_size, seam.pool_strides, "VALID")
    return x


def local_response_normalization(
    x: Any,
    size: int = 5,
    k: float = 2.0,
    alpha: float = 1e-4,
    beta: float = 0.75,
    alpha_mode: str = "sum",
    towers: int = 1,
    kernels: str = "auto",
) -> tf.Tensor:
    """Divides every activity by a power of its neighbours' energy.

    `y[…, f] = x[…, f] · (k + a · Σ_g x[…, g]²)^(−beta)`, where g runs over those of
    the `size` maps around f that are in f's own tower, and a is `alpha`
    (`alpha_mode="sum"`) or `alpha / size` (`"mean"`). At the edge of a tower fewer
    squares are summed; the divisor of `"mean"` stays `size`.

    Sums and powers are computed in float32 (float64 for float64) and only the
    input is kept for the gradient.

    Args:
        x: Floating-point tensor `[…, channels]`; channels must be known statically.
        size: Width of the window, in maps.
        k: Additive constant.
        alpha: Factor of the sum.
        beta: Exponent.
        alpha_mode: `"sum"` or `"mean"`, see `LRN`.
        towers: Number of equal groups of channels; no window reaches into another.
        kernels: `"auto"`, `"native"` or `"composite"`.

    Returns:
        A tensor of the shape and type of `x`.

    Raises:
        ValueError: If `x` is not floating point, has no static number of
            channels, `towers` does not divide it, or a constant is out of range.

    Example:

    >>> x = tf.ones([1, 1, 1, 4])
    >>> local_response_normalization(x, 3, 1.0, 1.0, 1.0).numpy().ravel()
    array([0.33333334, 0.25      , 0.25      , 0.33333334], dtype=float32)

    Reference:
        - Krizhevsky et al. 2012, section 3.3.
    """
    check_kernels(kernels)
    seam = Seam(activation=False, norm=LRN(size, k, alpha, beta, alpha_mode))
    x = tf.convert_to_tensor(x)
    sizes = tower_sizes([x], towers)
    if x.shape.rank == 4:
        return run_seam([x], sizes, seam, kernels)
    if _is_empty(x.shape):
        return _empty([x], x.shape)
    flat = tf.reshape(x, [-1, 1, 1, x.shape[-1]])
    y = tf.reshape(run_seam([flat], sizes, seam, kernels), tf.shape(x))
    y.set_shape(x.shape)
    return y
