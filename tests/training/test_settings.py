"""Settings, and how flags make them."""

from __future__ import annotations

import dataclasses
import math
import os
import typing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.commands import evaluate, export, flags, predict, prepare
from keras_alexnet.settings import kinds
from keras_alexnet.training import TrainingConfig
from keras_alexnet.training.profiling import profile_window

CONFIGS = (TrainingConfig, evaluate.Config, export.Config, predict.Config)
EVERY_SETTING = [
    pytest.param(config, field, id=f"{config.__module__}.{field.name}")
    for config in (*CONFIGS, prepare.Config)
    for field in dataclasses.fields(config)
]
SERVER = {"server": "grpc://localhost:8500"}
CALIBRATED = {"format": "tflite", "precision": "int8", "calibrate": True}
# Settings that others must come with.
NEEDED = {
    predict.Config: {"model_version": SERVER, "version_label": SERVER},
    export.Config: {
        **dict.fromkeys(("data", "data_dir", "manual_dir"), CALIBRATED),
        **dict.fromkeys(("val_share", "seed"), CALIBRATED),
        "out": {"format": "onnx"},
    },
}
# Values where the default is None; each type's forms, and values of other types.
VALUES: dict[type, Any] = {int: 3, float: 0.5, bool: True, str: "a", tuple: ("a",)}
FORMS: dict[type, list[Any]] = {
    int: [np.int64, np.uint16, np.array, tf.constant],
    float: [np.float64, np.array, lambda x: tf.constant(x, tf.float64)],
    bool: [np.bool_, np.array, tf.constant],
    str: [np.str_, os.fsencode],
    tuple: [list, np.array],
}
OTHERS: dict[type, list[Any]] = {
    int: [2.0, True, "2", np.float32(2), np.True_, tf.constant([2]), [2, 3]],
    float: ["0.5", True, math.nan, tf.constant(True), np.ones([2, 2])],
    bool: [1, 0.0, "true", np.int64(1), np.array([True])],
    str: [5, 0.5, True, ["a"], tf.constant("a")],
    tuple: [[5]],
}


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
        ("target_top1", 0.0),
        ("target_top1", -0.1),
        ("target_top1", 1.1),
        ("target_top1", math.nan),
        ("learning_rate", 0.0),
        ("learning_rate", math.inf),
        ("bias_learning_rate", -0.1),
        ("rate_batch_size", 0),
        ("momentum", 1.0),
        ("label_smoothing", 1.0),
        ("average_momentum", 1.0),
        ("weight_decay", -1.0),
        ("warmup_steps", -1),
        ("warmup", 1.0),
        ("warmup", -0.1),
        ("average_window", 1.0),
        ("average_window", -0.1),
        ("patience", 0),
        ("seed", -1),
        ("seed", 2**31),
        ("crop", "random"),
        ("crop_area", 0.0),
        ("mirror", "maybe"),
        ("initialization", "lecun"),
        ("initial_stddev", 0.0),
        ("initial_bias", math.nan),
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
        ("clip_norm", 0.0),
        ("accumulate", 0),
        ("accumulate", 3),  # 128 pictures have no three parts of one size
        ("mixup", -0.1),
        ("cutmix", math.inf),
        ("mixed", 1.1),
        ("erasing", -0.1),
        ("erasing_area", 0.01),
        ("rand_augment", -1),
        ("rand_augment_strength", 30.5),
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
        ("warmup", {"warmup": 0.04, "warmup_steps": 94}),
        ("average_window", {"average_window": 0.2, "average_momentum": 0.998}),
        (
            "average_window",
            {"update_rule": "addons_sgdw", "bias_rate": 1.0, "average_window": 0.2},
        ),
        ("step_epochs", {"schedule": "step"}),
        ("step_epochs", {"schedule": "step", "step_epochs": "5,3"}),
    ],
)
def test_settings_that_do_not_go_together_are_named(name: str, more: dict) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be .*Received: {name}="):
        TrainingConfig(**more)


def made(config: type, name: str, value: Any) -> Any:
    least = {"data": "shapes", "out": "records"} if config is prepare.Config else {}
    needed = NEEDED.get(config, {}).get(name, {})
    return config(**{**least, **needed, name: value})


@pytest.mark.compat
@pytest.mark.parametrize(("config", "field"), EVERY_SETTING)
def test_values_of_numpy_and_tensorflow_become_pythons_own(
    config: type, field: dataclasses.Field
) -> None:
    kind = kinds(config)[field.name]
    value = VALUES[kind] if field.default in (None, ()) else field.default
    if field.default is None and field.metadata["choices"]:
        value = field.metadata["choices"][0]
    value = SERVER.get(field.name, value)
    plain = made(config, field.name, value)
    for form in FORMS[kind]:
        config_of_form = made(config, field.name, form(value))
        assert config_of_form == plain
        assert type(getattr(config_of_form, field.name)) is kind


@pytest.mark.compat
@pytest.mark.parametrize(("config", "field"), EVERY_SETTING)
def test_values_of_another_type_are_refused_in_a_line(
    config: type, field: dataclasses.Field
) -> None:
    others = list(OTHERS[kinds(config)[field.name]])
    if field.default not in (None, ()):
        others.append(None)
    for other in others:
        with pytest.raises(ValueError, match=r"must be .*Received: ") as caught:
            made(config, field.name, other)
        assert str(caught.value).startswith(f"{field.name} must be ")
        assert f"Received: {field.name}=" in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("config", "field"), EVERY_SETTING)
def test_none_is_a_value_of_settings_without_a_default_alone(
    config: type, field: dataclasses.Field
) -> None:
    """A flagfile leaves None out, and so would be read as the default."""
    hint = typing.get_type_hints(config)[field.name]
    assert (type(None) in typing.get_args(hint)) == (field.default is None)


def test_a_path_is_taken_wherever_a_text_is() -> None:
    config = TrainingConfig(model_dir=Path("~/run"), init_from=Path("b/c"))
    assert config.model_dir == str(Path.home() / "run")
    assert config.init_from == "b/c"


def test_a_number_of_32_bits_keeps_its_value() -> None:
    rate = TrainingConfig(learning_rate=np.float32(0.1)).learning_rate
    assert rate == 0.10000000149011612


@pytest.mark.parametrize("name", ["data", "init_from", "layer_rates", "devices"])
@pytest.mark.parametrize("text", ["a\nb", " a", "a\u2028b", "caf\udce9"])
def test_a_text_that_no_line_can_hold_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be one line of UTF-8"):
        TrainingConfig(**{name: text})


def test_the_rate_is_scaled_by_the_batch_only_if_asked() -> None:
    assert TrainingConfig(batch_size=1024).rate_scale == 1
    assert TrainingConfig(batch_size=1024, rate_batch_size=256).rate_scale == 4


def test_a_profile_has_a_first_and_a_last_step() -> None:
    assert profile_window("") is None
    assert profile_window("20,30") == (20, 30)
