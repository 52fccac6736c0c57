"""The training pictures nearest to others, in features and in pixels (figure 4)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from keras_alexnet.inspection.findings import Neighbours, Retrieval
from keras_alexnet.inspection.neighbours import chance, nearest, precision
from keras_alexnet.inspection.observing import Observed
from keras_alexnet.inspection.pictures import Pictures

_ASKED = 5  # pictures with their neighbours, as in figure 4
_NEIGHBOURS = 6


def retrieval(
    seen: Mapping[str, Observed],
    learnt: Mapping[str, Observed],
    training: Pictures | None,
    pictures: Pictures,
    seed: int,
) -> tuple[Retrieval, ...]:
    """Neighbours in the last layer before the classes, and in pixels.

    Args:
        seen: What the layers gave for the pictures.
        learnt: What they gave for the training pictures.
        training: The training pictures; None if there are none.
        pictures: The pictures that are asked.
        seed: Of the draw of the examples.

    Returns:
        One for each space; none without training pictures.
    """
    if training is None:
        return ()
    last = list(learnt)[-1]
    spaces = {
        last: (seen[last].means, learnt[last].means),
        "pixels": (pictures.pixels, training.pixels),
    }
    chosen = np.random.default_rng(seed).permutation(len(pictures))[:_ASKED].tolist()
    found = []
    for space, (asked, among) in spaces.items():
        indices, distances = nearest(asked, among, _NEIGHBOURS)
        examples = tuple(
            Neighbours(
                pictures.shown(index),
                tuple(training.shown(each) for each in indices[index].tolist()),
                tuple(distances[index].tolist()),
            )
            for index in chosen
        )
        found.append(
            Retrieval(
                space,
                examples,
                precision(indices, training.labels, pictures.labels),
                chance(training.labels, pictures.labels),
                len(pictures),
                len(training),
            )
        )
    return tuple(found)
