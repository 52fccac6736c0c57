"""What a run keeps: the weights of its best epoch, of its last, or everything."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from finished_runs import Killed, dies_after, directory, quiet, rows, trained

from keras_alexnet import AlexNet, Classifier, commands
from keras_alexnet.evaluation import Scores
from keras_alexnet.training import Trainer, TrainingConfig, kept_weights
from keras_alexnet.training.loop import Loop
from keras_alexnet.weights import recipe_of, run_weights, runs
from keras_alexnet.weights.names import Named

ERRORS = (0.5, 0.25, 0.25, 0.75)  # the second epoch is the best, the earliest of two
STEPS = 2 * len(ERRORS)


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> dict[int, Named]:
    """Lets the epochs have these errors; the weights that each was evaluated with."""
    evaluated: dict[int, Named] = {}

    def evaluate(self: Loop) -> Scores:
        epoch = min(len(self._epochs.errors) + 1, len(ERRORS))
        with self._train_step.averaged():
            kernel = self._train_step.model.get_layer("fc8").kernel
            evaluated[epoch] = {"fc8": {"kernel": np.array(kernel)}}
        return Scores(
            loss=float(epoch), top1=1 - ERRORS[epoch - 1], top5=1.0, pictures=9
        )

    monkeypatch.setattr(Loop, "evaluate", evaluate)
    return evaluated


@pytest.fixture
def four(config: TrainingConfig) -> TrainingConfig:
    return dataclasses.replace(config, epochs=4, average="moving_average")


def checkpoints(config: TrainingConfig) -> set[str]:
    folder = Path(config.model_dir, "checkpoints")
    return {path.name.partition(".")[0] for path in folder.iterdir()} - {"checkpoint"}


KEPT: dict[str, tuple[dict, set[str], str]] = {
    "both": (
        {},
        {"weights-4", "weights-8"},
        "epoch 4, the last; {run}/best is epoch 2",
    ),
    "best": ({"keep": "best"}, {"weights-4"}, "epoch 2, the best"),
    "last": ({"keep": "last"}, {"weights-8"}, "epoch 4, the last"),
    "both and the optimizer": (
        {"keep_optimizer": True},
        {"weights-4", "step-7", "step-8"},
        "epoch 4, the last; {run}/best is epoch 2",
    ),
    "last and the optimizer": (
        {"keep": "last", "keep_optimizer": True},
        {"step-7", "step-8"},
        "epoch 4, the last",
    ),
}


@pytest.mark.compat
@pytest.mark.parametrize("name", KEPT)
def test_a_run_that_has_ended_keeps_what_is_named(
    four: TrainingConfig, scored: dict[int, Named], name: str
) -> None:
    settings, kept, taken = KEPT[name]
    four = dataclasses.replace(four, **settings)
    trained(four)
    assert checkpoints(four) == kept
    run = Path(four.model_dir)
    assert runs.taken(run) == taken.format(run=run)
    newest = runs.newest_checkpoint(run)
    assert tf.train.latest_checkpoint(str(run / "checkpoints")) == newest
    # Each holds what was evaluated then: the averages.
    for words, epoch in (("best", 2), ("last", 4)):
        if f"weights-{2 * epoch}" in kept or (words == "last" and "step-8" in kept):
            values = run_weights.read_weights(runs.checkpoint_of(run / words))
            expected = scored[epoch]["fc8"]["kernel"]
            np.testing.assert_array_equal(values["fc8"]["kernel"], expected)
            model = AlexNet(weights=run / words)
            np.testing.assert_array_equal(model.get_layer("fc8").kernel, expected)
        else:
            with pytest.raises(ValueError, match=f"kept the {words} epoch"):
                AlexNet(weights=run / words)
    result = json.loads((run / "result.json").read_text())
    assert (result["epochs"], result["val_top1"], result["val_loss"]) == (4, 0.25, 4)
    best = {"epoch": 2, "val_top1": 0.75, "val_top5": 1, "val_loss": 2}
    assert result["best"] == best
    before = directory(four)
    assert not Trainer(four, quiet()).fit().fresh
    assert directory(four) == before


def test_what_is_kept_is_small_and_has_nothing_of_the_update(
    four: TrainingConfig, scored: dict[int, Named]
) -> None:
    full = dataclasses.replace(four, keep_optimizer=True, keep="last")
    trained(full)
    size = sum(len(content) for content in of_checkpoints(full).values())
    run = Path(full.model_dir)
    (run / "result.json").unlink()
    whole = run_weights.read_weights(runs.newest_checkpoint(run))
    slim = dataclasses.replace(full, keep_optimizer=False)
    trained(slim)
    shapes = tf.train.load_checkpoint(
        str(run / "checkpoints" / "weights-8")
    ).get_variable_to_shape_map()
    kinds = {name.partition("/")[0] for name in shapes}
    assert kinds == {
        "_CHECKPOINTABLE_OBJECT_GRAPH",
        "model",
        "errors",
        "step",
        "totals",
        "left_out",
    }
    # Two checkpoints of weights, momentum and averages against the weights.
    assert sum(len(each) for each in of_checkpoints(slim).values()) < size / 5
    for layer, values in run_weights.read_weights(runs.newest_checkpoint(run)).items():
        for name, value in values.items():
            np.testing.assert_array_equal(value, whole[layer][name])


def of_checkpoints(config: TrainingConfig) -> dict[str, bytes]:
    files = directory(config).items()
    return {name: content for name, content in files if name.startswith("checkpoints")}


@pytest.mark.compat
def test_a_run_without_momentum_goes_on_and_says_what_is_lost(
    four: TrainingConfig,
) -> None:
    short = dataclasses.replace(four, epochs=2)
    trained(short)
    run = Path(short.model_dir)
    kept = run_weights.read_weights(runs.newest_checkpoint(run))
    began: list[Named] = []
    step = Loop._step

    def watching(self: Loop, batches: object, number: int) -> None:
        if not began:
            state = self._train_step.train_state.variables()
            began.append({k: values(state["average"][k]) for k in state["average"]})
            began.append({k: values(state["model"][k]) for k in state["model"]})
            slots = state["optimizer"]["velocity"].values()
            assert not any(np.any(v) for slot in slots for v in slot.values())
        step(self, batches, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Loop, "_step", watching)
        said = trained(dataclasses.replace(four, keep_optimizer=True))
    assert (
        "only weights were kept (--keep_optimizer): momentum starts at 0, the average "
        "with the weights that were evaluated\n"
    ) in said
    assert "resumed after step 4\n" in said
    assert [row["epoch"] for row in rows(run)] == ["1", "2", "3", "4"]
    for found in began:
        for layer, weights in found.items():
            for name, value in weights.items():
                np.testing.assert_array_equal(value, kept[layer][name])
    state = tf.train.load_checkpoint(runs.newest_checkpoint(run))
    assert state.get_tensor(f"optimizer/iterations{runs.VALUE}") == 4  # of 8 steps


def values(variables: dict) -> dict[str, np.ndarray]:
    return {name: variable.numpy() for name, variable in variables.items()}


def test_only_the_best_goes_on_from_there(
    four: TrainingConfig, scored: dict[int, Named]
) -> None:
    best = dataclasses.replace(four, keep="best")
    trained(best)
    with pytest.raises(ValueError, match="epochs must be at least 4, which"):
        Trainer(dataclasses.replace(best, epochs=3), quiet())
    said = trained(dataclasses.replace(best, epochs=5))
    assert "resumed after step 4\n" in said
    assert "; 2 epochs after 2 are repeated\n" in said
    assert [row["epoch"] for row in rows(best.model_dir)] == ["1", "2", "3", "4", "5"]
    assert checkpoints(best) == {"weights-4"}


def test_momentum_of_the_best_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="must be False with --keep=best"):
        TrainingConfig(keep="best", keep_optimizer=True)


# The function, which of its calls is the last, and whose weights are kept.
PLACES = {
    "before the best is written": ("_copy_weights", 1, "both"),
    "before another best is written": ("_copy_weights", 2, "both"),
    "before a former best is removed": ("remove_checkpoint", 1, "both"),
    "before the last is written": ("_copy_weights", 3, "best"),
    "before TensorFlow knows of the last": ("record_newest", 1, "both"),
    "before what one resumes from is removed": ("remove_checkpoint", 2, "both"),
    "between the two that one resumes from": ("remove_checkpoint", 3, "best"),
    "before the last is removed": ("remove_checkpoint", 4, "best"),
}


@pytest.mark.parametrize("place", PLACES)
def test_killed_where_something_is_replaced_nothing_is_lost(
    four: TrainingConfig,
    scored: dict[int, Named],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    name, last_call, keep = PLACES[place]
    four = dataclasses.replace(four, keep=keep)
    run = Path(four.model_dir)
    act, calls = getattr(kept_weights, name), []

    def dying(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == last_call:
            raise Killed
        return act(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(kept_weights, name, dying)
        with pytest.raises(Killed):
            Trainer(four, quiet()).fit()
    kept = run_weights.read_weights(runs.newest_checkpoint(run))
    assert kept.keys() >= {"conv1", "fc8"}
    assert runs.taken(run).startswith("epoch ")
    trained(four)
    assert checkpoints(four) == KEPT[keep][1]
    values = run_weights.read_weights(runs.checkpoint_of(run / "best"))
    np.testing.assert_array_equal(values["fc8"]["kernel"], scored[2]["fc8"]["kernel"])
    assert [row["epoch"] for row in rows(run)] == ["1", "2", "3", "4"]


def test_a_full_disk_names_what_stays_good(
    four: TrainingConfig, scored: dict[int, Named], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: tf.train.Checkpoint, path: str) -> None:
        write(self, path) if "weights-" not in path else no_space()

    def no_space() -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    write = tf.train.Checkpoint.write
    with monkeypatch.context() as patch:
        patch.setattr(tf.train.Checkpoint, "write", full)
        with pytest.raises(ValueError, match=r"weights of step 2 .*step-2 stays good"):
            Trainer(four, quiet()).fit()
    trained(four)
    assert checkpoints(four) == KEPT["both"][1]


@pytest.fixture
def command(capsys: pytest.CaptureFixture) -> Iterator[Callable[..., str]]:
    def call(*arguments: str) -> str:
        with pytest.raises(SystemExit) as caught:
            commands.main(["keras-alexnet", *arguments])
        out, err = capsys.readouterr()
        assert (caught.value.code, err) == (0, "")
        return out

    return call


def test_every_door_opens_the_best_and_says_which_it_is(
    four: TrainingConfig,
    scored: dict[int, Named],
    command: Callable[..., str],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    four = dataclasses.replace(four, model_dir=str(tmp_path / "run"))
    out = command("train", *four.as_flags().splitlines())
    run = Path(four.model_dir)
    assert (
        f": epoch 4, the last\nbest epoch 2: val top-1 0.750, --model={run}/best\n"
        in out
    )
    last, best = "epoch 4, the last; {0}/best is epoch 2", "epoch 2, the best"
    last = last.format(run)
    for path, words in ((run, last), (run / "best", best), (run / "last", last)):
        out = command("evaluate", f"--model={path}", f"--data={four.data}")
        assert out.rstrip().endswith(f"(9 pictures, centre, {path}: {words})")
        assert Classifier(path).taken == words
        assert recipe_of(path) == recipe_of(run)
    with caplog.at_level(logging.INFO, "keras_alexnet"):
        AlexNet(weights=run / "best")
    assert caplog.messages == [f"{run}/best: {best}"]
    out = command("export", f"--model={run}/best", f"--export_dir={tmp_path / 'out'}")
    assert out.startswith(f"weights     {best}\n")
    begun = dataclasses.replace(
        four, init_from=f"{run}/best", model_dir=str(tmp_path / "begun"), epochs=1
    )
    assert f"from {run}/best: conv1, " in trained(begun)


def test_a_damaged_best_and_a_folder_of_that_name_leave_the_last(
    four: TrainingConfig, scored: dict[int, Named]
) -> None:
    trained(four)
    run = Path(four.model_dir)
    index = run / "checkpoints" / "weights-4.index"
    index.write_bytes(index.read_bytes()[:-40])
    assert Classifier(run).taken == "epoch 4, the last"
    with pytest.raises(ValueError, match="kept the best epoch"):
        AlexNet(weights=run / "best")
    other = run / "best"
    other.mkdir()
    with pytest.raises(ValueError, match="which is something else"):
        AlexNet(weights=other)


@pytest.mark.compat
@pytest.mark.parametrize("dies", [3, 5])
def test_of_a_run_that_has_not_ended_it_is_said(
    four: TrainingConfig,
    scored: dict[int, Named],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    predict: Callable[..., tuple[int, str, str]],
    dies: int,
) -> None:
    """Whoever opens it; who names a checkpoint knows."""
    run = Path(four.model_dir)
    with monkeypatch.context() as patch:
        dies_after(dies, patch, four)
    done = (dies - 1) // 2
    words = (
        f"not finished, {done} of 4 epochs are done: train --model_dir={run} resumes"
    )
    for name in ("", "last", "best"):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "keras_alexnet"):
            Classifier(run / name)
        (line,) = caplog.messages
        assert line == f"{run / name}: {words} it"
    picture = next(Path(four.data.partition(":")[2]).rglob("*.jpg"))
    code, _, err = predict(f"--model={run}", str(picture))
    assert (code, err) == (0, f"predict: {run}: {words} it\n")
    caplog.clear()
    with caplog.at_level(logging.WARNING, "keras_alexnet"):
        AlexNet(weights=runs.newest_checkpoint(run))
        trained(four)
        Classifier(run)
    assert caplog.messages == []
