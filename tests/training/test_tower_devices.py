"""The trainer with a tower on each device: the same run as with both on one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from finished_runs import quiet, rows

from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.weights.runs import newest_checkpoint, read_weights


def losses(run: str) -> list[float]:
    return [float(row["loss"]) for row in rows(run)]


@pytest.mark.compat
def test_a_run_may_change_between_the_forms(
    config: TrainingConfig, tmp_path: Path
) -> None:
    packed = dataclasses.replace(config, model_dir=str(tmp_path / "packed"))
    Trainer(packed, quiet()).fit()
    # One device twice: two logical ones would have to be made before all tests.
    spread = dataclasses.replace(config, tower_devices="CPU:0,CPU:0")
    first = dataclasses.replace(spread, epochs=3)
    Trainer(first, quiet()).fit()
    np.testing.assert_allclose(
        losses(first.model_dir), losses(packed.model_dir), rtol=1e-4
    )
    (Path(first.model_dir) / "result.json").unlink()
    console = quiet()
    again = dataclasses.replace(first, tower_devices="")
    Trainer(again, console).fit()
    assert "taken up again after step 6" in console.file.getvalue()
    ours, theirs = (
        read_weights(newest_checkpoint(Path(run)))
        for run in (again.model_dir, packed.model_dir)
    )
    assert ours["conv2"]["kernel"].shape == (5, 5, 48, 256)
    for layer, weights in theirs.items():
        for name, value in weights.items():
            np.testing.assert_allclose(ours[layer][name], value, atol=1e-5)


def test_a_dry_run_shows_towers_and_exchanges(config: TrainingConfig) -> None:
    console = quiet()
    spread = dataclasses.replace(config, tower_devices="CPU:0,CPU:0")
    Trainer(spread, console).dry_run()
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert ["conv2b", "OnDevice", "7", "×", "7", "×", "128", "153,728"] in lines
    assert ["to_conv3", "Exchange", "3", "×", "3", "×", "256"] in lines


@pytest.mark.parametrize(
    "settings",
    [
        {"strategy": "mirrored"},
        {"devices": "CPU:0"},
    ],
)
def test_towers_and_batches_are_not_shared_together(
    config: TrainingConfig, settings: dict
) -> None:
    both = dataclasses.replace(config, tower_devices="CPU:0,CPU:0", **settings)
    with pytest.raises(ValueError, match="tower_devices must stand without"):
        Trainer(both, quiet()).fit()


def test_a_device_that_is_missing_is_one_line(config: TrainingConfig) -> None:
    missing = dataclasses.replace(config, tower_devices="GPU:0,GPU:7")
    with pytest.raises(ValueError, match=r"must be there.*Received: devices=GPU:"):
        Trainer(missing, quiet()).fit()


def test_a_network_of_one_tower_has_none_to_spread(config: TrainingConfig) -> None:
    modern = dataclasses.replace(
        config, variant="modern", image_size=67, tower_devices="CPU:0,CPU:0"
    )
    with pytest.raises(ValueError, match="Received: "):
        Trainer(modern, quiet()).fit()


TWO = """
import io, sys
from rich.console import Console
from keras_alexnet.training import Trainer, TrainingConfig
config = TrainingConfig(data=sys.argv[1], image_size=64, batch_size=8, epochs=2,
                        steps_per_epoch=2, tower_devices="CPU:0,CPU:1",
                        model_dir=sys.argv[2])
Trainer(config, Console(file=io.StringIO())).fit()
"""


def test_two_logical_devices_train_as_one(
    python, run: Path, pictures: Path, tmp_path: Path
) -> None:
    python(TWO, f"folder:{pictures}", str(tmp_path / "two"))
    np.testing.assert_allclose(
        losses(str(tmp_path / "two")), losses(str(run)), rtol=1e-5
    )
