"""Learning rates: by step, by epoch, by what was reached, by layer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from keras_alexnet.training import TrainingConfig
from keras_alexnet.training.description import rate_course
from keras_alexnet.training.rates import Rates
from keras_alexnet.training.schedules import (
    LayerRates,
    Plateau,
    average_momentum,
    learning_rate,
    plateau,
)

NAMES = [("conv1", "kernel"), ("conv1", "bias"), ("fc8", "kernel"), ("fc8", "bias")]


def rate(step: int, schedule: str, warmup: int = 0) -> float:
    return learning_rate(
        step, schedule=schedule, highest=0.2, warmup_steps=warmup, total_steps=110
    )


def test_the_constant_schedule_is() -> None:
    assert {rate(step, "constant") for step in range(1, 111)} == {0.2}


def test_the_cosine_falls_from_the_highest_rate_to_nothing() -> None:
    for step in range(11, 111):
        expected = 0.1 * (1 + math.cos(math.pi * (step - 11) / 100))
        assert rate(step, "cosine", warmup=10) == pytest.approx(expected)


def test_the_rise_is_linear_and_ends_at_the_highest_rate() -> None:
    rises = [rate(step, "cosine", warmup=4) for step in range(1, 5)]
    assert rises == pytest.approx([0.05, 0.1, 0.15, 0.2])


def rates_of(steps_per_epoch: int, **settings: object) -> Rates:
    config = TrainingConfig(schedule="cosine", learning_rate=0.2, **settings)
    return Rates(config, NAMES, steps_per_epoch)


@pytest.mark.parametrize(
    ("epochs", "steps_per_epoch", "warmup", "window"),
    # imagenette.flags, a run of 150 steps, one that rounds, one with a step or none
    [(50, 47, 94, 500), (50, 3, 6, 32), (7, 9, 3, 13), (4, 1, 0, 1)],
)
def test_fractions_of_the_run_are_its_steps(
    epochs: int, steps_per_epoch: int, warmup: int, window: int
) -> None:
    total = epochs * steps_per_epoch
    rates = rates_of(steps_per_epoch, epochs=epochs, warmup=0.04, average_window=0.2128)
    assert (rates.warmup_steps, rates.average_steps) == (warmup, window)
    t = np.arange(1, total + 1, dtype=np.float64)
    rise = 0.2 * t / max(1, warmup)
    fall = 0.1 * (1 + np.cos(np.pi * (t - 1 - warmup) / (total - warmup)))
    found = [rates.weights(step, []) for step in range(1, total + 1)]
    np.testing.assert_allclose(found, np.where(t <= warmup, rise, fall), atol=1e-12)
    counted = rates_of(steps_per_epoch, epochs=epochs, warmup_steps=warmup)
    assert found == [counted.weights(step, []) for step in range(1, total + 1)]


def test_a_window_averages_the_weights_by_their_age_alone() -> None:
    rng = np.random.default_rng(0)
    weights, kept = rng.normal(size=40), 1 - 1 / 5
    average = 0.0
    for step, weight in enumerate(weights, start=1):
        momentum = average_momentum(step, window=5)
        average = momentum * average + (1 - momentum) * weight
        ages = np.arange(step)[::-1]
        expected = np.average(weights[:step], weights=kept**ages)
        assert average == pytest.approx(expected, rel=1e-12)


def test_an_average_momentum_is_the_same_in_all_steps() -> None:
    rates = rates_of(10, epochs=2, average_momentum=0.98)
    assert {rates.average_momentum(step) for step in range(1, 21)} == {0.98}
    assert rates.average_steps == pytest.approx(50)


def test_an_unknown_schedule_is_named() -> None:
    with pytest.raises(ValueError, match="Received: schedule='square'"):
        rate(1, "square")


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([], Plateau(0, False)),
        ([0.9, 0.8, 0.7, 0.6], Plateau(0, False)),
        ([0.9, 0.8, 0.8], Plateau(0, False)),
        ([0.9, 0.8, 0.8, 0.81], Plateau(1, False)),
        ([0.9, 0.8, 0.8, 0.81, 0.8], Plateau(1, False)),
        ([0.9, 0.8, 0.8, 0.81, 0.8, 0.7], Plateau(1, False)),
        ([0.9] + 6 * [0.9], Plateau(3, False)),
        ([0.9] + 8 * [0.9], Plateau(3, True)),
    ],
)
def test_the_papers_rule_counts_epochs_without_a_lower_error(
    errors: list[float], expected: Plateau
) -> None:
    assert plateau(errors, patience=2) == expected


def test_rates_by_plateau_do_not_know_the_future() -> None:
    config = TrainingConfig(schedule="plateau", patience=1, learning_rate=1.0)
    rates = Rates(config, NAMES, steps_per_epoch=10)
    errors = [0.5, 0.5, 0.4, 0.4]
    seen = [rates.weights(10 * epoch + 1, errors) for epoch in range(5)]
    assert seen == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    assert not rates.over(errors)
    assert rates.over([*errors, 0.4, 0.4])


def test_steps_drop_after_their_epochs() -> None:
    config = TrainingConfig(schedule="step", step_epochs="2,3", learning_rate=1.0)
    rates = Rates(config, NAMES, steps_per_epoch=10)
    seen = [rates.weights(step, []) for step in (1, 20, 21, 30, 31)]
    assert seen == pytest.approx([1, 1, 0.1, 0.1, 0.01])


def test_biases_and_single_layers_have_rates_of_their_own() -> None:
    settings = {"learning_rate": 0.1, "layer_rates": "conv1=0.5,conv1=0@2,fc8=10"}
    config = TrainingConfig(**settings, bias_rate=2.0)
    rates = Rates(config, NAMES, steps_per_epoch=5)
    np.testing.assert_allclose(rates.each(1, []), [0.05, 0.1, 1, 2])
    np.testing.assert_allclose(rates.each(11, []), [0, 0, 1, 2])
    config = TrainingConfig(**settings, bias_learning_rate=0.3)
    rates = Rates(config, NAMES, steps_per_epoch=5)
    np.testing.assert_allclose(rates.each(1, []), [0.05, 0.15, 1, 3])


def test_the_latest_change_of_a_layer_holds() -> None:
    rates = LayerRates("conv1=0@72,conv1=0.1@67")
    assert [rates.factor("conv1", n) for n in (66, 67, 71, 72, 90)] == [
        1,
        0.1,
        0.1,
        0,
        0,
    ]
    assert rates.factor("conv2", 90) == 1


def test_a_layer_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match=r"layer_rates must name.*Received: 'conv7'"):
        Rates(TrainingConfig(layer_rates="conv7=2"), NAMES, 10)


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ({"schedule": "constant"}, ["rate 0.2 to the end"]),
        (
            {"schedule": "constant", "warmup_steps": 4},
            [
                "rate 0.05 rising to 0.2 until step 4, then to the end",
                "step 1: 0.05, 4: 0.2, 10: 0.2, 20: 0.2, 30: 0.2, 40: 0.2",
            ],
        ),
        (
            {"schedule": "step", "step_epochs": "1,3"},
            [
                "rate 0.2, divided by 10 after epoch 1, 3",
                "step 1: 0.2, 10: 0.2, 20: 0.02, 30: 0.02, 40: 0.002",
            ],
        ),
        (
            {"schedule": "plateau"},
            ["rate 0.2, divided by 10 when the validation error stops improving"],
        ),
        (
            {"schedule": "cosine", "warmup": 0.1},
            [
                "rate 0.05 rising to 0.2 until step 4, then falling to 0 by the cosine "
                "over 4 epochs",
                # 0.1 (1 + cos(π (t - 5) / 36))
                "step 1: 0.05, 4: 0.2, 10: 0.191, 20: 0.126, 30: 0.0426, 40: 0.000381",
            ],
        ),
    ],
)
def test_the_course_of_the_rate_is_said(settings: dict, lines: list[str]) -> None:
    config = TrainingConfig(epochs=4, learning_rate=0.2, **settings)
    assert rate_course(Rates(config, NAMES, steps_per_epoch=10)) == lines
