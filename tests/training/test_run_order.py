"""A run reads its pictures in the order that it began with, resumed or not."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from finished_runs import assert_same, dies_after, quiet

from keras_alexnet.data import open_source
from keras_alexnet.data.preparation import Settings, prepare
from keras_alexnet.data.records import RecordsSource
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.weights import run_weights, runs


@pytest.fixture
def on_records(config: TrainingConfig, tmp_path: Path) -> TrainingConfig:
    """Two passes over records, three steps each."""
    prepared = str(tmp_path / "prepared")
    prepare(open_source(config.data), prepared, Settings(73), processes=1)
    return dataclasses.replace(
        config, data=f"records:{prepared}", steps_per_epoch=3, epochs=2
    )


def held(config: TrainingConfig) -> dict:
    return json.loads(Path(config.model_dir, runs.DATA).read_text())


def forget_order(config: TrainingConfig) -> None:
    """Leaves what earlier versions wrote, which knew of one order."""
    data = held(config)
    del data[runs.ORDER]
    Path(config.model_dir, runs.DATA).write_text(json.dumps(data))


def weights(config: TrainingConfig) -> np.ndarray:
    newest = runs.newest_checkpoint(Path(config.model_dir))
    return run_weights.read_weights(newest)["conv1"]["kernel"]


@pytest.mark.parametrize("began_with", [1, pytest.param(2, marks=pytest.mark.compat)])
@pytest.mark.parametrize("steps", [1, 4])
def test_a_killed_run_resumes_in_the_order_that_it_began_with(
    on_records: TrainingConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    began_with: int,
    steps: int,
) -> None:
    killed = dataclasses.replace(on_records, model_dir=str(tmp_path / "killed"))
    with monkeypatch.context() as earlier:
        earlier.setattr(RecordsSource, "order", began_with)
        Trainer(on_records, quiet()).fit()
        dies_after(steps, earlier, killed)
    assert held(killed)[runs.ORDER] == began_with
    if began_with == 1:
        forget_order(killed)
    Trainer(killed, quiet()).fit()
    assert_same(on_records.model_dir, killed.model_dir)
    assert held(killed).get(runs.ORDER, 1) == began_with


def test_new_runs_have_the_newest_order(
    on_records: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dataclasses.replace(on_records, model_dir=str(tmp_path / "before"))
    with monkeypatch.context() as earlier:
        earlier.setattr(RecordsSource, "order", 1)
        Trainer(before, quiet()).fit()
    Trainer(on_records, quiet()).fit()
    assert held(on_records)[runs.ORDER] == 2
    assert np.abs(weights(on_records) - weights(before)).max() > 0


@pytest.mark.parametrize("order", [0, 3, "2", None, [1]])
def test_an_order_that_is_not_known_is_refused(
    on_records: TrainingConfig, monkeypatch: pytest.MonkeyPatch, order: object
) -> None:
    with monkeypatch.context() as patch:
        dies_after(1, patch, on_records)
    data = {**held(on_records), runs.ORDER: order}
    Path(on_records.model_dir, runs.DATA).write_text(json.dumps(data))
    with pytest.raises(
        ValueError, match=r"order .* 1 to 2; .* with the order"
    ) as caught:
        Trainer(on_records, quiet()).fit()
    assert "\n" not in str(caught.value)
