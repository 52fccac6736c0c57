"""A run that ends at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from keras_alexnet import architectures
from keras_alexnet.training import TrainingConfig


@pytest.fixture
def config(pictures: Path, tmp_path: Path) -> TrainingConfig:
    record = dataclasses.replace(architectures.get("paper"), dense=(16, 16))
    path = tmp_path / "narrow.json"
    path.write_text(architectures.to_json(record))
    return TrainingConfig(
        data=f"folder:{pictures}",
        architecture=str(path),
        image_size=64,
        batch_size=8,
        model_dir=str(tmp_path / "run"),
    )
