"""Initial values of weights and biases, by the layers' names."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from keras_alexnet.reasons import must_be, near
from keras_alexnet.whole_numbers import number

# conv6 is not the paper's; layers-146-*.cfg of the source start its biases at 1 too.
_CONSTANT_ONE = ("conv2", "conv4", "conv5", "conv6", "fc6", "fc7")


class Fans(NamedTuple):
    """The connections of a layer's units.

    Args:
        read: How many values a unit reads.
        fed: How many units read a value; of a convolution, as if its kernels were
            applied at every position, and there were no border.
    """

    read: int
    fed: int


def _he(fans: Fans, seed: int | None) -> Any:
    """Normal, with the square root of 2 over the values that a unit reads."""
    return keras.initializers.HeNormal(seed)


def _glorot(fans: Fans, seed: int | None) -> Any:
    """Uniform, up to the square root of 6 over the sum of both fans (formula 16).

    Keras and PyTorch take all kernels for those that read a value; of a convolution in
    groups only those of its group do.
    """
    limit = math.sqrt(6 / (fans.read + fans.fed))
    return keras.initializers.RandomUniform(-limit, limit, seed)


@dataclasses.dataclass(frozen=True)
class Initialization:
    """Normal weights of mean 0, or weights by a layer's fans, and constant biases.

    Args:
        weights: Standard deviation of a layer's weights, or how they are drawn by its
            fans.
        stddevs: Standard deviations of the layers that have one of their own.
        bias: Constant of the biases that the paper starts at 1: those of the
            second, fourth and fifth convolution and of fc6 and fc7. The others
            start at 0.
        seed: With it the weights of a layer are a function of the seed, its name and
            its shape, whatever other layers there are; without, they are random.
    """

    weights: float | Callable[[Fans, int | None], Any]
    stddevs: dict[str, float]
    bias: float
    seed: int | None = None

    def of(self, layer: str, fans: Fans) -> dict[str, Any]:
        """The initialisers of a layer, as keyword arguments of a Keras layer."""
        weights = self.stddevs.get(layer, self.weights)
        bias = self.bias if layer in _CONSTANT_ONE else 0.0
        seed = self._seed_of(layer)
        return {
            "kernel_initializer": (
                weights(fans, seed)
                if callable(weights)
                else keras.initializers.RandomNormal(stddev=weights, seed=seed)
            ),
            "bias_initializer": keras.initializers.Constant(bias),
        }

    def _seed_of(self, layer: str) -> int | None:
        if self.seed is None:
            return None
        digest = hashlib.sha256(f"{self.seed} {layer}".encode()).digest()
        return int.from_bytes(digest[:4], "big") >> 1  # Keras 2.15 takes 31 bits


_SOURCE_STDDEVS = dict.fromkeys(("conv3", "conv4", "conv5", "conv6"), 0.03)
_INITIALIZATIONS = {
    # The text, section 5. With these the network stays at chance for long.
    "paper": Initialization(0.01, {}, bias=1.0),
    # layers-145.cfg of the released source: 0.03 in the last three convolutions.
    "source": Initialization(0.01, _SOURCE_STDDEVS, bias=1.0),
    # BVLC AlexNet's train_val.prototxt: "a bias of 1 gave a flat loss" (readme).
    "caffe": Initialization(0.01, {"fc6": 0.005, "fc7": 0.005}, bias=0.1),
    # He et al. 2015, section 2.2, in the convolutions: for pictures of unit variance,
    # since on 0-255 the first steps overflow. Caffe's in the dense layers, whose
    # thousands of inputs make the first steps too long with He's: with He's, `owt` was
    # at chance after 75 steps of 64 photos at rate 0.01; with Caffe's it learned.
    "he": Initialization(_he, {"fc6": 0.005, "fc7": 0.005, "fc8": 0.01}, bias=0.0),
    # Glorot and Bengio 2010, section 4.2.1, for tanh and pictures of unit variance.
    "glorot": Initialization(_glorot, {}, bias=0.0),
    # layers-19pct.cfg of cuda-convnet, for networks of CIFAR-10: initW of conv1 is
    # 0.0001, since its inputs are of 0-255.
    "cuda_convnet": Initialization(0.01, {"conv1": 0.0001}, bias=0.0),
}
DEFAULT = "default"


def get(
    initialization: str,
    default: str,
    bias: float | None = None,
    stddev: float | None = None,
    seed: int | None = None,
) -> Initialization:
    """Returns the initialisation of this name; `"default"` means that of `default`.

    Args:
        initialization: One of `names()`.
        default: The name of the variant's own.
        bias: Another constant of those biases that the paper starts at 1.
        stddev: One standard deviation of all weights, above 0, in place of its own.
        seed: Makes the weights of each layer a function of it; they are random
            without.

    Raises:
        ValueError: If there is none of this name, or a number is out of range.

    Example:

    >>> get("default", "caffe", stddev=0.02).weights
    0.02
    """
    if initialization not in names():
        raise ValueError(
            f"initialization must be one of {names()}{near(initialization, names())}. "
            f"Received: initialization={initialization!r}"
        )
    name = default if initialization == DEFAULT else initialization
    found = _INITIALIZATIONS[name]
    if bias is not None:
        found = dataclasses.replace(found, bias=number("initial_bias", bias))
    if stddev is not None:
        weights = number("initial_stddev", stddev)
        if weights <= 0:
            raise must_be("initial_stddev", "above 0", stddev)
        found = dataclasses.replace(found, weights=weights, stddevs={})
    return dataclasses.replace(found, seed=seed)


def names() -> tuple[str, ...]:
    """The names of all initialisations; `"default"` is the variant's own."""
    return (DEFAULT, *_INITIALIZATIONS)
