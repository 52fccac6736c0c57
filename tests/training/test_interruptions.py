"""Runs that are asked to stop, or whose loss is not finite."""

from __future__ import annotations

import dataclasses
import fcntl
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path

import filelock
import numpy as np
import pytest
import tensorflow as tf
from finished_runs import assert_same, quiet, rows

from keras_alexnet import commands, files
from keras_alexnet.evaluation import Evaluator
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.training.loop import Loop
from keras_alexnet.training.run_directory import RunDirectory
from keras_alexnet.training.state import TrainState
from keras_alexnet.training.step import StepInputs, TrainStep
from keras_alexnet.training.stopping import STOPPED, Stopped, StopRequests
from keras_alexnet.weights.runs import newest_checkpoint


def signalled(
    owner: type, name: str, call: int, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lets a signal come within a method's call of this number."""
    method = getattr(owner, name)
    calls = []

    def interrupted(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == call:
            os.kill(os.getpid(), number)
        return method(*arguments)

    monkeypatch.setattr(owner, name, interrupted)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    ("owner", "name", "call", "step"),
    [
        (Loop, "_step", 3, 3),
        (TrainStep, "step", 3, 3),
        (TrainStep, "step", 4, 4),
        (Evaluator, "evaluate", 2, 4),
    ],
)
def test_a_stopped_run_goes_on_as_if_nothing_had_been(
    config: TrainingConfig,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    number: int,
    owner: type,
    name: str,
    call: int,
    step: int,
) -> None:
    config = dataclasses.replace(config, checkpoint_steps=100)
    with monkeypatch.context() as patch:
        signalled(owner, name, call, number, patch)
        with pytest.raises(Stopped, match=f"after step {step}") as caught:
            Trainer(config, quiet()).fit()
    assert caught.value.step == step
    console = quiet()
    Trainer(config, console).fit()
    assert f"resumed after step {step}" in console.file.getvalue()
    whole = dataclasses.replace(config, model_dir=str(tmp_path / "whole"))
    Trainer(whole, quiet()).fit()
    assert_same(whole.model_dir, config.model_dir)


def test_the_command_ends_with_a_code_of_its_own(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path
) -> None:
    signalled(Loop, "_step", 2, signal.SIGTERM, monkeypatch)
    flags = tmp_path / "run.flags"
    flags.write_text(config.as_flags())
    with pytest.raises(SystemExit) as caught:
        commands.main(["keras-alexnet", "train", f"--flagfile={flags}"])
    assert caught.value.code == STOPPED == 75
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "train: stopped by SIGTERM after step 2; the same command resumes it"
    )


