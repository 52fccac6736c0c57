"""Colour noise along the principal components of colour (paper, section 4.1)."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from keras_alexnet.preprocessing import IMAGENET_MEAN

FORMS = ("none", "paper", "source")


@dataclasses.dataclass(frozen=True)
class ColourStatistics:
    """Mean and principal components of a training set's colours, 0-255, R, G, B.

    Args:
        mean: Mean colour.
        stddevs: Standard deviations along the components: square roots of the
            eigenvalues of the covariance of pixels.
        vectors: The components, a row each, of length 1.
        origin: Where they come from, for people.
    """

    mean: tuple[float, float, float]
    stddevs: tuple[float, ...]
    vectors: tuple[tuple[float, ...], ...]
    origin: str


# cuda-convnet2, make-data/input_meta (2014), where "stdevs" are square roots of the
# eigenvalues; the 2012 source holds none of its data.
IMAGENET = ColourStatistics(
    mean=IMAGENET_MEAN,
    stddevs=(121.780, 37.094, 19.721),
    vectors=(
        (-0.5635, -0.5762, -0.5920),
        (-0.7126, -0.0235, 0.7012),
        (0.4180, -0.8170, 0.3973),
    ),
    origin="ImageNet's (cuda-convnet2)",
)


@dataclasses.dataclass(frozen=True)
class ColourNoise:
    """Adds to all pixels of a picture one random colour.

    The paper's form adds `Σ_i α_i λ_i p_i` with α_i ~ N(0, strength²), λ_i the
    eigenvalues and p_i the eigenvectors of the covariance of pixels in 0-1, so
    `255 · strength · n_i · (s_i / 255)² · p_i` in 0-255. The released source adds
    `strength · n_i · s_i · p_i`, with s_i the square root of the eigenvalue, and then
    divides the picture by `1 + strength` (`convdata_jpeg.py`): 2 to 17 times as much.

    Args:
        form: `"paper"`, `"source"` or `"none"`.
        strength: 0.1 in the paper and in the source.
        statistics: The training set's components.

    Raises:
        ValueError: If the form is unknown or the strength negative.

    Example:

    >>> noise = ColourNoise("source", 0.1)
    >>> noise(tf.zeros([2, 1, 1, 3]), tf.zeros([2, 3])).shape
    TensorShape([2, 1, 1, 3])
    """

    form: str = "paper"
    strength: float = 0.1
    statistics: ColourStatistics = IMAGENET

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(
                f"colour_noise must be one of {FORMS}. "
                f"Received: colour_noise={self.form!r}"
            )
        if not self.strength >= 0:
            raise ValueError(
                "colour_noise_strength must be 0 or more. "
                f"Received: colour_noise_strength={self.strength}"
            )

    def __call__(self, pictures: Any, draws: Any, fraction: Any = 1.0) -> tf.Tensor:
        """Returns the pictures with their noise.

        Args:
            pictures: `[batch, height, width, 3]`, float32, mean subtracted.
            draws: `[batch, 3]`, a standard normal number for each component.
            fraction: Of the strength, 0 to 1: 0 once the noise has stopped, which also
                removes the source's divisor (`--color-noise=0`).
        """
        if self.form == "none":
            return pictures
        # [batch, 3] @ [3 components, 3 colours]
        colours = fraction * tf.constant(self._colours())
        noisy = pictures + tf.matmul(draws, colours)[:, None, None, :]
        divisor = 1.0 + self.strength * fraction
        return noisy / divisor if self.form == "source" else noisy

    def _colours(self) -> np.ndarray:
        """The colour that a draw of 1 adds along each component, a row each."""
        stddevs = np.array(self.statistics.stddevs)
        sizes = stddevs if self.form == "source" else 255.0 * (stddevs / 255.0) ** 2
        vectors = np.array(self.statistics.vectors)
        return (self.strength * sizes[:, None] * vectors).astype(np.float32)
