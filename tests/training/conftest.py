"""Small runs: the paper's network with narrow dense layers, on a few pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from keras_alexnet import architectures
from keras_alexnet.training import TrainingConfig


@pytest.fixture
def narrow(tmp_path: Path) -> Callable[[str], str]:
    """A file of a variant with 16 units in fc6 and fc7: steps in no time."""

    def write(variant: str) -> str:
        record = dataclasses.replace(architectures.get(variant), dense=(16, 16))
        path = tmp_path / f"narrow_{variant}.json"
        path.write_text(architectures.to_json(record))
        return str(path)

    return write


@pytest.fixture
def config(
    narrow: Callable[[str], str], pictures: Path, tmp_path: Path
) -> TrainingConfig:
    return TrainingConfig(
        data=f"folder:{pictures}",
        architecture=narrow("paper"),
        image_size=64,
        batch_size=8,
        epochs=3,
        steps_per_epoch=2,
        checkpoint_steps=1,
        model_dir=str(tmp_path / "run"),
        deterministic=True,
    )
