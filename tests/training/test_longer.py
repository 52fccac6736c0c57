"""Runs that are given more epochs, after they have ended or were stopped."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest
from finished_runs import (
    Killed,
    assert_same,
    dies_after,
    directory,
    quiet,
    rows,
    trained,
)

from keras_alexnet import commands
from keras_alexnet.evaluation import Scores
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.training.course import Course, Stretch
from keras_alexnet.training.description import rate_ahead
from keras_alexnet.training.loop import Loop
from keras_alexnet.training.rates import Rates
from keras_alexnet.training.run_directory import RunDirectory


@pytest.fixture
def short(config: TrainingConfig) -> TrainingConfig:
    """Two epochs of two steps, with all that a further step needs."""
    return dataclasses.replace(config, epochs=2, keep_optimizer=True)


def result(config: TrainingConfig) -> dict:
    """The content of result.json that does not depend on the machine's speed."""
    values = json.loads((Path(config.model_dir) / "result.json").read_text())
    return {k: v for k, v in values.items() if k not in ("seconds", "peak_memory_gib")}


STEPPED = {"schedule": "step", "step_epochs": "1,3"}


@pytest.mark.parametrize(
    ("dies", "settings", "line"),
    [
        pytest.param(
            3,
            {},
            "epochs 2-4 (steps 4-8): rate 0.01 to the end",
            marks=pytest.mark.compat,
        ),
        (4, STEPPED, "epochs 3-4: rate 0.001, divided by 10 after epoch 3"),
        (5, {"average": "moving_average"}, "epochs 3-4 (steps 6-8): rate 0.01"),
    ],
)
def test_two_epochs_and_two_more_are_as_four(
    short: TrainingConfig,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    dies: int,
    settings: dict,
    line: str,
) -> None:
    """Killed before the end of the two, after it, and within the further two."""
    short = dataclasses.replace(short, **settings)
    longer = dataclasses.replace(short, epochs=4)
    if dies >= 4:
        trained(short)
    with monkeypatch.context() as patch:
        dies_after(dies, patch, longer if dies >= 4 else short)
    said = trained(longer)
    assert f"resumed after step {dies}\n" in said
    assert line in said
    whole = dataclasses.replace(longer, model_dir=str(tmp_path / "whole"))
    trained(whole)
    assert_same(whole.model_dir, longer.model_dir)
    assert result(longer) == result(whole)
    flags = Path(longer.model_dir, "config.flags").read_text()
    assert "--epochs=4\n" in flags


def cosine(step: int, total: int) -> float:
    return 0.01 * (1 + math.cos(math.pi * (step - 1) / total)) / 2


def test_the_cosine_of_what_is_done_stays(
    short: TrainingConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    short = dataclasses.replace(short, schedule="cosine")
    longer = dataclasses.replace(short, epochs=4)
    trained(short)
    with monkeypatch.context() as patch:
        said = dies_after(4, patch, longer)
    expected = (
        f"epochs 3-4: rate {cosine(5, 8):g} falling to 0 by the cosine over 4 epochs; "
        "epochs 1-2 had the one over 2\n"
    )
    assert expected in said
    # A step that is done is repeated by its former rate, not by the new one.
    (data,) = Path(short.model_dir, "checkpoints").glob("step-4.data*")
    data.write_bytes(b"damaged")
    said = trained(longer)
    assert "resumed after step 3\n" in said
    assert expected in said
    rates = [float(row["learning_rate"]) for row in rows(longer.model_dir)]
    lengths = ((2, 4), (4, 4), (6, 8), (8, 8))
    assert rates == pytest.approx([cosine(*each) for each in lengths], rel=1e-5)
    # It is the same as without kill and damage.
    again = dataclasses.replace(short, model_dir=str(tmp_path / "again"))
    trained(again)
    again = dataclasses.replace(again, epochs=4)
    trained(again)
    assert_same(again.model_dir, longer.model_dir)
    # What the run was is kept.
    course = json.loads(Path(longer.model_dir, "course.json").read_text())
    assert course == {"before": [{"epochs": 2, "last_step": 4}]}
    former = json.loads(Path(longer.model_dir, "result_2_epochs.json").read_text())
    assert (former["steps"], result(longer)["steps"]) == (4, 8)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], Course(14)),
        ([(14, 50)], Course(14)),
        ([(30, 0)], Course(30)),
        ([(30, 140)], Course(30, (Stretch(14, 140),))),
        ([(30, 140), (30, 170)], Course(30, (Stretch(14, 140),))),
        ([(30, 140), (40, 140)], Course(40, (Stretch(14, 140),))),
        ([(30, 140), (40, 130)], Course(40, (Stretch(14, 130),))),
        ([(30, 140), (20, 155)], Course(20, (Stretch(14, 140), Stretch(30, 155)))),
    ],
)
def test_a_course_keeps_the_lengths_of_steps_that_are_done(
    changes: list, expected: Course, tmp_path: Path
) -> None:
    course = Course(14)
    for epochs, step in changes:
        course = course.continued(epochs, step)
    assert course == expected
    assert course.begun_with == (30 if changes[:1] == [(30, 0)] else 14)
    course.write(tmp_path / "course.json")
    assert Course.read(tmp_path / "course.json", course.epochs) == course


