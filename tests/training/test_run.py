"""Runs: what they write, and that they resume where they stopped."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from finished_runs import Killed, assert_same, confused, killed_after, quiet, rows

from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.training.checkpoints import Checkpoints
from keras_alexnet.training.loop import Loop
from keras_alexnet.weights.checkpoint_files import VALUE
from keras_alexnet.weights.run_weights import read_weights
from keras_alexnet.weights.runs import newest_checkpoint

COLUMNS = (
    "epoch,loss,top1,top5,val_loss,val_top1,val_top5,"
    "learning_rate,images_per_second,data_wait"
)


@pytest.mark.compat
def test_a_run_writes_what_it_says(run: Path) -> None:
    assert (run / "metrics.csv").read_text().splitlines()[0] == COLUMNS
    table = rows(run)
    assert [row["epoch"] for row in table] == ["1", "2"]
    assert all(0 <= float(row["data_wait"]) <= 1 for row in table)
    assert all(math.isfinite(float(row["loss"])) for row in table)
    result = json.loads((run / "result.json").read_text())
    assert result["val_top1"] == pytest.approx(float(table[-1]["val_top1"]), abs=1e-5)
    assert result["val_pictures"] == 9
    assert (run / "example.jpg").read_bytes()[:3] == b"\xff\xd8\xff"
    assert json.loads((run / "data.json").read_text())["class_names"][0] == "0_red"


def test_training_and_validation_have_one_chart(run: Path) -> None:
    tags: dict[str, set[str]] = {}
    for path in (run / "events").glob("*/*"):
        tags[path.parent.name] = {
            value.tag
            for record in tf.data.TFRecordDataset(str(path))
            for value in tf.compat.v1.Event.FromString(record.numpy()).summary.value
        }
    own = {
        "learning_rate",
        "images_per_second",
        "data_wait",
        "peak_memory_gib",
        "conv1",
    }
    both = {"loss", "top1", "top5"}
    assert tags == {"train": own | both, "validation": both}


def test_an_epoch_without_a_step_has_no_speed(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends while it evaluates resumes with the evaluation alone."""
    one = dataclasses.replace(config, epochs=1)
    with monkeypatch.context() as patch:

        def dying(self: Loop) -> None:
            self._save(2)
            raise Killed

        patch.setattr(Loop, "evaluate", dying)
        with pytest.raises(Killed):
            Trainer(one, quiet()).fit()
    console = quiet()
    Trainer(one, console).fit()
    (line,) = [
        each for each in console.file.getvalue().splitlines() if "epoch 1/1" in each
    ]
    assert "images/s" not in line
    assert "data wait" not in line
    assert "top-5" not in line  # of three classes
    (row,) = rows(config.model_dir)
    assert row["images_per_second"] == row["data_wait"] == "nan"


