"""What a run says of itself before its first step."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from finished_runs import quiet

from keras_alexnet import architectures
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.training.description import notes
from keras_alexnet.training.rates import Rates
from keras_alexnet.training.starting import Beginning
from keras_alexnet.weights import Weights
from keras_alexnet.weights.checkpoint_files import CheckpointReader
from keras_alexnet.weights.described import Description

ENDING = "/.ATTRIBUTES/VARIABLE_VALUE"
LONG = {"epochs": 90, "init_from": "imagenet"}  # of which there is nothing to say
FEW_PHOTOS = {"crop": "resized", "steps_per_epoch": 50, "epochs": 20}
WINDOW = {"average": "moving_average", "average_window": 0.2}


def noted(pictures: int = 3000, steps: int = 20, **settings: object) -> list[str]:
    """The notes of a run with so many steps in an epoch."""
    config = TrainingConfig(**{**LONG, **settings})
    return notes(config, pictures, Rates(config, [("conv1", "kernel")], steps))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"pictures": 192, "init_from": None}, "192 pictures are few"),
        ({"pictures": 192, "init_from": None}, "--flagfile=configs/few_photos.flags"),
        ({"pictures": 192, "init_from": None}, "--flagfile=configs/finetune.flags"),
        (
            {"pictures": 48, "steps": 2, "init_from": None, "crop": "resized"},
            "48 pictures are few",
        ),
        ({"steps": 2, "init_from": None}, "180 steps are few"),
        ({"steps": 1, "warmup_steps": 94}, "rises for 94 of 90 steps"),
        ({"colour_noise_epochs": 90}, "colour_noise_epochs=90 names"),
        ({"layer_rates": "conv1=0@90"}, "layer_rates=conv1=0@90 names"),
        ({"schedule": "step", "step_epochs": "25,95"}, "step_epochs=25,95 names"),
    ],
)
def test_what_cannot_work_is_said(settings: dict, expected: str) -> None:
    (line,) = noted(**settings)
    assert expected in line
    assert "\n" not in line


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"init_from": None},
        {"pictures": 60, "steps": 1},
        {"pictures": 48, "steps": 50, "init_from": None, **FEW_PHOTOS},
        {"steps": 10, "warmup_steps": 94},
        {"steps": 1, "warmup": 0.04},
        {"steps": 1, **WINDOW},
        {"average_momentum": 0.9999},  # there is no average
        {"colour_noise_epochs": 89, "layer_rates": "conv1=0@89"},
        {"schedule": "step", "step_epochs": "25,89"},
    ],
)
def test_of_what_works_nothing_is_said(settings: dict) -> None:
    assert noted(**settings) == []


@pytest.mark.parametrize("momentum", [0.5, 0.99, 0.998, 0.9999])
@pytest.mark.parametrize("steps", [1, 3, 26])
def test_an_average_that_cannot_have_moved_is_said(momentum: float, steps: int) -> None:
    total = 90 * steps
    kept = np.prod(np.full(total - 1, momentum, np.float64))  # of the first weights
    found = noted(steps=steps, average="moving_average", average_momentum=momentum)
    assert len(found) == (kept > 0.1)
    assert all(f"still {100 * kept:.0f}% of the weights" in line for line in found)


def test_it_is_said_before_the_first_step(config: TrainingConfig) -> None:
    console = quiet()
    fixed = {"average": "moving_average", "average_momentum": 0.9}
    Trainer(dataclasses.replace(config, **fixed), console).fit()
    lines = console.file.getvalue().splitlines()
    said = [n for n, line in enumerate(lines) if line.startswith("note: ")]
    epoch = next(n for n, line in enumerate(lines) if line.startswith("epoch 1/3"))
    assert len(said) == 2
    assert max(said) < epoch
    assert "24 pictures are few" in lines[said[0]]
    assert "still 59% of the weights" in lines[said[1]]  # 0.9 ** 5


@pytest.mark.compat
def test_a_run_keeps_the_average_over_its_window(config: TrainingConfig) -> None:
    settings = {"average": "moving_average", "average_window": 0.9}
    config = dataclasses.replace(config, epochs=2, steps_per_epoch=1, **settings)
    config = dataclasses.replace(config, keep_optimizer=True)
    Trainer(config, quiet()).fit()
    one, two = (
        CheckpointReader(Path(config.model_dir, "checkpoints", f"step-{step}"))
        for step in (1, 2)
    )
    # Two steps, a window of two: m is 1/2, so the weights count as 1/2 and 1.
    for layer in ("conv1", "fc8"):
        name = f"{layer}/kernel{ENDING}"
        first, second = (each.read(f"model/{name}") for each in (one, two))
        np.testing.assert_array_equal(one.read(f"average/{name}"), first)
        expected = (first / 2 + second) / 1.5
        found = two.read(f"average/{name}")
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)
        assert np.abs(second - first).max() > 0


def test_a_batch_may_hold_a_picture_twice(config: TrainingConfig) -> None:
    config = dataclasses.replace(config, batch_size=32, epochs=1, steps_per_epoch=None)
    console = quiet()
    values = Trainer(config, console).fit().values
    assert "1 steps of 32" in console.file.getvalue()  # of 24 pictures
    assert values["steps"] == 1


def beginning(variant: str, classes: tuple[str, ...]) -> Beginning:
    described = Description(None, classes)
    weights = Weights("RUN", read=dict, classes=len(classes), description=described)
    return Beginning(weights, architectures.get(variant), None, False)


SIX = tuple("abcdef")
MANY = tuple(map(str, range(100)))


@pytest.mark.parametrize("variant", ["paper", "modern"])
def test_weights_of_few_classes_are_for_the_first_layers(variant: str) -> None:
    """As `configs/finetune.flags` has it: bn1 to bn3 of a network that has them."""
    config = TrainingConfig(init_from="RUN", epochs=90)
    rates = Rates(config, [("conv1", "kernel")], 20)
    begun = beginning(variant, SIX)
    (line,) = notes(config, 192, rates, begun, ("g", "h"))
    flags = [word for word in line.split() if word.startswith("--")]
    recipe = Path(__file__).parents[2] / "configs" / "finetune.flags"
    named = [each[2:] for each in recipe.read_text().splitlines() if each[:4] == "# --"]
    wanted = [each for each in named if "init_from" not in each and "preci" not in each]
    layers = wanted[0] if variant == "modern" else "--init_layers=conv1,conv2,conv3"
    own = f"--model_dir={config.model_dir}-first-layers"
    begin = ["--flagfile=configs/finetune.flags", "--data=shapes", "--init_from=RUN"]
    assert flags == [*begin, layers, *wanted[1:], own]
    assert ": keras-alexnet train --flagfile=" in line
    layers = dataclasses.replace(config, init_layers="conv1")
    for other in (
        (config, 192, rates, begun, SIX),
        (config, 2000, rates, begun, ("g", "h")),
        (config, 192, rates, beginning(variant, MANY), ("g", "h")),
        (layers, 192, rates, begun, ("g", "h")),
    ):
        assert notes(*other) == []
