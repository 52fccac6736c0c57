"""Settings, and how flags make them."""

from __future__ import annotations

import math

import pytest

from keras_alexnet.commands import flags
from keras_alexnet.training import TrainingConfig
from keras_alexnet.training.profiling import profile_window


@pytest.mark.compat
def test_the_flags_of_a_configuration_make_it_again(tmp_path) -> None:
    config = TrainingConfig(
        data="tfds:mnist",
        image_size=96,
        steps_per_epoch=7,
        deterministic=True,
        schedule="step",
        step_epochs="3,5",
        layer_rates="conv1=0.1@4,fc8=10",
        checkpoint_minutes=2.5,
    )
    path = tmp_path / "config.flags"
    path.write_text(config.as_flags())
    again, rest = flags.parse(TrainingConfig, ["train", f"--flagfile={path}", "more"])
    assert again == config
    assert rest == ["more"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("batch_size", 0),
        ("epochs", 0),
        ("steps_per_epoch", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.inf),
        ("bias_learning_rate", -0.1),
        ("rate_batch_size", 0),
        ("momentum", 1.0),
        ("label_smoothing", 1.0),
        ("average_momentum", 1.0),
        ("weight_decay", -1.0),
        ("warmup_steps", -1),
        ("patience", 0),
        ("seed", -1),
        ("seed", 2**31),
        ("crop_area", 0.0),
        ("colour_noise_epochs", -1),
        ("checkpoint_steps", 0),
        ("checkpoint_minutes", 0.0),
        ("nonfinite_limit", 0),
        ("schedule", "square"),
        ("variant", "vgg"),
        ("colour_noise", "blue"),
        ("precision", "float8"),
        ("update_rule", "adam"),
        ("on_nonfinite", "hope"),
        ("profile_steps", "5,4"),
        ("profile_steps", "0,4"),
        ("profile_steps", "four"),
        ("step_epochs", "5"),  # without schedule="step"
        ("layer_rates", "conv1"),
        ("layer_rates", "conv1=fast"),
        ("layer_rates", "conv1=-1"),
        ("init_from", ""),
    ],
)
def test_settings_out_of_range_are_named(setting: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{setting}.*Received: {setting}="):
        TrainingConfig(**{setting: value})


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("update_rule", {"average": "addons_moving_average"}),
        ("bias_rate", {"update_rule": "addons_sgdw"}),
        ("layer_rates", {"update_rule": "addons_sgdw", "layer_rates": "fc8=10"}),
        (
            "precision",
            {
                "update_rule": "addons_sgdw",
                "bias_rate": 1.0,
                "precision": "mixed_float16",
            },
        ),
        ("step_epochs", {"schedule": "step"}),
        ("step_epochs", {"schedule": "step", "step_epochs": "5,3"}),
    ],
)
def test_settings_that_do_not_go_together_are_named(name: str, more: dict) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be .*Received: {name}="):
        TrainingConfig(**more)


def test_the_rate_is_scaled_by_the_batch_only_if_asked() -> None:
    assert TrainingConfig(batch_size=1024).rate_scale == 1
    assert TrainingConfig(batch_size=1024, rate_batch_size=256).rate_scale == 4


def test_a_profile_has_a_first_and_a_last_step() -> None:
    assert profile_window("") is None
    assert profile_window("20,30") == (20, 30)
