"""Starting values of weights and biases, by the layers' names."""

from __future__ import annotations

import dataclasses

_CONSTANT_ONE = ("conv2", "conv4", "conv5", "fc6", "fc7")


@dataclasses.dataclass(frozen=True)
class Initialization:
    """Normal weights of mean 0 and constant biases.

    Args:
        stddev: Standard deviation of a layer's weights.
        stddevs: Layers that have another one.
        bias: Constant of the biases that the paper starts at 1: those of the
            second, fourth and fifth convolution and of fc6 and fc7. The others
            start at 0.
    """

    stddev: float
    stddevs: dict[str, float]
    bias: float

    def of(self, layer: str) -> tuple[float, float]:
        """Standard deviation of the weights, and bias, of the layer named."""
        bias = self.bias if layer in _CONSTANT_ONE else 0.0
        return self.stddevs.get(layer, self.stddev), bias


_INITIALIZATIONS = {
    # The text, section 5. With these the network stays at chance for long.
    "paper": Initialization(0.01, {}, bias=1.0),
    # layers-145.cfg of the released source: 0.03 in the last three convolutions.
    "source": Initialization(
        0.01, {"conv3": 0.03, "conv4": 0.03, "conv5": 0.03}, bias=1.0
    ),
    # BVLC AlexNet's train_val.prototxt: "a bias of 1 gave a flat loss" (readme).
    "caffe": Initialization(0.01, {"fc6": 0.005, "fc7": 0.005}, bias=0.1),
}
# What a person gets without asking must learn, and Caffe's starts do so soonest.
_INITIALIZATIONS["default"] = _INITIALIZATIONS["caffe"]


def get(initialization: str) -> Initialization:
    """Returns the record named; ValueError lists the names if there is none."""
    if initialization not in _INITIALIZATIONS:
        raise ValueError(
            f"initialization must be one of {tuple(_INITIALIZATIONS)}. "
            f"Received: initialization={initialization!r}"
        )
    return _INITIALIZATIONS[initialization]


def names() -> tuple[str, ...]:
    """The initialisations that there are."""
    return tuple(_INITIALIZATIONS)
