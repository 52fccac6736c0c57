"""The pictures in a run's directory: when they are drawn, and when they are not."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from finished_runs import quiet
from PIL import Image

import keras_alexnet
from keras_alexnet import architectures
from keras_alexnet.data import evaluation_batches, open_source
from keras_alexnet.evaluation import Confusion
from keras_alexnet.seeing import run_pictures
from keras_alexnet.training import Trainer, TrainingConfig, pictures
from keras_alexnet.weights import runs


@pytest.fixture
def finished(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "run"))


def again(run: Path, data: Path) -> tuple[bool, str]:
    """Runs the command of a finished run; whether it drew, and what it said."""
    config = TrainingConfig(
        data=f"folder:{data}",
        image_size=64,
        batch_size=8,
        epochs=2,
        steps_per_epoch=2,
        model_dir=str(run),
    )
    console = quiet()
    result = Trainer(config, console).fit()
    assert not result.fresh
    return result.drawn, console.file.getvalue()


def contents(run: Path) -> dict[str, bytes]:
    return {
        name: (run / name).read_bytes() for name in (*runs.PICTURES, runs.CONFUSION)
    }


@pytest.mark.compat
def test_a_run_draws_when_it_ends(run: Path, pictures: Path) -> None:
    for name in runs.PICTURES:
        with Image.open(run / name) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 100
    # What Keras itself predicts for the central views.
    source = open_source(f"folder:{pictures}")
    model = keras_alexnet.AlexNet(weights=run)
    recipe = keras_alexnet.weights.recipe_of(run)
    expected = np.zeros((3, 3), int)
    for batch in evaluation_batches(source, 64, 9):
        scores = model.predict(recipe.preprocessing(batch["image"]), verbose=0)
        np.add.at(expected, (batch["label"].numpy(), scores.argmax(axis=1)), 1)
    counts = Confusion.from_csv((run / runs.CONFUSION).read_text())
    np.testing.assert_array_equal(counts.matrix(3), expected)
    top1 = json.loads((run / "result.json").read_text())["val_top1"]
    assert np.trace(expected) / expected.sum() == pytest.approx(top1)


@pytest.mark.compat
def test_a_finished_run_draws_what_is_missing(finished: Path, pictures: Path) -> None:
    before = contents(finished)
    assert again(finished, pictures) == (False, "")
    for gone in ((runs.CURVES,), (*runs.PICTURES, runs.CONFUSION)):
        for name in gone:
            (finished / name).unlink()
        assert again(finished, pictures) == (True, "")
        assert contents(finished) == before


def test_a_run_draws_nothing_until_it_is_to(pictures: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"
    silent = TrainingConfig(
        data=f"folder:{pictures}",
        image_size=64,
        batch_size=8,
        epochs=1,
        steps_per_epoch=1,
        model_dir=str(path),
        pictures=False,
    )
    record = dataclasses.replace(architectures.get("paper"), dense=(16,))

    def drawn(config: TrainingConfig) -> tuple[bool, list[str]]:
        result = Trainer(config, quiet(), record).fit()
        return result.drawn, sorted(each.name for each in path.glob("*.png"))

    assert drawn(silent) == (False, [])
    assert drawn(silent) == (False, [])
    loud = dataclasses.replace(silent, pictures=True)
    assert drawn(loud) == (True, sorted(runs.PICTURES))


def test_without_its_data_a_run_still_draws_the_rest(
    finished: Path, pictures: Path, tmp_path: Path
) -> None:
    for name in (*runs.PICTURES, runs.CONFUSION):
        (finished / name).unlink()
    drawn, said = again(finished, tmp_path / "gone")
    assert drawn
    assert said.count("\n") == 1
    assert said.startswith("confusion.csv was not written: data=folder:DIR must hold")
    assert [name for name in runs.PICTURES if (finished / name).is_file()] == [
        runs.CURVES,
        runs.FILTERS,
    ]


@pytest.mark.parametrize("gone", [runs.CURVES, runs.CONFUSION_PICTURE])
def test_data_are_needed_for_the_confusions_alone(
    finished: Path, tmp_path: Path, gone: str
) -> None:
    (finished / gone).unlink()
    (finished / runs.CONFUSION).unlink()
    drawn, said = again(finished, tmp_path / "gone")
    assert drawn == (gone == runs.CURVES)
    assert said.count("\n") == (0 if drawn else 1)


@pytest.mark.compat
def test_without_matplotlib_a_line_says_how_to_have_it(
    finished: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (finished / runs.FILTERS).unlink()
    monkeypatch.setattr("keras_alexnet.training.pictures.find_spec", lambda name: None)
    drawn, said = again(finished, pictures)
    assert not drawn
    assert said.count("\n") == 1
    assert "pip install 'keras-alexnet[seeing]'" in said


def test_a_picture_that_cannot_be_drawn_is_a_line(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(run: Path) -> None:
        assert (run / "result.json").is_file()
        raise RuntimeError("no room on the canvas")

    monkeypatch.setitem(run_pictures._DRAWN, runs.CURVES, fails)
    console = quiet()
    one = dataclasses.replace(config, epochs=1, steps_per_epoch=1)
    assert Trainer(one, console).fit().fresh
    said = console.file.getvalue()
    assert "curves.png was not drawn: no room on the canvas\n" in said
    there = {each.name for each in Path(config.model_dir).glob("*.png")}
    assert there == {runs.CONFUSION_PICTURE, runs.FILTERS}


def test_an_installation_that_is_broken_is_a_line(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*arguments: object) -> None:
        raise ImportError("numpy.core.umath failed to import")

    monkeypatch.setattr(run_pictures, "draw", fails)
    said: list[str] = []
    assert not pictures.draw(finished, said.append)
    assert said == ["no pictures were drawn: numpy.core.umath failed to import"]
