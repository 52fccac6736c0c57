"""The 2012 network in float64 NumPy: two towers that meet where the paper says.

Written from the released source's `layers-145.cfg`, `layer.py` and `layer.cu` and from
the paper's sections 3 and 3.5, not from the package. Dropout is off.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
from layers_reference import (
    Array,
    Back,
    convolution,
    dense,
    log_loss,
    max_pool,
    over_maps,
    over_pixels,
    relu,
    response_norm,
)

Towers = list[Array]
# Of each layer, for each tower: an array for each input that it reads, and its bias.
Weights = dict[str, list[tuple[list[Array], Array]]]
Stage = Callable[[Array], tuple[Array, Back]]

# What towers a and b read of what came before. fc8 is on one GPU only.
DATA, OWN, BOTH = ((0,), (0,)), ((0,), (1,)), ((0, 1), (0, 1))
READS = {
    "conv1": DATA,
    "conv2": OWN,
    "conv3": BOTH,
    "conv4": OWN,
    "conv5": OWN,
    "conv6": BOTH,  # layers-146: the network that was trained on all of ImageNet first
    "fc6": BOTH,
    "fc7": BOTH,
    "fc8": ((0, 1),),
}
# The source rounds the number of windows up and reads zeros beyond the right and the
# bottom: for 224 pixels, 11 wide at a step of 4, three of them.
WINDOWS = {
    "conv1": {"stride": 4, "pads": (0, 3)},
    "conv2": {"pads": (2, 2)},
    "conv3": {"pads": (1, 1)},
    "conv4": {"pads": (1, 1)},
    "conv5": {"pads": (1, 1)},
    "conv6": {"pads": (1, 1)},
}

PAPER_LRN = partial(response_norm, sums=over_maps, k=2, alpha=1e-4)
# layer.py, NormLayerParser, divides the scale by the size: 5 maps, 5×5 pixels.
SOURCE_LRN = partial(response_norm, sums=over_maps, k=2, alpha=1e-4 / 5)
SAME_MAP = partial(response_norm, sums=over_pixels, k=1, alpha=0.001 / 25)

# What follows a layer within each tower; elsewhere a ReLU, and nothing after fc8.
FOLLOWS: dict[str, dict[str, tuple[Stage, ...]]] = {
    "paper": {
        "conv1": (relu, PAPER_LRN, max_pool),
        "conv2": (relu, PAPER_LRN, max_pool),
        "conv5": (relu, max_pool),
        "fc8": (),
    },
    "original": {
        "conv1": (SOURCE_LRN, max_pool, relu),
        "conv2": (relu, SOURCE_LRN, SAME_MAP, max_pool),
        "conv5": (max_pool, relu),
        "fc8": (),
    },
}


@dataclasses.dataclass
class Pass:
    """A forward pass, and the way back.

    Args:
        read: What each layer may read, by layer and tower.
        given: What each convolution and product gives, bias included.
        back: From the gradient of the logits to the images' and the weights'.
    """

    read: dict[str, Towers]
    given: dict[str, Towers]
    back: Callable[[Array], tuple[Array, Weights]]


def forward(images: Array, weights: Weights, reading: str) -> Pass:
    """Runs the layers of `weights`, read as `"paper"` or as `"original"` (net 145)."""
    towers: Towers = [images.astype(np.float64)]
    read, given, steps = {}, {}, []
    for name in weights:
        read[name] = towers
        given[name], to_inputs = _weighted(name, towers, weights[name])
        stages = FOLLOWS[reading].get(name, (relu,))
        followed = [_in_turn(x, stages) for x in given[name]]
        towers = [y for y, _ in followed]
        steps.append((name, [back for _, back in followed], to_inputs))

    def back(dlogits: Array) -> tuple[Array, Weights]:
        dweights, dtowers = {}, [dlogits]
        for name, backs, to_inputs in reversed(steps):
            dgiven = [step(dy) for step, dy in zip(backs, dtowers, strict=True)]
            dtowers, dweights[name] = to_inputs(dgiven)
        return dtowers[0], dict(reversed(dweights.items()))

    return Pass(read, given, back)


def gradients(run: Pass, labels: Array) -> tuple[Array, Weights]:
    """Of the mean of −log p, by the images and by all weights."""
    return run.back(log_loss(run.given["fc8"][0], labels)[1])


def _weighted(
    name: str, sources: Towers, weights: list[tuple[list[Array], Array]]
) -> tuple[Towers, Callable[[Towers], tuple[Towers, list[tuple[list[Array], Array]]]]]:
    """One convolution or product in every tower that the layer has."""
    layer = partial(convolution, **WINDOWS[name]) if name in WINDOWS else dense
    results = [
        layer(
            [sources[s] for s in reads], [np.asarray(k, float) for k in kernels], bias
        )
        for reads, (kernels, bias) in zip(READS[name], weights, strict=True)
    ]

    def back(dgiven: Towers) -> tuple[Towers, list[tuple[list[Array], Array]]]:
        dsources, dweights = [np.zeros(x.shape) for x in sources], []
        for reads, (_, step), dy in zip(READS[name], results, dgiven, strict=True):
            dxs, dkernels, dbias = step(dy)
            dweights.append((dkernels, dbias))
            for source, dx in zip(reads, dxs, strict=True):
                dsources[source] += dx
        return dsources, dweights

    return [y for y, _ in results], back


def _in_turn(x: Array, stages: tuple[Stage, ...]) -> tuple[Array, Back]:
    backs = []
    for stage in stages:
        x, back = stage(x)
        backs.append(back)

    def all_back(dy: Array) -> Array:
        for back in reversed(backs):
            dy = back(dy)
        return dy

    return x, all_back