def test_a_finished_run_is_left_as_it_is(run: Path, pictures: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
    config = TrainingConfig(
        data=f"folder:{pictures}",
        image_size=64,
        batch_size=8,
        epochs=2,
        steps_per_epoch=2,
        model_dir=str(run),
    )
    result = Trainer(config, quiet()).fit()
    assert not result.fresh
    assert result.values == json.loads((run / "result.json").read_text())
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before


@pytest.mark.parametrize("steps", [3, 4])
def test_a_killed_run_resumes_as_if_it_had_not_been_killed(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch, steps: int, tmp_path: Path
) -> None:
    whole = dataclasses.replace(config, model_dir=str(tmp_path / "whole"))
    Trainer(whole, quiet()).fit()
    with monkeypatch.context() as patch:
        killed_after(steps, patch)
        with pytest.raises(Killed):
            Trainer(config, quiet()).fit()
    begun = Path(config.model_dir) / "checkpoints" / "step-9_temp"
    begun.mkdir()  # what a kill within a save leaves
    console = quiet()
    Trainer(config, console).fit()
    assert not begun.exists()
    assert f"resumed after step {steps}" in console.file.getvalue()

    assert_same(tmp_path / "whole", config.model_dir)


def test_a_checkpoint_is_written_beside_the_steps(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(
        config, epochs=1, steps_per_epoch=3, checkpoint_steps=1, keep_optimizer=True
    )
    later, in_time = threading.Event(), []
    step, write = Loop._step, Checkpoints._write

    def stepping(self: Loop, batches: object, number: int) -> None:
        step(self, batches, number)
        if number == 2:
            later.set()

    def waiting(self: Checkpoints, path: Path, *state: object) -> None:
        in_time.append(later.wait(60))
        write(self, path, *state)

    monkeypatch.setattr(Loop, "_step", stepping)
    monkeypatch.setattr(Checkpoints, "_write", waiting)
    Trainer(config, quiet()).fit()
    assert in_time == [True] * 3  # that of step 1 waited for step 2
    saved = Path(config.model_dir) / "checkpoints"
    steps = [
        tf.train.load_variable(str(saved / f"step-{n}"), f"step{VALUE}") for n in (2, 3)
    ]
    assert steps == [2, 3]


def test_an_epoch_is_not_said_to_be_done_before_its_state_is_taken(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(self: Checkpoints, *arguments: object) -> None:
        raise tf.errors.UnavailableError(None, None, "another worker is gone")

    monkeypatch.setattr(Checkpoints, "save", lost)
    config = dataclasses.replace(config, epochs=1, checkpoint_steps=None)
    console = quiet()
    with pytest.raises(tf.errors.UnavailableError):
        Trainer(config, console).fit()
    assert "epoch 1/1" not in console.file.getvalue()


def test_another_configurations_run_is_not_touched(run: Path, pictures: Path) -> None:
    config = TrainingConfig(data=f"folder:{pictures}", model_dir=str(run))
    with pytest.raises(ValueError, match="whose run has batch_size=8, not 128"):
        Trainer(config, quiet())


def test_a_directory_with_other_things_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("my life's work")
    with pytest.raises(ValueError, match="holds something else"):
        Trainer(TrainingConfig(model_dir=str(tmp_path)), quiet())


def test_a_setting_newer_than_the_run_had_its_default(
    config: TrainingConfig,
) -> None:
    Trainer(config, quiet()).fit()
    flags = Path(config.model_dir) / "config.flags"
    lines = flags.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("--warmup_steps")]
    assert len(kept) == len(lines) - 1
    flags.write_text("\n".join(kept))
    assert not Trainer(config, quiet()).fit().fresh
    with pytest.raises(ValueError, match="warmup_steps=0, not 5"):
        Trainer(dataclasses.replace(config, warmup_steps=5), quiet())


def test_a_number_in_another_spelling_is_the_same_setting(
    config: TrainingConfig,
) -> None:
    Trainer(config, quiet()).fit()
    flags = Path(config.model_dir) / "config.flags"
    text = flags.read_text()
    assert "--bias_rate=2.0" in text
    flags.write_text(text.replace("--bias_rate=2.0", "--bias_rate=2"))
    assert not Trainer(config, quiet()).fit().fresh


def test_a_run_that_was_killed_as_it_began_is_resumed(config: TrainingConfig) -> None:
    run = Path(config.model_dir)
    run.mkdir()
    (run / ".keras_alexnet.metrics.csv.abcd1234").write_text("half a li")
    (run / "example.jpg").write_bytes(b"half a picture")
    mine = (".env.template", ".notes.markdown")
    for name in mine:
        (run / name).write_text("mine")
    assert Trainer(config, quiet()).fit().fresh
    assert {path.name for path in run.glob(".*")} == {".lock", *mine}


@pytest.mark.parametrize("name", ["model_dir", "export_dir"])
def test_a_directory_that_cannot_be_is_refused_at_once(
    config: TrainingConfig, name: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    for path in ("file", "file/deeper"):
        bad = dataclasses.replace(config, **{name: str(tmp_path / path)})
        with pytest.raises(ValueError, match=f"Received: {name}="):
            Trainer(bad, quiet())


@pytest.fixture
def fed_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches come as they do for one GPU: copied before they are needed."""
    monkeypatch.setattr(
        "keras_alexnet.data.batches._feeding",
        lambda strategy: tf.distribute.OneDeviceStrategy("/CPU:0"),
    )


def test_batches_that_come_ahead_are_the_same(
    config: TrainingConfig, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    as_needed = dataclasses.replace(config, model_dir=str(tmp_path / "as_needed"))
    Trainer(as_needed, quiet()).fit()
    request.getfixturevalue("fed_ahead")
    Trainer(config, quiet()).fit()
    assert_same(as_needed.model_dir, config.model_dir)


@pytest.mark.parametrize("ahead", [False, True])
def test_a_picture_that_goes_bad_is_named(
    config: TrainingConfig,
    request: pytest.FixtureRequest,
    pictures: Path,
    tmp_path: Path,
    ahead: bool,
) -> None:
    if ahead:
        request.getfixturevalue("fed_ahead")
        config = dataclasses.replace(config, steps_per_call=3, steps_per_epoch=3)
        config = dataclasses.replace(config, checkpoint_steps=None)
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    bad = root / "train" / "2_blue" / "003.jpg"
    bad.write_bytes(bad.read_bytes()[:300])
    spoiled = dataclasses.replace(config, data=f"folder:{root}")
    with pytest.raises(ValueError, match=r"Received: .*2_blue/003\.jpg"):
        Trainer(spoiled, quiet()).fit()


# Two devices divide each batch, which one device takes alone.
TWO_DEVICES = """
import dataclasses, io, sys
import keras, tensorflow as tf
from rich.console import Console
from keras_alexnet import architectures
from keras_alexnet.training import Trainer, TrainingConfig
count, data, path = int(sys.argv[1]), sys.argv[2], sys.argv[3]
cpu = tf.config.list_physical_devices("CPU")[0]
devices = [tf.config.LogicalDeviceConfiguration()] * count
tf.config.set_logical_device_configuration(cpu, devices)
variant = sys.argv[4]
record = dataclasses.replace(architectures.get(variant), dense=(16, 16))
config = TrainingConfig(data=data, image_size=64, batch_size=8,
                        epochs=int(sys.argv[5]), steps_per_epoch=2,
                        keep_optimizer=True, model_dir=path)
console = Console(file=io.StringIO())
Trainer(config, console, record).fit()
print(f"on {count} device(s)" in console.file.getvalue())
"""


@pytest.mark.parametrize(
    "variant", ["paper", pytest.param("modern", marks=pytest.mark.compat)]
)
def test_two_devices_train_as_one(
    python, pictures: Path, tmp_path: Path, variant: str
) -> None:
    data = f"folder:{pictures}"
    for count in ("1", "2"):
        out = python(TWO_DEVICES, count, data, str(tmp_path / count), variant, "3")
        assert out.strip() == "True"
    one, two = rows(tmp_path / "1"), rows(tmp_path / "2")
    for first, second in zip(one, two, strict=True):
        for name in ("loss", "val_loss"):
            assert float(first[name]) == pytest.approx(float(second[name]), rel=1e-5)
    assert confused(tmp_path / "1") == confused(tmp_path / "2") == [3, 3, 3]
    alone = read_weights(newest_checkpoint(tmp_path / "1"))
    for layer, values in read_weights(newest_checkpoint(tmp_path / "2")).items():
        for name, value in values.items():
            # Keras 2 on one device keeps n / (n - 1) of the variance of n values.
            corrected = name == "moving_variance" and keras.__version__ < "3"
            rtol = 0.01 if corrected else 1e-7
            np.testing.assert_allclose(value, alone[layer][name], rtol, atol=1e-6)


def test_two_devices_are_given_more_epochs(
    python, pictures: Path, tmp_path: Path
) -> None:
    """Two epochs and one more, each a process of its own, are as three on one."""
    data, path = f"folder:{pictures}", str(tmp_path / "two")
    for epochs in ("2", "3"):
        out = python(TWO_DEVICES, "2", data, path, "paper", epochs)
        assert out.strip() == "True"
    python(TWO_DEVICES, "1", data, str(tmp_path / "one"), "paper", "3")
    alone = read_weights(newest_checkpoint(tmp_path / "one"))
    for layer, values in read_weights(newest_checkpoint(tmp_path / "two")).items():
        for name, value in values.items():
            np.testing.assert_allclose(value, alone[layer][name], 1e-7, atol=1e-6)
    for first, second in zip(rows(tmp_path / "one"), rows(path), strict=True):
        for name in ("loss", "val_loss"):
            assert float(first[name]) == pytest.approx(float(second[name]), rel=1e-5)
    assert (tmp_path / "two" / "result_2_epochs.json").is_file()
