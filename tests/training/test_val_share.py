"""Runs on folders that are divided by class, and runs without validation."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import tensorflow as tf
from finished_runs import Killed, assert_same, killed_after, quiet, rows

import keras_alexnet
from keras_alexnet.data import open_source, preparation
from keras_alexnet.training import Trainer, TrainingConfig

SCORES = ("val_loss", "val_top1", "val_top5")


@pytest.fixture
def plain(pictures: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pictures / "train", tmp_path / "plain"))


@pytest.fixture
def divided(config: TrainingConfig, plain: Path) -> TrainingConfig:
    return dataclasses.replace(config, data=f"folder:{plain}", epochs=2)


def test_a_run_keeps_its_division(
    divided: TrainingConfig, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = quiet()
    with monkeypatch.context() as patch:
        killed_after(3, patch)
        with pytest.raises(Killed):
            Trainer(divided, console).fit()
    line = "divided: 18 to train, 6 to validate, by class, seed 0\n"
    assert line in console.file.getvalue()
    data = json.loads(Path(divided.model_dir, "data.json").read_text())
    assert data["division"] == {"val_share": 0.2, "seed": 0}
    assert data["sizes"] == {"train": 18, "validation": 6}
    for change, message in (
        ({"val_share": 0.3}, "whose run has val_share=0.2, not 0.3"),
        ({"val_share": 0.0}, "whose run has val_share=0.2, not 0.0"),
        ({"seed": 1}, "whose run has seed=0, not 1"),
    ):
        with pytest.raises(ValueError, match=message):
            Trainer(dataclasses.replace(divided, **change), quiet())
    picture = plain / "0_red" / "000.jpg"
    shutil.copy(picture, plain / "0_red" / "new.jpg")
    with pytest.raises(ValueError, match=r"has .* pictures, not|but other ones"):
        Trainer(divided, quiet()).fit()
    (plain / "0_red" / "new.jpg").unlink()
    Trainer(divided, quiet()).fit()
    result = json.loads(Path(divided.model_dir, "result.json").read_text())
    assert result["val_pictures"] == 6


@pytest.mark.compat
def test_a_run_without_validation_resumes_as_if_it_had_not_been_killed(
    divided: TrainingConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blind = dataclasses.replace(divided, val_share=0.0)
    whole = dataclasses.replace(blind, model_dir=str(tmp_path / "whole"))
    console = quiet()
    assert Trainer(whole, console).fit().values["val_top1"] is None
    for steps in (1, 2, 3):
        with monkeypatch.context() as patch:
            killed_after(steps, patch)
            with pytest.raises(Killed):
                Trainer(blind, quiet()).fit()
    Trainer(blind, quiet()).fit()
    assert_same(whole.model_dir, blind.model_dir)

    shown = console.file.getvalue()
    assert "no pictures to validate, since val_share=0: 24 to train" in shown
    assert "epoch 2/2  loss" in shown
    assert "val top-1" not in shown
    table = rows(blind.model_dir)
    assert [row["epoch"] for row in table] == ["1", "2"]
    for row in table:
        assert [row[name] for name in SCORES] == ["", "", ""]
    result = json.loads(Path(blind.model_dir, "result.json").read_text())
    assert [result[name] for name in SCORES] == [None, None, None]
    assert result["val_pictures"] == 0
    assert result["steps"] == 4
    assert Path(blind.model_dir, "example.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    assert not Trainer(blind, quiet()).fit().fresh
    tags = {
        value.tag
        for path in Path(blind.model_dir, "events").rglob("*.tfevents*")
        for record in tf.data.TFRecordDataset(str(path))
        for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value
    }
    assert {"loss", "top1", "conv1"} <= tags
    assert not tags & set(SCORES)


def test_the_rule_of_the_paper_needs_validation() -> None:
    with pytest.raises(ValueError, match=r"schedule must be another .* val_share=0"):
        TrainingConfig(schedule="plateau", val_share=0)


def test_a_run_without_validation_is_a_model(
    divided: TrainingConfig, pictures: Path, tmp_path: Path
) -> None:
    export = str(tmp_path / "servable")
    blind = dataclasses.replace(divided, val_share=0.0, epochs=1, export_dir=export)
    assert Path(Trainer(blind, quiet()).fit().values["export"]).is_dir()
    classifier = keras_alexnet.Classifier(blind.model_dir)
    picture = pictures / "val" / "0_red" / "000.jpg"
    assert len(classifier.predict(picture)[0]) == 3


@pytest.mark.parametrize("share", [0.25, 0.0])
def test_records_keep_the_division(
    divided: TrainingConfig, plain: Path, tmp_path: Path, share: float
) -> None:
    out = str(tmp_path / "out")

    def prepare(**options: object) -> tuple[object, bool]:
        source = open_source(f"folder:{plain}", check_pictures=False, **options)
        return preparation.prepare(source, out, preparation.Settings(73), processes=1)

    description, _ = prepare(val_share=share, seed=3)
    assert description.sizes == {"train": 24 - 24 * share, "validation": 24 * share}
    assert prepare(val_share=share, seed=3) == (description, False)
    with pytest.raises(ValueError, match=r"whose division is .*'seed': 3.*'seed': 4"):
        prepare(val_share=share, seed=4)
    config = dataclasses.replace(divided, data=f"records:{out}", epochs=1, seed=3)
    if not share:
        with pytest.raises(ValueError, match="give val_share=0 to train without"):
            Trainer(config, quiet()).fit()
        config = dataclasses.replace(config, val_share=0.0)
    Trainer(config, quiet()).fit()
    data = json.loads(Path(config.model_dir, "data.json").read_text())
    assert data["division"] == {"val_share": share, "seed": 3}
