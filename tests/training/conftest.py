"""Small runs: the paper's network with narrow dense layers, on a few pictures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from keras_alexnet import architectures
from keras_alexnet.training import TrainingConfig


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """`paper` with 16 units in fc6 and fc7: a step and a checkpoint in no time."""
    record = dataclasses.replace(architectures.get("paper"), dense=(16, 16))
    monkeypatch.setitem(architectures._ARCHITECTURES, "paper", record)


@pytest.fixture
def config(small: None, pictures: Path, tmp_path: Path) -> TrainingConfig:
    return TrainingConfig(
        data=f"folder:{pictures}",
        image_size=64,
        batch_size=8,
        epochs=3,
        steps_per_epoch=2,
        checkpoint_steps=1,
        model_dir=str(tmp_path / "run"),
        deterministic=True,
    )