def test_a_damaged_course_is_named(tmp_path: Path) -> None:
    path = tmp_path / "course.json"
    path.write_text('{"before": [{"epochs": 2}]}')
    with pytest.raises(ValueError, match=r"course.json of a run must be .*Received: "):
        Course.read(path, 4)


LINES = {
    "epoch 4: rate 0.01 to the end": ({}, 4, 30, []),
    "epochs 3-4 (steps 26-40): rate 0.01 to the end": ({}, 4, 25, []),
    "epochs 3-9: rate 0.001, divided by 10 after epoch 5, 7": (
        {"schedule": "step", "step_epochs": "1,5,7,9"},
        9,
        20,
        [],
    ),
    "epochs 4-9: rate 0.001, divided by 10 when the validation error stops improving": (
        {"schedule": "plateau", "patience": 1},
        9,
        30,
        [0.5, 0.4, 0.4],
    ),
    # The end of a warm-up does not move: ε₀ · t / W.
    "epochs 3-9: rate 0.0042 rising to 0.01 until step 50, then falling to 0 by the "
    "cosine over 9 epochs; epochs 1-2 had the one over 3": (
        {"schedule": "cosine", "warmup_steps": 50},
        9,
        20,
        [],
    ),
}


@pytest.mark.parametrize("line", LINES)
def test_the_rate_ahead_is_said(line: str) -> None:
    settings, epochs, step, errors = LINES[line]
    course = Course(3).continued(epochs, step)
    config = TrainingConfig(epochs=epochs, **settings)
    rates = Rates(config, [("conv1", "kernel")], 10, course)
    assert rate_ahead(rates, step, errors) == line


