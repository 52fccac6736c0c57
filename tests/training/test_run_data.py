"""A run holds to the data that it has begun with, and is opened with their names."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from finished_runs import Killed, killed_after, quiet, rows

import keras_alexnet
from keras_alexnet.data import open_source
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.training.loop import Loop
from keras_alexnet.training.run_directory import RunDirectory
from keras_alexnet.weights import recipe_of


@pytest.fixture
def photos(pictures: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pictures, tmp_path / "photos"))


@pytest.fixture
def begun(
    config: TrainingConfig, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> TrainingConfig:
    """A run that ended after its first epoch, where no handler saw it."""
    config = dataclasses.replace(config, data=f"folder:{photos}")
    with monkeypatch.context() as patch:
        killed_after(3, patch)
        with pytest.raises(Killed):
            Trainer(config, quiet()).fit()
    return config


def rename_class(photos: Path) -> None:
    for split in ("train", "val"):
        (photos / split / "0_red").rename(photos / split / "9_red")


def add_class(photos: Path) -> None:
    shutil.copytree(photos / "train" / "0_red", photos / "train" / "00_new")


def swap_classes(photos: Path) -> None:
    """The same names and numbers, and all labels wrong."""
    for split in ("train", "val"):
        one, other = photos / split / "0_red", photos / split / "1_green"
        one.rename(photos / "aside")
        other.rename(one)
        (photos / "aside").rename(other)
    # Without a renamed file nothing would differ: the folders hold the same names.
    (photos / "train" / "0_red" / "000.jpg").rename(photos / "train/0_red/100.jpg")


def delete_pictures(photos: Path) -> None:
    for path in sorted(photos.glob("train/*/*"))[::2]:
        path.unlink()


CHANGES: dict[Callable[[Path], None], str] = {
    rename_class: r"the classes are others: gone \['0_red'\], new \['9_red'\]",
    add_class: r"the classes are others: new \['00_new'\]",
    swap_classes: "there are as many pictures, but other ones",
    delete_pictures: "train has 12 pictures, not 24",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("dry", [False, True])
def test_other_data_are_refused_and_nothing_is_written(
    begun: TrainingConfig, photos: Path, change: Callable[[Path], None], dry: bool
) -> None:
    run = Path(begun.model_dir)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    change(photos)
    trainer = Trainer(begun, quiet())
    with pytest.raises(ValueError, match=CHANGES[change]) as caught:
        trainer.dry_run() if dry else trainer.fit()
    assert "data must be those that the run began with" in str(caught.value)
    after = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert after == before


def test_the_same_data_by_another_name_or_elsewhere_are_the_same(
    begun: TrainingConfig, photos: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(photos.parent)
    moved = photos.rename("moved")
    data = Path(begun.model_dir, "data.json").read_bytes()
    for name in ("moved", "moved/", "./moved", str(moved.absolute())):
        Trainer(dataclasses.replace(begun, data=f"folder:{name}"), quiet()).dry_run()
    Trainer(dataclasses.replace(begun, data="folder:moved"), quiet()).fit()
    assert [row["epoch"] for row in rows(begun.model_dir)] == ["1", "2", "3"]
    assert Path(begun.model_dir, "data.json").read_bytes() == data
    flags = Path(begun.model_dir, "config.flags").read_text()
    assert "--data=folder:moved\n" in flags  # where they lie now


def test_a_run_of_an_older_version_is_held_to_what_it_knows(
    begun: TrainingConfig, photos: Path
) -> None:
    """Without a fingerprint: the name, the classes and how many pictures there are."""
    path = Path(begun.model_dir, "data.json")
    data = json.loads(path.read_text())
    fingerprint = data.pop("fingerprint")
    path.write_text(json.dumps(data))
    other = dataclasses.replace(begun, data=f"folder:{photos}/")
    with pytest.raises(ValueError, match=r"whose run has data=folder:"):
        Trainer(other, quiet())
    Trainer(begun, quiet()).fit()
    assert json.loads(path.read_text()) == {**data, "fingerprint": fingerprint}


def test_what_a_run_that_never_began_wrote_binds_nobody(
    config: TrainingConfig, photos: Path
) -> None:
    trainer = Trainer(config, quiet())
    trainer.run.claim(config, open_source(config.data), recipe_of("paper", 64))
    trainer.run.flags_path.unlink()  # killed before the last of the two
    rename_class(photos)
    other = dataclasses.replace(config, data=f"folder:{photos}")
    Trainer(other, quiet()).fit()
    names = json.loads(Path(config.model_dir, "data.json").read_text())["class_names"]
    assert names == ["1_green", "2_blue", "9_red"]


@pytest.mark.parametrize("names", [["a", "b"], ["a", "b", "c", "d"]])
def test_names_must_be_as_many_as_the_networks_outputs(
    run: Path, tmp_path: Path, predict, names: list[str]
) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    data = json.loads((copy / "data.json").read_text())
    (copy / "data.json").write_text(json.dumps({**data, "class_names": names}))
    with pytest.raises(ValueError, match="each of the network's 3 classes"):
        keras_alexnet.AlexNet(weights=copy)
    code, out, err = predict(f"--model={copy}", str(copy / "example.jpg"))
    assert (code, out) == (2, "")
    assert f"with {len(names)} names" in err


DAMAGE = {
    "data.json": ('{"class_names": ["a", "b', "data.json"),
    "config.flags": ("--seed=1\n", "without a variant"),
    "result.json": ("[1]", "a list, no object"),
    "metrics.csv": ("epoch,loss\n1,2\n", "line 2 has not the columns"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_files_of_a_run_are_named(begun: TrainingConfig, name: str) -> None:
    content, expected = DAMAGE[name]
    path = Path(begun.model_dir, name)
    path.write_text(content)
    with pytest.raises(ValueError, match=expected) as caught:
        Trainer(begun, quiet()).fit()
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_text() == content


def test_an_epoch_without_a_step_is_not_written(
    begun: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the epoch has become shorter: 3 steps are past two epochs of one."""
    monkeypatch.setattr(RunDirectory, "check", lambda *given: None)
    shorter = dataclasses.replace(begun, steps_per_epoch=1)
    with pytest.raises(ValueError, match="must be of a step from 1 to 2"):
        Trainer(shorter, quiet()).fit()
    assert [row["epoch"] for row in rows(begun.model_dir)] == ["1"]


