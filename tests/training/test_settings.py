"""Settings and schedules."""

from __future__ import annotations

import math

import pytest

from keras_alexnet.commands import flags
from keras_alexnet.training import TrainingConfig
from keras_alexnet.training.schedules import learning_rate


def rate(step: int, schedule: str, warmup: int = 0) -> float:
    return learning_rate(
        step, schedule=schedule, highest=0.2, warmup_steps=warmup, total_steps=110
    )


def test_the_constant_schedule_is() -> None:
    assert {rate(step, "constant") for step in range(110)} == {0.2}


def test_the_cosine_falls_from_the_highest_rate_to_nothing() -> None:
    for step in range(10, 110):
        expected = 0.1 * (1 + math.cos(math.pi * (step - 10) / 100))
        assert rate(step, "cosine", warmup=10) == pytest.approx(expected)


def test_the_rise_is_linear_and_ends_at_the_highest_rate() -> None:
    rises = [rate(step, "cosine", warmup=4) for step in range(4)]
    assert rises == pytest.approx([0.05, 0.1, 0.15, 0.2])


def test_an_unknown_schedule_is_named() -> None:
    with pytest.raises(ValueError, match="Received: schedule='square'"):
        rate(0, "square")


@pytest.mark.compat
def test_the_flags_of_a_configuration_make_it_again(tmp_path) -> None:
    config = TrainingConfig(
        data="tfds:mnist", image_size=96, steps_per_epoch=7, deterministic=True
    )
    path = tmp_path / "config.flags"
    path.write_text(config.as_flags())
    again, rest = flags.parse(TrainingConfig, ["train", f"--flagfile={path}", "more"])
    assert again == config
    assert rest == ["more"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("image_size", 32),
        ("batch_size", 0),
        ("epochs", 0),
        ("steps_per_epoch", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.inf),
        ("momentum", 1.0),
        ("weight_decay", -1.0),
        ("warmup_steps", -1),
        ("seed", -1),
        ("seed", 2**31),
        ("checkpoint_steps", 0),
        ("schedule", "square"),
        ("variant", "vgg"),
        ("colour_noise", "blue"),
    ],
)
def test_settings_out_of_range_are_named(setting: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{setting}.*Received: {setting}="):
        TrainingConfig(**{setting: value})
