"""How colourful the first two layers of a network are, tower by tower (figure 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from keras_alexnet.inspection.colour import (
    colourfulness,
    colourfulness_through,
    selectivity,
    sign_free,
    split,
)
from keras_alexnet.inspection.findings import KernelColours
from keras_alexnet.inspection.layer_facts import LayerFacts
from keras_alexnet.inspection.observing import Observed

COLOURED = ("conv1", "conv2")
_VALUES = ("colourfulness", "selectivity")


def kernel_colours(
    model: keras.Model,
    channel_order: str,
    facts: Mapping[str, LayerFacts],
    observed: Mapping[str, Observed],
    seed: int = 0,
) -> tuple[KernelColours, ...]:
    """How colourful the kernels of `conv1` and `conv2` are.

    Args:
        model: A packed model of `AlexNet`.
        channel_order: Of what its `conv1` reads, `"RGB"` or `"BGR"`.
        facts: Its layers.
        observed: What `conv1` and `conv2` gave for pictures, in grey too.
        seed: Of the permutations.
    """
    first, second = (model.get_layer(name) for name in COLOURED)
    kernels = np.asarray(first.get_weights()[0], np.float32)
    if channel_order == "BGR":
        kernels = kernels[:, :, ::-1]
    colours = {"conv1": colourfulness(kernels)}
    colours["conv2"] = colourfulness_through(
        second.get_weights()[0], colours["conv1"], second.groups
    )
    found = []
    for name in COLOURED:
        strongest = observed[name].strongest
        assert strongest.grey is not None
        values = {
            "colourfulness": colours[name],
            "selectivity": selectivity(strongest.values, strongest.grey),
        }
        towers = _towers(facts[name].towers, len(colours[name]))
        splits = {each: split(values[each], towers, seed=seed) for each in _VALUES}
        shown = kernels if name == "conv1" else None
        found.append(
            KernelColours(name, facts[name].towers, shown, **values, splits=splits)
        )
    return tuple(found)


def sign_free_splits(
    runs: Sequence[tuple[KernelColours, ...]], seed: int = 0
) -> dict[str, tuple[float, float]]:
    """How far the towers are apart over several networks, by layer and value.

    Args:
        runs: The colours of each; those that have not as many towers as the first are
            left out.
        seed: Of the permutations.

    Returns:
        `{"conv1 colourfulness": (mean, p), …}`, as `sign_free` returns them; empty for
        fewer than two networks, and for those of one tower, which have no split.
    """
    alike = [each for each in runs if _counts(each) == _counts(runs[0])]
    if len(alike) < 2 or max(_counts(runs[0])) == 1:
        return {}
    found = {}
    for place, layer in enumerate(COLOURED):
        for value in _VALUES:
            values = [getattr(each[place], value) for each in alike]
            towers = [
                _towers(each[place].towers, len(each[place].colourfulness))
                for each in alike
            ]
            pairs = list(zip(values, towers, strict=True))
            found[f"{layer} {value}"] = sign_free(pairs, seed=seed)
    return found


def _counts(colours: tuple[KernelColours, ...]) -> list[int]:
    return [each.towers for each in colours]


def _towers(towers: int, count: int) -> np.ndarray:
    """The tower of each kernel; of a single tower the halves, as a control."""
    return np.arange(count) * max(towers, 2) // count