def test_an_epoch_of_batches_that_were_all_left_out_is_not_written(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(config, on_nonfinite="skip")
    monkeypatch.setattr(Loop, "_step", lambda self, batches, step: None)
    with pytest.raises(ValueError, match="must have trained on some pictures"):
        Trainer(config, quiet()).fit()
    assert not Path(config.model_dir, "metrics.csv").exists()


def test_a_finished_run_of_other_data_is_refused(
    config: TrainingConfig, photos: Path
) -> None:
    Trainer(config, quiet()).fit()
    moved = dataclasses.replace(config, data=f"folder:{photos}")
    assert not Trainer(moved, quiet()).fit().fresh  # the same in another place
    next(photos.glob("train/*/*.jpg")).unlink()
    with pytest.raises(ValueError, match="data must be those that the run began with"):
        Trainer(moved, quiet()).fit()


def test_a_finished_run_is_exported_when_that_is_asked_for(
    config: TrainingConfig, tmp_path: Path
) -> None:
    Trainer(config, quiet()).fit()
    asked = dataclasses.replace(config, export_dir=str(tmp_path / "servable"))
    result = Trainer(asked, quiet()).fit()
    assert (result.fresh, result.exported) == (False, True)
    export = tmp_path / "servable" / "1"
    assert (export / "saved_model.pb").is_file()
    written = json.loads(Path(config.model_dir, "result.json").read_text())
    assert written == result.values
    assert written["export"] == str(export)
    assert not Trainer(asked, quiet()).fit().exported
    shutil.rmtree(export)
    assert Trainer(asked, quiet()).fit().exported


@pytest.mark.parametrize("name", ["a\nb", "k\udce9", " a"])
def test_text_that_a_flagfile_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="model_dir must be one line of UTF-8"):
        TrainingConfig(model_dir=name)
