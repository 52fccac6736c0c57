"""The constants of local response normalisation (paper, section 3.3).

They are apart from the ops that compute it, so that an architecture can be read without
importing TensorFlow.
"""

from __future__ import annotations

import dataclasses

from keras_alexnet.reasons import must_be
from keras_alexnet.whole_numbers import is_whole, number, whole_number

ALPHA_MODES = ("sum", "mean")


@dataclasses.dataclass(frozen=True)
class LRN:
    """The constants of local response normalisation; the defaults are the paper's.

    Args:
        size: Number of neighbouring maps in a sum, at least 1. An even `size` n
            covers f - n/2 … f + n/2 - 1, as in the 2012 source.
        k: Additive constant.
        alpha: Factor of the sum of squares.
        beta: Exponent.
        alpha_mode: `"sum"` multiplies the sum of squares by `alpha` (the paper's
            text, `tf.nn`); `"mean"` by `alpha / size` (the source, Caffe, PyTorch).

    Raises:
        ValueError: If `size` is not a whole number above 0, a constant is not
            finite, or `alpha_mode` is unknown.

    Example:

    >>> LRN(alpha_mode="mean").scale
    2e-05

    Reference:
        - Krizhevsky et al. 2012, section 3.3; `layer.py`, `NormLayerParser`, of
          the released source divides its scale by the size.
    """

    size: int = 5
    k: float = 2.0
    alpha: float = 1e-4
    beta: float = 0.75
    alpha_mode: str = "sum"

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", whole_number("size", self.size))
        for name in ("k", "alpha", "beta"):
            object.__setattr__(self, name, number(name, getattr(self, name)))
        if self.alpha_mode not in ALPHA_MODES:
            raise must_be("alpha_mode", f"one of {ALPHA_MODES}", self.alpha_mode)

    @property
    def scale(self) -> float:
        """The factor of the plain sum of squares."""
        return self.alpha / self.size if self.alpha_mode == "mean" else self.alpha


@dataclasses.dataclass(frozen=True)
class WithinChannelLRN:
    """The constants of normalisation within a map; the defaults are the 2012 source's.

    Args:
        size: Side of the window, odd.
        k: Additive constant.
        alpha: Factor of the mean of the squares over the window's `size²` positions.
        beta: Exponent.

    Raises:
        ValueError: If `size` is not an odd whole number, or a constant is not finite.

    Example:

    >>> WithinChannelLRN().scale
    4e-05

    Reference:
        - `cnorm2` of `layers-145.cfg` in the released source, which the paper does
          not describe; `WITHIN_CHANNEL` of Caffe's `norm_region`.
    """

    size: int = 5
    k: float = 1.0
    alpha: float = 1e-3
    beta: float = 0.75

    def __post_init__(self) -> None:
        if not is_whole(self.size) or self.size % 2 == 0:
            raise must_be("size", "an odd whole number below 2**31", self.size)
        object.__setattr__(self, "size", int(self.size))
        for name in ("k", "alpha", "beta"):
            object.__setattr__(self, name, number(name, getattr(self, name)))

    @property
    def scale(self) -> float:
        """The factor of the plain sum of squares."""
        return self.alpha / self.size**2
