"""The layer of the seam between two convolutions (paper, section 3.5)."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import tensorflow as tf

from keras_alexnet.ops import LRN, cross_connect
from keras_alexnet.ops.dispatch import check_kernels
from keras_alexnet.ops.seam_arguments import IntOrPair, Seam, tower_sizes
from keras_alexnet.whole_numbers import entries, whole_number


@keras.saving.register_keras_serializable(package="keras_alexnet")
class CrossConnection(keras.layers.Layer):
    """Joins the towers' maps after ReLU, normalisation and pooling within each.

    `y = concat_t pool(norm(relu(maps_t)))` over the towers t, each stage optional, in
    one pass over the maps where the native kernel runs. With every stage off it is the
    bare exchange: concatenation forward, split backward.

    Args:
        towers: Number of towers of a packed input; `None` for a list of inputs.
        activation: `"relu"` or `None`.
        activation_first: Whether the ReLU comes before the normalisation.
        norm: An `LRN`, or `None` for no normalisation.
        pool_size: Side or sides of the pooled window, or `None` for no pooling.
        pool_strides: Step or steps of the window; `pool_size` by default.
        kernels: `"auto"`, `"native"` or `"composite"`.
        **kwargs: `name`, `dtype` and the other arguments of `keras.layers.Layer`.

    Input shape:
        `(batch, height, width, channels)`, or a list of these, one for each tower.

    Output shape:
        `(batch, new height, new width, all towers' channels)`.

    Returns:
        The joined maps, in the layer's compute type.

    Raises:
        ValueError: If an argument is out of range or the inputs do not fit.

    Example:

    >>> layer = CrossConnection(towers=2, pool_size=3, pool_strides=2)
    >>> tuple(layer(tf.ones([1, 27, 27, 256])).shape)
    (1, 13, 13, 256)

    Reference:
        - Krizhevsky et al. 2012, sections 3.2 to 3.5.
    """

    def __init__(
        self,
        towers: int | None = None,
        activation: str | None = "relu",
        activation_first: bool = True,
        norm: LRN | None = LRN(),  # noqa: B008 (frozen)
        pool_size: IntOrPair | None = None,
        pool_strides: IntOrPair | None = None,
        kernels: str = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if towers is not None:
            towers = whole_number("towers", towers)
        self._seam = Seam.of(
            activation, activation_first, norm, pool_size, pool_strides
        )
        self.towers = towers
        self.kernels = check_kernels(kernels)

    @property
    def lrn(self) -> LRN | None:
        """The constants of the normalisation, or None."""
        return self._seam.norm

    @property
    def pools(self) -> bool:
        """Whether the maps are pooled."""
        return self._seam.pool_size is not None

    @property
    def rectifies_first(self) -> bool:
        """Whether the ReLU is the first of the stages."""
        seam = self._seam
        return seam.activation and (seam.activation_first or seam.norm is None)

    def call(self, inputs: Any) -> tf.Tensor:
        return cross_connect(
            inputs, towers=self.towers, kernels=self.kernels, **self._stages()
        )

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        first = (entries(input_shape) or (None,))[0]
        several = not isinstance(first, (int, type(None)))
        shapes = input_shape if several else [input_shape]
        maps = [tf.TensorSpec(tuple(shape), tf.float32) for shape in shapes]
        sizes = tower_sizes(maps, None if several else self.towers)
        return tuple(self._seam.output_shape(maps, sizes))

    def get_config(self) -> dict[str, Any]:
        stages = self._stages()
        if stages["norm"] is not None:
            stages["norm"] = dataclasses.asdict(stages["norm"])
        own = {"towers": self.towers, "kernels": self.kernels}
        return {**super().get_config(), **stages, **own}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> CrossConnection:
        norm = config["norm"]
        return cls(**{**config, "norm": None if norm is None else LRN(**norm)})

    def _stages(self) -> dict[str, Any]:
        return {
            "activation": "relu" if self._seam.activation else None,
            "activation_first": self._seam.activation_first,
            "norm": self._seam.norm,
            "pool_size": self._seam.pool_size,
            "pool_strides": self._seam.pool_strides,
        }
