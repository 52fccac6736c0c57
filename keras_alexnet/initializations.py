"""Initial values of weights and biases, by the layers' names."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras

from keras_alexnet.reasons import near

# conv6 is not the paper's; layers-146-*.cfg of the source start its biases at 1 too.
_CONSTANT_ONE = ("conv2", "conv4", "conv5", "conv6", "fc6", "fc7")


@dataclasses.dataclass(frozen=True)
class Initialization:
    """Normal weights of mean 0 and constant biases.

    Args:
        stddev: Standard deviation of a layer's weights; `None` for He's, the square
            root of 2 over the number of values that a unit reads.
        stddevs: Standard deviations of the layers that have another one.
        bias: Constant of the biases that the paper starts at 1: those of the
            second, fourth and fifth convolution and of fc6 and fc7. The others
            start at 0.
    """

    stddev: float | None
    stddevs: dict[str, float]
    bias: float

    def of(self, layer: str) -> dict[str, Any]:
        """The initialisers of a layer, as keyword arguments of a Keras layer."""
        stddev = self.stddevs.get(layer, self.stddev)
        bias = self.bias if layer in _CONSTANT_ONE else 0.0
        return {
            "kernel_initializer": (
                keras.initializers.HeNormal()
                if stddev is None
                else keras.initializers.RandomNormal(stddev=stddev)
            ),
            "bias_initializer": keras.initializers.Constant(bias),
        }


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
    "he": Initialization(None, {"fc6": 0.005, "fc7": 0.005, "fc8": 0.01}, bias=0.0),
}
DEFAULT = "default"


def get(initialization: str, default: str) -> Initialization:
    """Returns the initialisation of this name; `"default"` means that of `default`.

    Raises:
        ValueError: If there is none of this name.
    """
    if initialization not in names():
        raise ValueError(
            f"initialization must be one of {names()}{near(initialization, names())}. "
            f"Received: initialization={initialization!r}"
        )
    name = default if initialization == DEFAULT else initialization
    return _INITIALIZATIONS[name]


def names() -> tuple[str, ...]:
    """The names of all initialisations; `"default"` is the variant's own."""
    return (DEFAULT, *_INITIALIZATIONS)
