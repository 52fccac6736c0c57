"""The settings of a run that has begun: to continue with them, and to compare them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path
from typing import Any

from keras_alexnet import files
from keras_alexnet.settings import from_texts, kinds
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.weights import runs

# Data and architecture are compared by what they are, wherever they are stored.
_FREE = frozenset(
    field.name
    for field in dataclasses.fields(TrainingConfig)
    if not field.metadata["defines_run"]
)

_KINDS = kinds(TrainingConfig)


def config_of_run(model_dir: str | os.PathLike, **given: Any) -> TrainingConfig:
    """The settings of a run, to resume it.

    Args:
        model_dir: The run's directory.
        **given: Settings that replace the run's, as `epochs=120`.

    Raises:
        ValueError: If it is no run, or a setting is out of range.
    """
    path = Path(files.expanded(model_dir))
    if not runs.is_run(path):
        raise ValueError(
            "model_dir must be the directory of a run to take its settings. "
            f"Received: model_dir={str(model_dir)!r}"
        )
    own = from_texts(TrainingConfig, runs.settings(path))
    if runs.has_own_architecture(path):
        own["architecture"] = str(path / runs.ARCHITECTURE)
    return TrainingConfig(**{**own, "model_dir": str(path), **given})


def defining_settings(
    run: Path, config: TrainingConfig
) -> tuple[dict[str, str], dict[str, str]]:
    """The settings that define a run, and those of a configuration, by their names.

    A setting that is newer than the run has its default.
    """
    defaults = runs.parse(TrainingConfig().as_flags())
    theirs = _defining({**defaults, **runs.settings(run)})
    return theirs, _defining(runs.parse(config.as_flags()))


def _defining(settings: dict[str, str]) -> dict[str, str]:
    """The settings that define a run, each number in one spelling."""
    return {
        name: _spelled(name, value)
        for name, value in settings.items()
        if name not in _FREE
    }


def _spelled(name: str, value: str) -> str:
    # Earlier versions wrote the 1 of TrainingConfig(bias_rate=1) as it was given.
    if _KINDS.get(name) is float:
        with contextlib.suppress(ValueError):
            return str(float(value))
    return value
