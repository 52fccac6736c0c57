"""What version 0.1 wrote before runs held a recipe is read as it was meant."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from finished_runs import quiet

from keras_alexnet.data import evaluation_batches, open_source
from keras_alexnet.export.card import Card
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.recipe import Recipe
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.weights import recipe_of, runs

HELD = Path(__file__).parent / "fixtures" / "version_0_1"


@pytest.mark.compat
def test_records_are_read() -> None:
    """Two pictures of two classes: the first reddish, the second greenish."""
    source = open_source(f"records:{HELD / 'records'}")
    assert source.class_names == ("a", "b")
    assert source.sizes == {"train": 4, "validation": 4}
    (batch,) = evaluation_batches(source, 14, 4)
    means = tf.reduce_mean(tf.cast(batch["image"], tf.float32), axis=(1, 2)).numpy()
    np.testing.assert_array_equal(means[:, :2].argmax(axis=1), batch["label"])


@pytest.mark.compat
def test_a_runs_recipe_follows_from_what_it_wrote() -> None:
    mean = json.loads((HELD / "run" / "data.json").read_text())["statistics"]["mean"]
    expected = Recipe.of_colours(Preprocessing(mean=tuple(mean)), 64)
    assert recipe_of(HELD / "run") == expected
    assert runs.class_names(HELD / "run") == ("n01440764", "n02102040", "n02979186")


def test_a_runs_directory_is_its_configurations(tmp_path: Path) -> None:
    run = Path(shutil.copytree(HELD / "run", tmp_path / "run"))
    config = TrainingConfig(
        data="folder:c4",
        image_size=64,
        batch_size=16,
        epochs=2,
        steps_per_epoch=6,
        checkpoint_steps=2,
        seed=3,
        model_dir=str(run),
    )
    Trainer(config, quiet())
    with pytest.raises(ValueError, match="whose run has seed=3, not 4"):
        Trainer(dataclasses.replace(config, seed=4), quiet())


def test_a_checkpoint_has_the_names_that_it_had(run: Path) -> None:
    reader = tf.train.load_checkpoint(runs.newest_checkpoint(run))
    expected = json.loads((HELD / "checkpoint_keys.json").read_text())
    assert sorted(reader.get_variable_to_shape_map()) == expected


def test_an_exports_card_is_read(tmp_path: Path) -> None:
    (tmp_path / "assets.extra").mkdir()
    shutil.copy(
        HELD / "export_card.json", tmp_path / "assets.extra" / "keras_alexnet.json"
    )
    card = Card.read(tmp_path)
    assert (card.classes, card.top_k, card.precision) == (3, 3, "float32")
    assert card.recipe == recipe_of(tmp_path) == recipe_of(HELD / "run")
