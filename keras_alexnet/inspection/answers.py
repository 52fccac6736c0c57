"""A network's answers for the validation pictures: right, wrong and how surely."""

from __future__ import annotations

import numpy as np

from keras_alexnet.evaluation import Confusion, Scores, shows_top5, totals
from keras_alexnet.evaluation.scores import log_probabilities
from keras_alexnet.inspection.calibration import reliability
from keras_alexnet.inspection.findings import Answered, Reliability
from keras_alexnet.inspection.pictures import Pictures

_LISTED = 5  # likeliest classes of a picture


class Answers:
    """The probabilities that a network gave for pictures, and what they say of it.

    Args:
        pictures: The pictures.
        probabilities: float32 `[pictures, outputs]`.
        outputs: The output of each class of the data; None if the network has not all
            of them, and is neither right nor wrong.

    Attributes:
        right: bool `[pictures]`, whether the likeliest output is the right one.

    Example:

    >>> given = Answers(pictures, probabilities, outputs=[0, 1])  # doctest: +SKIP
    >>> given.accuracy  # doctest: +SKIP
    0.94
    """

    def __init__(
        self, pictures: Pictures, probabilities: np.ndarray, outputs: list[int] | None
    ) -> None:
        self._pictures, self._probabilities = pictures, probabilities
        self.known = outputs is not None
        self._wanted = np.array(outputs or [0])[pictures.labels if self.known else 0]
        self._likeliest = probabilities.argmax(axis=1)
        self._finite = np.isfinite(probabilities).all(axis=1)
        self.right = self._finite & (self._likeliest == self._wanted)
        self._losses = -np.log(np.maximum(self._of_wanted(), 1e-30))

    def _of_wanted(self) -> np.ndarray:
        rows = np.arange(len(self._probabilities))
        return self._probabilities[rows, self._wanted].astype(np.float64)

    def scores(self) -> tuple[float, float, float]:
        """Top-1 and top-5 accuracy and mean −log p, as `evaluate` counts them.

        NaN where they say nothing.
        """
        nothing = float("nan")
        if not self.known:
            return nothing, nothing, nothing
        logits = log_probabilities(self._probabilities)
        found = Scores.of(totals(logits, self._wanted))
        top5 = found.top5 if shows_top5(self._probabilities.shape[1]) else nothing
        return found.top1, top5, found.loss

    def answered(self, index: int) -> Answered:
        """A picture with its likeliest classes."""
        row = self._probabilities[index]
        order = np.argsort(-row, kind="stable")[:_LISTED].tolist()
        return Answered(
            self._pictures.shown(index),
            tuple((output, float(row[output])) for output in order),
            bool(self.right[index]) if self.known else None,
        )

    def worst(self, count: int) -> tuple[Answered, ...]:
        """The pictures of the largest loss, the worst first."""
        if not self.known:
            return ()
        order = np.argsort(-self._losses, kind="stable")[:count].tolist()
        return tuple(map(self.answered, order))

    def some(self, count: int, seed: int) -> list[int]:
        """A few pictures at random: as many right as wrong, of many classes.

        Returns:
            Their indices, the right ones first.
        """
        order = np.random.default_rng(seed).permutation(len(self._pictures)).tolist()
        right = self._of_many_classes([i for i in order if self.right[i]])
        wrong = self._of_many_classes([i for i in order if not self.right[i]])
        half = max(count // 2, count - len(wrong))
        right = right[:half]
        return [*right, *wrong[: count - len(right)]]

    def _of_many_classes(self, indices: list[int]) -> list[int]:
        """The same, one of each class before a second one of any."""
        seen: dict[int, int] = {}
        turns = []
        for index in indices:
            label = int(self._pictures.labels[index])
            seen[label] = seen.get(label, 0) + 1
            turns.append(seen[label])
        order = sorted(range(len(indices)), key=lambda place: (turns[place], place))
        return [indices[place] for place in order]

    def reliability(self) -> Reliability | None:
        """How often answers of a given probability are right."""
        if not self.known:
            return None
        highest = self._probabilities.max(axis=1)
        return reliability(highest[self._finite], self.right[self._finite])

    def confused(self) -> tuple[tuple[int, int, int], ...]:
        """Class of the data, output and number of pictures."""
        if not self.known:
            return ()
        counted = Confusion()
        counted.add(self._pictures.labels, np.where(self._finite, self._likeliest, -1))
        return tuple(
            (each.label, each.predicted, each.pictures) for each in counted.pairs
        )
