"""The learning rate as a function of the step, the layer and the errors so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from keras_alexnet.reasons import must_be

SCHEDULES = ("constant", "cosine", "step", "plateau")
_DROP = 0.1  # paper, section 5
_MOST_DROPS = 3  # "reduced three times prior to termination"


class Plateau(NamedTuple):
    """The state of the paper's rule after some epochs.

    Args:
        drops: How often the rate was divided by 10.
        over: Whether the error has stopped improving after the last drop too.
    """

    drops: int
    over: bool


def plateau(errors: Sequence[float], patience: int) -> Plateau:
    """The paper's rule, made exact, after some epochs.

    The rate drops when the lowest error is `patience` epochs old, counted from the
    last drop at the earliest; where it would drop for the fourth time the run ends.

    Args:
        errors: Validation error of each epoch so far.
        patience: Number of epochs, 1 or more.

    Example:

    >>> plateau([0.5, 0.4, 0.4, 0.4], patience=2)
    Plateau(drops=1, over=False)

    Reference:
        - Krizhevsky et al. 2012, section 5: "divide the learning rate by 10 when the
          validation error rate stopped improving".
    """
    lowest, waited, drops = math.inf, 0, 0
    for error in errors:
        waited = 0 if error < lowest else waited + 1
        lowest = min(lowest, error)
        if waited == patience:
            drops, waited = drops + 1, 0
    return Plateau(min(drops, _MOST_DROPS), drops > _MOST_DROPS)


def learning_rate(
    step: int,
    *,
    schedule: str,
    highest: float,
    warmup_steps: int = 0,
    total_steps: int = 1,
    drops: int = 0,
) -> float:
    """Returns the learning rate of a step.

    After a linear rise over `warmup_steps` it is `highest` (`"constant"`),
    `highest · (1 + cos(π · t)) / 2` with t rising from 0 towards 1 (`"cosine"`), or
    `highest / 10^drops` (`"step"` and `"plateau"`).

    Args:
        step: Number of the step, from 1.
        schedule: One of `SCHEDULES`.
        highest: Rate after the rise.
        warmup_steps: Steps of the rise; 0 for none.
        total_steps: Steps of the whole run.
        drops: How often the rate has dropped before this step.

    Returns:
        The rate.

    Raises:
        ValueError: If the schedule is unknown.

    Example:

    >>> learning_rate(51, schedule="cosine", highest=0.1, total_steps=100)
    0.05
    """
    if schedule not in SCHEDULES:
        raise must_be("schedule", f"one of {SCHEDULES}", schedule)
    if step <= warmup_steps:
        return highest * step / warmup_steps
    if schedule == "cosine":
        done = (step - 1 - warmup_steps) / max(1, total_steps - warmup_steps)
        return highest * (1 + math.cos(math.pi * min(1.0, done))) / 2
    return highest * _DROP**drops


def average_momentum(step: int, window: int) -> float:
    """Returns how much of itself an average keeps in a step.

    With m = 1 − 1 / `window` it is m · (1 − m^(t − 1)) / (1 − m^t) in step t. So the
    average of the weights w₁ … w_t is Σ m^(t − i) wᵢ / Σ m^(t − i): the weights of the
    first steps count no more than their age lets them, unlike in an average that
    begins with w₁ and keeps m from then on.

    Args:
        step: Number of the step, from 1.
        window: Steps that the average reaches back, 1 or more.

    Example:

    >>> [average_momentum(step, window=2) for step in (1, 2)]
    [0.0, 0.3333333333333333]

    Reference:
        - Kingma and Ba 2015, "Adam", section 3: the same correction.
    """
    kept = 1 - 1 / window
    return kept * (1 - kept ** (step - 1)) / (1 - kept**step)


def whole_epochs(text: str) -> tuple[int, ...]:
    """The numbers of `"25,51,79"`.

    Raises:
        ValueError: If they are not whole numbers from 1 on, each above the last.
    """
    parts = [part.strip() for part in text.split(",")] if text else []
    numbers = [int(part) if part.isdecimal() else 0 for part in parts]
    if any(b <= a for a, b in zip([0, *numbers], numbers, strict=False)):
        expected = "rising whole numbers from 1 on, as in 25,51,79"
        raise must_be("step_epochs", expected, text)
    return tuple(numbers)


class LayerRates:
    """Factors of single layers' learning rates.

    The released source needs them twice: `conv1` slows down after epoch 67 and is
    frozen after 72 (`layer-params-145.cfg`); and `fc8` is new when the network is
    fine-tuned from the full ImageNet.

    Args:
        text: `"fc8=10,conv1=0.1@67,conv1=0@72"`: a layer, its factor, and after how
            many epochs it applies, 0 if not given.

    Raises:
        ValueError: If the text has another form.

    Example:

    >>> rates = LayerRates("conv1=0.1@67,conv1=0@72")
    >>> [rates.factor("conv1", epoch) for epoch in (0, 67, 72)]
    [1.0, 0.1, 0.0]
    """

    def __init__(self, text: str) -> None:
        self._changes = [_change(part, text) for part in text.split(",") if text]

    @property
    def layers(self) -> frozenset[str]:
        """The layers that have factors."""
        return frozenset(layer for layer, _, _ in self._changes)

    @property
    def epochs(self) -> tuple[int, ...]:
        """After how many epochs each change applies."""
        return tuple(after for _, _, after in self._changes)

    def factor(self, layer: str, epochs: int) -> float:
        """The factor of a layer after so many whole epochs: the latest that applies."""
        applying = [
            (after, factor)
            for name, factor, after in self._changes
            if name == layer and after <= epochs
        ]
        return max(applying, key=lambda change: change[0])[1] if applying else 1.0


def _change(part: str, text: str) -> tuple[str, float, int]:
    layer, _, value = part.strip().partition("=")
    factor, _, epoch = value.partition("@")
    try:
        change = layer, float(factor), int(epoch or 0)
        if layer and 0 <= change[1] < math.inf and change[2] >= 0:
            return change
    except ValueError:
        pass
    expected = "LAYER=FACTOR or LAYER=FACTOR@EPOCH, with commas between, as in "
    raise must_be("layer_rates", f"{expected}conv1=0.1@67,conv1=0@72", text)
