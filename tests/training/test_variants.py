"""Every kind of variant trains: with its colours, its state and its update rule."""

from __future__ import annotations

import dataclasses
import io
import math
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from keras_alexnet.data import open_source
from keras_alexnet.training import PaperSGD, Trainer, TrainingConfig
from keras_alexnet.training.network import network_of
from keras_alexnet.training.run_directory import RunDirectory
from keras_alexnet.training.step import TrainStep
from keras_alexnet.weights import recipe_of
from keras_alexnet.weights.run_weights import read_weights
from keras_alexnet.weights.runs import newest_checkpoint


@pytest.fixture
def config(pictures: Path, tmp_path: Path) -> TrainingConfig:
    return TrainingConfig(
        data=f"folder:{pictures}",
        variant="modern",
        image_size=67,
        batch_size=8,
        epochs=2,
        steps_per_epoch=1,
        model_dir=str(tmp_path / "run"),
    )


@pytest.mark.compat
@pytest.mark.parametrize("variant", ["modern", "owt", "caffe"])
def test_a_run_of_it_ends_and_keeps_all_its_state(
    config: TrainingConfig, variant: str
) -> None:
    config = dataclasses.replace(config, variant=variant)
    result = Trainer(config, Console(file=io.StringIO())).fit()
    assert math.isfinite(result.values["val_loss"])
    weights = read_weights(newest_checkpoint(Path(config.model_dir)))
    assert ("moving_variance" in weights.get("bn1", {})) == (variant == "modern")


@pytest.mark.parametrize("variant", ["caffe", "owt"])
def test_colour_noise_comes_between_mean_and_scale(
    config: TrainingConfig, variant: str
) -> None:
    source = open_source(config.data)
    train_step = TrainStep(
        network_of(dataclasses.replace(config, variant=variant, colour_noise="source")),
        3,
        source.statistics,
        tf.distribute.get_strategy(),
    )
    x = np.random.default_rng(0).integers(0, 256, (2, 67, 67, 3), dtype="uint8")
    draws = np.array([[1.0, 0, 0], [0, 0.5, -1]], "float32")
    seen = train_step.prepared({"image": tf.constant(x), "noise": tf.constant(draws)})
    colours = source.statistics
    shift = draws * np.array(colours.stddevs) @ np.array(colours.vectors) * 0.1
    expected = (x - np.array(colours.mean) + shift[:, None, None]) / 1.1
    if variant == "caffe":
        expected = expected[..., ::-1]
    else:
        expected = expected / (255 * np.array([0.229, 0.224, 0.225]))
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-3)


@pytest.mark.compat
def test_scale_and_offset_of_batch_normalisation_do_not_decay() -> None:
    layer = keras.layers.BatchNormalization()
    layer.build((None, 4))
    optimizer = PaperSGD(learning_rate=1.0, decay=0.5)
    zeros = [tf.zeros([4])] * 2
    optimizer.apply_gradients(zip(zeros, layer.trainable_variables, strict=True))
    np.testing.assert_array_equal(layer.gamma, np.ones(4))
    np.testing.assert_array_equal(layer.beta, np.zeros(4))


def test_the_example_of_a_run_on_bare_pixels_is_a_picture(
    config: TrainingConfig, tmp_path: Path
) -> None:
    from PIL import Image

    from keras_alexnet.data.preparation import Settings, prepare

    prepared = str(tmp_path / "prepared")
    settings = Settings(77, encoding="raw")
    prepare(open_source(config.data), prepared, settings, processes=1)
    run = RunDirectory(config.model_dir)
    run.claim(config, open_source(f"records:{prepared}"), recipe_of("paper", 67))
    with Image.open(run.example_path) as picture:
        assert picture.size == (77, 77)
