"""Whether weights look like those of a trained network."""

from __future__ import annotations

import math

import numpy as np

from keras_alexnet.reasons import warn_caller
from keras_alexnet.weights.names import Named

# Standard errors: independent draws pass for trained once in 30,000 times.
_STANDARD_ERRORS = 4.0
_FLOATS = ("float16", "bfloat16", "float32", "float64")


def warn_if_untrained(weights: Named, origin: str, ours: bool = False) -> None:
    """Warns if weights look like initial values, not like a trained network's.

    Files of random values have been published as trained networks more than once,
    and load without any error. Training removes each of these three signs:

    - Neighbours in the kernels of conv1 are unrelated. A trained AlexNet's filters
      are smooth edges and blobs (paper, figure 3). Independent draws of any
      distribution have the correlation 0 between n pairs of neighbours, with the
      standard error 1 / √n, 0.004 in an AlexNet; up to 4 standard errors count as 0.
    - All values of a kernel are the same.
    - Each layer's biases are all the same: any step of training moves them apart.

    Args:
        weights: `{layer: {"kernel": …, "bias": …}}`, conv1's kernel as (height,
            width, in, out).
        origin: Where they come from, for messages.
        ours: Whether this package wrote them. Then the two other signs are exact, for
            it begins with biases of one value, and noise in conv1 is no sign: of few
            pictures it learns little.

    Example:

    >>> flat = {"conv1": {"kernel": np.ones([11, 11, 3, 4]), "bias": np.zeros(4)}}
    >>> warn_if_untrained(flat, "flat.h5")  # doctest: +SKIP
    UserWarning: weights 'flat.h5' look untrained: all values of conv1 are the same …

    Reference:
        - Krizhevsky et al. 2012, figure 3.
    """
    weights = _numeric(weights)
    sign = _constant_kernel(weights) or _constant_biases(weights)
    if not ours:
        sign = sign or _noise(weights)
    if sign:
        warn_caller(
            f"weights {origin!r} look untrained: {sign}. "
            "Train them, or check that they are those that you meant"
        )


def neighbour_correlation(kernel: np.ndarray) -> tuple[float, float]:
    """Correlation of neighbouring values of a convolution's kernels.

    `mean of (w_i − w̄)(w_j − w̄) over the pairs of neighbours, horizontal and
    vertical, divided by the variance`.

    Args:
        kernel: (height, width, in, out), not all values the same.

    Returns:
        The correlation, and its standard error for independent values, `1 / √n` for
        n pairs.

    Example:

    >>> ramp = np.arange(4.0).reshape(2, 2, 1, 1)
    >>> neighbour_correlation(ramp)
    (0.0, 0.5)
    """
    centred = kernel.astype(np.float64) - kernel.mean(dtype=np.float64)
    down = centred[1:] * centred[:-1]
    across = centred[:, 1:] * centred[:, :-1]
    count = down.size + across.size
    correlation = (down.sum() + across.sum()) / count / np.square(centred).mean()
    return float(correlation), 1 / math.sqrt(count)


def _numeric(weights: Named) -> Named:
    """Those that hold floating-point numbers: a file may have layers of other kinds."""
    return {
        layer: {n: v for n, v in values.items() if v.dtype.name in _FLOATS and v.size}
        for layer, values in weights.items()
    }


def _constant_kernel(weights: Named) -> str | None:
    for layer, values in weights.items():
        if "kernel" in values and np.ptp(values["kernel"]) == 0:
            return f"all values of {layer} are the same"
    return None


def _constant_biases(weights: Named) -> str | None:
    biases = [values["bias"] for values in weights.values() if "bias" in values]
    varied = any(np.ptp(bias) > 0 for bias in biases)
    return None if varied or not biases else "the biases of each layer are all the same"


def _noise(weights: Named) -> str | None:
    kernel = weights.get("conv1", {}).get("kernel")
    if kernel is None or kernel.ndim != 4 or max(kernel.shape[:2]) < 2:
        return None
    correlation, error = neighbour_correlation(kernel)
    if correlation > _STANDARD_ERRORS * error:
        return None
    return (
        f"neighbouring values of conv1 are unrelated (correlation {correlation:.3f}, "
        f"within {_STANDARD_ERRORS:.0f} standard errors of 0)"
    )