def test_a_closed_terminal_ends_a_run_with_its_state_saved(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    signalled(Loop, "_step", 3, signal.SIGHUP, monkeypatch)
    config = dataclasses.replace(config, checkpoint_steps=100)
    with pytest.raises(Stopped, match="stopped by SIGHUP after step 3"):
        Trainer(config, quiet()).fit()
    assert newest_checkpoint(Path(config.model_dir)).endswith("step-3")


def test_a_signal_that_is_to_be_ignored_stays_so(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under nohup a closed terminal ends nothing."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        signalled(Loop, "_step", 3, signal.SIGHUP, monkeypatch)
        assert Trainer(config, quiet()).fit().values["steps"] == 6
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_interrupt_is_one() -> None:
    before = signal.getsignal(signal.SIGINT)
    requests = StopRequests()
    with requests.noted():
        os.kill(os.getpid(), signal.SIGINT)
        assert requests.name == "SIGINT"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def spoiled(steps: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets the colour noise of these steps be infinite."""
    step = TrainStep.step

    def wild(self: TrainStep, batch: dict, inputs: StepInputs) -> None:
        if inputs.step in steps:
            batch = {**batch, "noise": batch["noise"] * math.inf}
        step(self, batch, inputs)

    monkeypatch.setattr(TrainStep, "step", wild)


def test_a_loss_that_is_not_finite_ends_the_run_with_the_batchs_names(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        spoiled({3}, patch)
        with pytest.raises(ValueError, match=r"lower --learning_rate") as caught:
            Trainer(config, quiet()).fit()
    assert "at step 3" in str(caught.value)
    assert "learning rate 0.01" in str(caught.value)
    names = (Path(config.model_dir) / "nonfinite_batch.txt").read_text().splitlines()
    assert len(names) == config.batch_size
    assert names[0].endswith(".jpg (position 16)")
    assert names[0] in str(caught.value)
    console = quiet()
    Trainer(config, console).fit()  # The last good state was kept.
    assert "resumed after step 2" in console.file.getvalue()


@pytest.mark.parametrize("branches", [True, False])
def test_such_a_batch_can_be_skipped_and_changes_nothing(
    config: TrainingConfig,
    narrow: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    branches: bool,
) -> None:
    monkeypatch.setattr(TrainState, "branches", branches)  # False is for GPUs
    config = dataclasses.replace(
        config,
        architecture=narrow("modern"),
        image_size=67,
        on_nonfinite="skip",
        nonfinite_limit=1,
    )
    seen = []
    step = Loop._step

    def watching(self: Loop, batches: object, number: int) -> None:
        step(self, batches, number)
        model = self._train_step.model
        seen.append([weight.numpy() for weight in model.get_layer("bn1").weights])

    monkeypatch.setattr(Loop, "_step", watching)
    spoiled({3}, monkeypatch)
    console = quiet()
    Trainer(config, console).fit()
    assert "the batch of step 3 was skipped" in console.file.getvalue()
    for before, after, later in zip(seen[1], seen[2], seen[3], strict=True):
        assert (before == after).all()
        assert (after != later).any()
    assert all(math.isfinite(float(row["loss"])) for row in rows(config.model_dir))


def test_only_so_many_batches_are_skipped(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = dataclasses.replace(config, on_nonfinite="skip", nonfinite_limit=1)
    spoiled({2, 4}, monkeypatch)
    with pytest.raises(ValueError, match="at step 4"):
        Trainer(config, quiet()).fit()


def test_one_process_at_a_time_trains_in_a_directory(config: TrainingConfig) -> None:
    first, second = Trainer(config, quiet()), Trainer(config, quiet())
    with first.run.locked(), pytest.raises(ValueError, match="no other process's"):
        second.fit()


@pytest.mark.compat
def test_the_lock_is_the_systems_own(tmp_path: Path) -> None:
    run = RunDirectory(str(tmp_path / "run"))
    with run.locked():
        pass
    path = tmp_path / "run" / ".lock"
    assert path.stat().st_mode & 0o777 == files.new_file_mode()
    with open(path, "w") as lock:  # as earlier versions lock a run
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(ValueError, match="no other process's"), run.locked():
            pass
    with run.locked(), open(path) as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_file_system_without_locks_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def acquire(lock: filelock.FileLock) -> None:
        raise NotImplementedError("no flock")  # as older versions of filelock

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)
    with (
        pytest.raises(ValueError, match=r"^model_dir must .* locks.*Received: .*run"),
        RunDirectory(str(tmp_path / "run")).locked(),
    ):
        pass


@pytest.mark.parametrize("branches", [True, False])
def test_half_precision_finds_its_loss_scale(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch, branches: bool
) -> None:
    monkeypatch.setattr(TrainState, "branches", branches)
    config = dataclasses.replace(config, precision="mixed_float16", keep_optimizer=True)
    Trainer(config, quiet()).fit()
    saved = tf.train.load_checkpoint(newest_checkpoint(Path(config.model_dir)))

    def value(name: str) -> np.ndarray:
        return saved.get_tensor(f"{name}/.ATTRIBUTES/VARIABLE_VALUE")

    # 2^15 halves with each step that was skipped, and only with these.
    halved = math.log2(2**15 / value("loss_scale/scale"))
    assert value("optimizer/iterations") == 6 - halved
    assert value("left_out")[0] == 0
    assert value("model/conv1/kernel").dtype == np.float32
