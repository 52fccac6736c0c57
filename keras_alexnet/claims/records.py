"""The record of a claim: what is said, the arms that test it, and what is measured."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras_alexnet.architectures import Architecture, Convolution, to_json
from keras_alexnet.claims.measured import Measured
from keras_alexnet.training import TrainingConfig

CIFAR10, PHOTOS = "cifar10", "photos"


@dataclasses.dataclass(frozen=True)
class Size:
    """How much an experiment trains.

    Args:
        seeds: Number of seeds of each arm.
        pictures: Training pictures, at most.
        held_out: Validation pictures, at most.
        epochs: Epochs of a run.
        sweep_epochs: Epochs of a run that tries a learning rate.
        sweep_seeds: Number of seeds with which each rate is tried.
    """

    seeds: int
    pictures: int
    held_out: int
    epochs: int
    sweep_epochs: int
    sweep_seeds: int = 1


@dataclasses.dataclass(frozen=True)
class Arm:
    """One way to train, which differs from a claim's first arm in what it declares.

    Args:
        architecture: The network.
        settings: Settings of training in place of the claim's.
        differs: The names in which it differs from the first arm, as `differences`
            returns them; learning rates are not named.
        tries: Settings that a sweep tries, the most cautious first, each in place of
            the arm's own, which are those that a sweep of ours chose.
    """

    architecture: Architecture
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    differs: tuple[str, ...] = ()
    tries: tuple[Mapping[str, Any], ...] = ()


def rates(*each: float) -> tuple[dict[str, float], ...]:
    """Learning rates for a sweep to try."""
    return tuple({"learning_rate": rate} for rate in each)


@dataclasses.dataclass(frozen=True)
class Claim:
    """A claim, with the experiment that tests it.

    Args:
        name: As in `claims NAME`.
        title: A few words.
        section: Of the paper; `""` for what the paper does not say.
        statement: What is claimed, in one sentence.
        paper: The paper's figures, in words.
        since: What has come of it since.
        measure: Runs an `Experiment` and returns what it measured.
        arms: By their names, the first one being that which the others differ from.
        data: `CIFAR10` or `PHOTOS`; `""` if the experiment reads no pictures.
        settings: Settings of training that all arms share.
        race_to: For a claim about speed, the top-1 on the training pictures by which
            learning rates are chosen, as those that reach it first; else they are
            chosen by the error on training pictures that were held out.
        quick: Size of the quick form.
        whole: Size of the whole form.
        setting: Network and data in words.
        source: What the released source's notes add.
        others: What others measured, with the source.
        caveats: What this size cannot show.
    """

    name: str
    title: str
    section: str
    statement: str
    paper: str
    since: str
    measure: Callable[[Any], Measured]
    setting: str
    quick: Size
    whole: Size
    arms: Mapping[str, Arm] = dataclasses.field(default_factory=dict)
    data: str = ""
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    race_to: float | None = None
    source: str = ""
    others: tuple[str, ...] = ()
    caveats: str = ""

    def differences(self, name: str) -> dict[str, str]:
        """In what an arm differs from the first one: names and its values, as text.

        The names are those of the settings, and of the fields of the architecture's
        JSON, as `"conv1.stages"`; where convolutions are left out, `"convolutions"`
        has the numbers of those that are not. Learning rates, which are swept, are
        left out.
        """
        first, own = self._described(next(iter(self.arms))), self._described(name)
        return {key: own[key] for key in sorted(own) if own[key] != first.get(key)}

    def _described(self, name: str) -> dict[str, str]:
        """All that defines an arm, but for its learning rate."""
        arm = self.arms[name]
        content = json.loads(to_json(arm.architecture))
        del content["name"]
        layers = content.pop("convolutions")
        every = next(iter(self.arms.values())).architecture.convolutions
        kept = _kept(arm.architecture.convolutions, every)
        settings = TrainingConfig(**{**self.settings, **arm.settings})
        described = {"convolutions": " ".join(map(str, kept))}
        for index, each in zip(kept, layers, strict=True):
            described |= {f"conv{index}.{k}": _text(v) for k, v in each.items()}
        described |= {key: _text(value) for key, value in content.items()}
        described |= {key: str(value) for key, value in vars(settings).items()}
        del described["learning_rate"]
        return described


def _kept(own: Sequence[Convolution], every: Sequence[Convolution]) -> list[int]:
    """Which of the convolutions, counted from 1, these are: all, or without some."""
    if len(own) >= len(every):
        return list(range(1, len(own) + 1))
    kept: list[int] = []
    for each in own:
        start = kept[-1] if kept else 0
        kept.append(every.index(each, start) + 1)
    return kept


def _text(value: Any) -> str:
    """A value of an architecture's JSON, short."""
    if isinstance(value, list):
        return " ".join(map(_text, value)) or "none"
    if isinstance(value, dict):
        kind = value.get("stage")
        fields = ", ".join(f"{k} {v}" for k, v in value.items() if k != "stage")
        return f"{kind}({fields})" if kind else f"({fields})"
    return str(value)
