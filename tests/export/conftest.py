"""One small network and its export, for all the tests of exports."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest
import tensorflow as tf
from served_models import NAMES, served_model

import keras_alexnet


@pytest.fixture(scope="session")
def network() -> keras.Model:
    return served_model()


@pytest.fixture(scope="session")
def export(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("servable") / "small"
    return keras_alexnet.export_saved_model(
        network, root, class_names=NAMES, preprocessing="paper"
    )


@pytest.fixture(scope="session")
def signatures(export: Path) -> dict:
    return tf.saved_model.load(str(export)).signatures
