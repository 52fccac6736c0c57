"""Beginning with other weights, watching, and what a dry run tells."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from finished_runs import quiet

from keras_alexnet import AlexNet, architectures
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.training.starting import start_from

PAPER = architectures.get("paper")


@pytest.mark.compat
def test_layers_that_fit_are_taken_and_the_rest_is_named(tmp_path: Path) -> None:
    other = AlexNet("six_conv", input_shape=(64, 64, 3), classes=7)
    other.save_weights(tmp_path / "other.weights.h5")
    model = AlexNet("paper", input_shape=(64, 64, 3), classes=3)
    with pytest.raises(ValueError, match="weights"):
        start_from(model, str(tmp_path / "none.weights.h5"), PAPER)
    fresh = model.get_layer("conv2").kernel.numpy()
    with pytest.raises(ValueError, match=r"conv4, conv5.* Received: init_layers=fc8"):
        start_from(model, str(tmp_path / "other.weights.h5"), PAPER, "fc8")
    start_from(model, str(tmp_path / "other.weights.h5"), PAPER, "conv1, conv3")
    np.testing.assert_array_equal(model.get_layer("conv2").kernel, fresh)
    line = start_from(model, str(tmp_path / "other.weights.h5"), PAPER)
    assert "conv1, conv2, conv3, conv4, conv5" in line
    assert "fc8" in line.partition("fresh: ")[2]
    for layer in ("conv1", "conv5"):
        for ours, theirs in zip(
            model.get_layer(layer).get_weights(),
            other.get_layer(layer).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_a_run_begins_with_another_runs_layers_and_says_so(
    config: TrainingConfig, tmp_path: Path
) -> None:
    Trainer(config, quiet()).fit()
    console = quiet()
    second = dataclasses.replace(
        config,
        init_from=config.model_dir,
        init_layers="conv2,conv1",
        model_dir=str(tmp_path / "second"),
    )
    Trainer(second, console).fit()
    line = f"from {config.model_dir}: conv1, conv2; fresh: conv3, conv4"
    assert line in console.file.getvalue()


def test_a_window_of_steps_is_profiled(config: TrainingConfig) -> None:
    Trainer(dataclasses.replace(config, profile_steps="3,4"), quiet()).fit()
    assert list(Path(config.model_dir).glob("events/plugins/profile/*/*.xplane.pb"))


def test_a_run_that_ends_within_the_window_leaves_its_profile(
    config: TrainingConfig,
) -> None:
    Trainer(dataclasses.replace(config, profile_steps="5,99"), quiet()).fit()
    assert list(Path(config.model_dir).glob("events/plugins/profile/*/*.xplane.pb"))


def test_a_dry_run_tells_layers_steps_and_memory(config: TrainingConfig) -> None:
    console = quiet()
    Trainer(dataclasses.replace(config, epochs=5), console).dry_run()
    shown = console.file.getvalue()
    assert "--epochs=5" in shown
    assert "conv1" in shown
    assert "15 × 15 × 96" in shown
    assert "10: 5 epochs of 2" in shown
    assert "GiB" in shown
    assert not Path(config.model_dir).exists()
