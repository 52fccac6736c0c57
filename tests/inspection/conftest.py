"""Networks that a test of looking into one can afford."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

FILTERS = (8, 12, 16, 16, 12, 8)


@pytest.fixture(scope="session")
def small() -> Callable[..., Any]:
    """Builds a variant of few maps, with He's random weights and some biases."""

    from keras_alexnet import architectures, models

    def build(variant: str = "paper", side: int = 96, **given: object) -> Any:
        record = architectures.get(variant)
        convolutions = [
            dataclasses.replace(convolution, filters=filters)
            for convolution, filters in zip(record.convolutions, FILTERS, strict=False)
        ]
        record = dataclasses.replace(
            record, convolutions=tuple(convolutions), dense=(20, 24)
        )
        arguments = {"classes": 5, **given}
        model = models.build(record, input_shape=(side, side, 3), **arguments)
        rng = np.random.default_rng(0)
        for layer in model.layers:
            if getattr(layer, "kernel", None) is not None:
                kernel, *biases = layer.get_weights()
                scale = np.sqrt(2 / np.prod(kernel.shape[:-1]))
                scale /= 50 if layer.name == "conv1" else 1  # pixels are 0 to 255
                drawn = [rng.normal(0, scale, kernel.shape)]
                # Not all the same, as those of a network that nobody trained are.
                drawn += [rng.normal(0, 0.1, each.shape) for each in biases]
                layer.set_weights(drawn)
        return model

    return build


@pytest.fixture(scope="session")
def photos() -> np.ndarray:
    """Smooth random pictures, uint8 `[10, 96, 96, 3]`."""
    rng = np.random.default_rng(3)
    coarse = rng.uniform(0, 255, (10, 12, 12, 3))
    return coarse.repeat(8, axis=1).repeat(8, axis=2).astype(np.uint8)