def test_a_run_may_be_shortened_to_what_is_not_begun(
    short: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = dataclasses.replace(short, epochs=90)
    with monkeypatch.context() as patch:
        dies_after(3, patch, planned)
    assert "epoch 2 (steps 4-4): rate 0.01 to the end" in trained(short)
    assert result(short)["epochs"] == 2


CHANGES = {
    "fewer epochs": ({"epochs": 1}, "epochs must be at least 2, which the run has"),
    "another rate": (
        {"epochs": 4, "learning_rate": 0.02},
        "leave out --learning_rate to continue this run",
    ),
    "another schedule": ({"epochs": 4, "schedule": "cosine"}, "leave out --schedule"),
    "another batch": ({"batch_size": 16}, "leave out --batch_size"),
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> TrainingConfig:
    """A run that has ended and kept only what people use of it."""
    path = tmp_path_factory.mktemp("ended") / "run"
    config = TrainingConfig(
        data=f"folder:{pictures}",
        image_size=64,
        batch_size=8,
        epochs=2,
        steps_per_epoch=1,
        model_dir=str(path),
    )
    trained(config)
    return config


@pytest.mark.parametrize("name", CHANGES)
def test_what_would_change_the_past_is_refused(
    ended: TrainingConfig, name: str
) -> None:
    changes, expected = CHANGES[name]
    before = directory(ended)
    with pytest.raises(ValueError, match=expected) as caught:
        Trainer(dataclasses.replace(ended, **changes), quiet())
    text = str(caught.value)
    assert f"--init_from={ended.model_dir} and another --model_dir" in text
    assert "\n" not in text
    assert directory(ended) == before


def test_a_run_whose_checkpoints_are_gone_does_not_begin_again(
    ended: TrainingConfig, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for name in ("config.flags", "data.json", "result.json"):
        (run / name).write_bytes(Path(ended.model_dir, name).read_bytes())
    moved = dataclasses.replace(ended, model_dir=str(run), epochs=4)
    with pytest.raises(ValueError, match=r"must have its checkpoints.*which has none"):
        Trainer(moved, quiet())


def test_no_epoch_follows_the_papers_own_end(
    short: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a lower error it ends by itself after four times the patience."""
    flat = Scores(loss=1.0, top1=0.5, top5=1.0, pictures=9)
    monkeypatch.setattr(Loop, "evaluate", lambda self: flat)
    plateau = dataclasses.replace(short, schedule="plateau", patience=1, epochs=20)
    trained(plateau)
    assert result(plateau)["epochs"] == 5
    before = directory(plateau)
    said = trained(dataclasses.replace(plateau, epochs=40))
    assert said == "the schedule plateau has ended this run: more epochs add no step\n"
    assert directory(plateau) == before


def test_a_target_on_the_training_pictures_ends_a_run(
    config: TrainingConfig, tmp_path: Path
) -> None:
    """With the epoch that reaches it; no further one follows."""
    trained(config)
    logged = rows(config.model_dir)
    target = float(logged[1]["top1"])
    ends = next(n for n, row in enumerate(logged, 1) if float(row["top1"]) >= target)
    aimed = dataclasses.replace(
        config, target_top1=target, model_dir=str(tmp_path / "aimed")
    )
    trained(aimed)
    columns = ("epoch", "loss", "top1", "val_loss")
    assert [[row[c] for c in columns] for row in rows(aimed.model_dir)] == [
        [row[c] for c in columns] for row in logged[:ends]
    ]
    assert result(aimed)["epochs"] == ends
    before = directory(aimed)
    assert trained(aimed) == ""
    said = trained(dataclasses.replace(aimed, epochs=9))
    assert said == "--target_top1 has ended this run: more epochs add no step\n"
    assert directory(aimed) == before


def test_killed_at_its_target_a_run_is_finished_by_the_next_call(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    aimed = dataclasses.replace(config, target_top1=1e-6)

    def killed(*arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "write_confusion", killed)
        with pytest.raises(Killed):
            Trainer(aimed, quiet()).fit()
    assert not Path(aimed.model_dir, "result.json").exists()
    monkeypatch.setattr(Loop, "_step", killed)  # no step is left
    assert "resumed after step 2\n" in trained(aimed)
    assert result(aimed)["epochs"] == 1
    (row,) = rows(aimed.model_dir)
    assert float(row["top1"]) > 0


@pytest.fixture
def train(capsys: pytest.CaptureFixture):
    """Runs the command; gives its exit code, output and errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            commands.main(["keras-alexnet", "train", *arguments])
        return (caught.value.code, *capsys.readouterr())

    return call


def test_a_run_alone_brings_its_settings(ended: TrainingConfig, train) -> None:
    before = directory(ended)
    run = f"--model_dir={ended.model_dir}"
    code, out, err = train(run)
    assert (code, err) == (0, "")
    assert f"{ended.model_dir} holds this run, finished: nothing to do\n" in out
    code, out, err = train(run, "--learning_rate=0.5")
    assert code == 2
    assert "whose run has learning_rate=0.01, not 0.5" in err
    assert directory(ended) == before


def test_a_run_alone_goes_on_where_it_was_stopped(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, train
) -> None:
    """With an architecture of its own, whose file is gone, in a place of its own."""
    whole = dataclasses.replace(config, model_dir=str(tmp_path / "whole"))
    trained(whole)
    with monkeypatch.context() as patch:
        dies_after(3, patch, config)
    Path(config.architecture).unlink()
    moved = Path(config.model_dir).rename(tmp_path / "moved")
    code, out, err = train(f"--model_dir={moved}", "--checkpoint_steps=7")
    assert (code, err) == (0, "")
    assert out.startswith(f"settings from {moved}/config.flags\n")
    assert "resumed after step 3\n" in out
    assert_same(whole.model_dir, moved)
    written = (moved / "config.flags").read_text().splitlines()
    assert "--checkpoint_steps=7" in written
    assert f"--architecture={moved}/architecture.json" in written
    longer = Trainer.of_run(moved, quiet(), epochs=4)
    assert longer.config == dataclasses.replace(
        config,
        variant="paper",
        epochs=4,
        model_dir=str(moved),
        checkpoint_steps=7,
        architecture=str(moved / "architecture.json"),
    )
    assert longer.fit().values["epochs"] == 4
    assert [row["epoch"] for row in rows(moved)] == ["1", "2", "3", "4"]


def test_settings_are_taken_from_runs_only(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="model_dir must be the directory of a run"):
        Trainer.of_run(tmp_path)
