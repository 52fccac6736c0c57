"""Learning rates of single layers, and when they change."""

from __future__ import annotations

import math


class LayerRates:
    """Factors of single layers' learning rates.

    So that the source's end game can be had: `conv1` slows down after epoch 67 and
    stands still after 72 (`layer-params-145.cfg`), and its fine-tuning from the
    full ImageNet, where `fc8` is fresh.

    Args:
        text: `"fc8=10,conv1=0.1@67,conv1=0@72"`: a layer, its factor, and after how
            many epochs it holds, 0 if not given.

    Raises:
        ValueError: If the text is nothing of the kind.

    Example:

    >>> rates = LayerRates("conv1=0.1@67,conv1=0@72")
    >>> [rates.factor("conv1", epoch) for epoch in (0, 67, 72)]
    [1.0, 0.1, 0.0]
    """

    def __init__(self, text: str) -> None:
        self._changes = [_change(part, text) for part in text.split(",") if text]

    @property
    def layers(self) -> frozenset[str]:
        """The layers that are named."""
        return frozenset(layer for layer, _, _ in self._changes)

    def factor(self, layer: str, epoch: int) -> float:
        """The factor of a layer after so many epochs: the latest that holds."""
        held = [(e, factor) for name, factor, e in self._changes if name == layer]
        held = [change for change in held if change[0] <= epoch]
        return max(held, key=lambda change: change[0])[1] if held else 1.0


def _change(part: str, text: str) -> tuple[str, float, int]:
    layer, _, value = part.strip().partition("=")
    factor, _, epoch = value.partition("@")
    try:
        change = layer, float(factor), int(epoch or 0)
        if layer and 0 <= change[1] < math.inf and change[2] >= 0:
            return change
    except ValueError:
        pass
    raise ValueError(
        "layer_rates must be LAYER=FACTOR or LAYER=FACTOR@EPOCH, with commas between, "
        f"as in conv1=0.1@67,conv1=0@72. Received: layer_rates={text!r}"
    )
