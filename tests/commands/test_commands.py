"""The scripts and the `keras-alexnet` command, as a person uses them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from keras_alexnet import commands

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def command(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path):
    """Runs a command within this process; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            commands.main(["keras-alexnet", *arguments])
        return (caught.value.code, *capsys.readouterr())

    return call


@pytest.mark.compat
def test_a_script_trains_and_tells_what_is_next(script, pictures: Path) -> None:
    settings = (
        f"--data=folder:{pictures}",
        "--image_size=64",
        "--batch_size=8",
        "--epochs=1",
        "--model_dir=run",
        "--export_dir=served",
    )
    first = script("train", *settings)
    assert (first.returncode, first.stderr) == (0, "")
    assert "epoch 1/1" in first.stdout
    assert "predict.py --model=run run/example.jpg" in first.stdout
    second = script("train", *settings)
    assert second.returncode == 0
    assert "finished: nothing to do" in second.stdout
    flagfile = script("train", "--flagfile=run/config.flags")
    assert "finished: nothing to do" in flagfile.stdout


@pytest.mark.compat
def test_predictions_of_a_run_and_its_export_agree(command, run: Path) -> None:
    answers = []
    for model in (run, run / "servable", run / "servable" / "1"):
        code, out, _ = command("predict", f"--model={model}", str(run / "example.jpg"))
        assert code == 0
        answers.append([line.split()[-2:] for line in out.splitlines()[1:]])
    assert answers[0] == answers[1] == answers[2]
    assert {name for name, _ in answers[0]} == {"0_red", "1_green", "2_blue"}


def test_a_run_is_judged_as_its_export_is(command, run: Path, pictures: Path) -> None:
    data = f"--data=folder:{pictures}"
    _, of_run, _ = command("evaluate", f"--model_dir={run}", data)
    _, of_export, _ = command("evaluate", f"--model={run / 'servable'}", data)
    assert of_run.split()[:4] == of_export.split()[:4]
    result = json.loads((run / "result.json").read_text())
    assert float(of_run.split()[1]) == pytest.approx(result["val_top1"], abs=1e-4)


def test_a_checkpoint_is_judged_as_its_run_is(
    command, run: Path, pictures: Path
) -> None:
    data = f"--data=folder:{pictures}"
    _, of_run, _ = command("evaluate", f"--model={run}", data)
    code, of_newest, _ = command("evaluate", f"--model={run}/checkpoints/step-4", data)
    assert code == 0
    assert of_newest.split()[:4] == of_run.split()[:4]


def test_files_of_a_model_are_taken_too(command, run: Path, tmp_path: Path) -> None:
    import keras_alexnet

    model = keras_alexnet.AlexNet(weights=run, input_shape=(64, 64, 3), classes=3)
    model.save(tmp_path / "my.keras")
    model.save_weights(str(tmp_path / "my.weights.h5"))
    names = tmp_path / "names.txt"
    names.write_text("0_red\n1_green\n2_blue\n")
    picture = str(run / "example.jpg")
    _, expected, _ = command("predict", f"--model={run}", picture)
    for name, more in (
        ("my.keras", ()),
        ("my.weights.h5", ("--image_size=64", "--variant=paper")),
    ):
        code, out, _ = command(
            "predict", f"--model={name}", f"--class_names={names}", *more, picture
        )
        assert (code, out) == (0, expected)
        code, out, _ = command(
            "export", f"--model={name}", f"--class_names={names}", *more
        )
        assert code == 0
        assert "exports/alexnet/" in out


def test_a_dry_run_tells_and_writes_nothing(command, pictures: Path, tmp_path) -> None:
    settings = (f"--data=folder:{pictures}", "--image_size=64", "--batch_size=8")
    code, out, _ = command("train", *settings, "--model_dir=run", "--dry_run")
    assert code == 0
    assert "--learning_rate=0.01" in out
    assert "conv5" in out
    assert not (tmp_path / "run").exists()


def test_help_shows_every_setting(command) -> None:
    code, out, _ = command("train", "--help")
    assert code == 0
    for name in ("data", "variant", "checkpoint_steps", "deterministic", "flagfile"):
        assert name in out


BAD = {
    "unknown command": (("trian",), "Received: 'trian'"),
    "unknown flag": (("train", "--batch_sze=3"), "batch_sze"),
    "no number": (
        ("train", "--batch_size=many"),
        "train: --batch_size must be a whole number. Received: --batch_size=many\n",
    ),
    "half a number": (
        ("train", "--epochs=1.5"),
        "train: --epochs must be a whole number. Received: --epochs=1.5\n",
    ),
    "an empty number": (
        ("predict", "--top_k="),
        "predict: --top_k must be a whole number. Received: --top_k=\n",
    ),
    "a word for a rate": (
        ("train", "--learning_rate=fast"),
        "train: --learning_rate must be a number. Received: --learning_rate=fast\n",
    ),
    "neither true nor false": (
        ("train", "--deterministic=maybe"),
        "--deterministic must be true or false. Received: --deterministic=maybe\n",
    ),
    "unknown variant": (
        ("train", "--variant=vgg"),
        "--variant must be one of paper, original, caffe, caffenet, owt, one_column, "
        "six_conv, modern. Received: --variant=vgg\n",
    ),
    "no value": (
        ("train", "--epochs"),
        "train: --epochs must have a value: --epochs=VALUE. Received: --epochs alone\n",
    ),
    "no data": (("train",), "configs/quickstart.flags"),
    "no data for a network": (("train", "--variant=paper"), "Received: no --data\n"),
    "no run": (
        ("train", "--model_dir=runs/foto"),
        "Received: --model_dir=runs/foto, where no run is\n",
    ),
    "missing flagfile": (("train", "--flagfile=none.flags"), "none.flags"),
    "words that are no flags": (
        ("train", "--data=shapes", "fast"),
        "Received: ['fast']",
    ),
    "missing folder": (("train", "--data=folder:none"), "'none'"),
    "unknown data": (("train", "--data=imagenet"), "Received: data='imagenet'"),
    "no model": (("evaluate",), "evaluate: --model is missing: it must be a run"),
    "missing model": (("evaluate", "--model=none"), "Received: 'none'"),
    "no picture": (("predict", "--model=none"), "pictures are missing: name files"),
    "missing names": (
        ("predict", "--model=imagenet", "--class_names=none.txt", "no.jpg"),
        "'none.txt' (No such file or directory)",
    ),
    "names of nothing": (("export", "--model=x.weights.h5"), "x.weights.h5"),
    "empty name": (("train", "--model_dir="), "Received: model_dir="),
    "empty model": (("predict", "--model=", "no.jpg"), "Received: --model=''"),
    "no batch": (("evaluate", "--batch_size=0"), "Received: batch_size=0"),
    "no answer": (("predict", "--top_k=0", "no.jpg"), "Received: top_k=0"),
}


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_the_usage_names_every_command(command, arguments: tuple[str, ...]) -> None:
    """A call of nothing has done nothing: it is an error, in as many words."""
    code, *streams = command(*arguments)
    assert code == (0 if arguments else 2)
    (text,) = filter(None, streams)
    assert bool(streams[0]) == bool(arguments)
    assert all(f"  {name} " in text for name in commands.COMMANDS)
    assert "keras-alexnet train --flagfile=configs/quickstart.flags\n" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("case", BAD)
def test_what_a_person_can_mend_is_one_line(command, case: str, tmp_path: Path) -> None:
    arguments, message = BAD[case]
    code, _, err = command(*arguments)
    assert code == 2
    assert err.count("\n") == 1
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_killed_goes_on(script, pictures: Path, tmp_path: Path) -> None:
    settings = (
        f"--data=folder:{pictures}",
        "--image_size=64",
        "--batch_size=8",
        "--epochs=12",
        "--steps_per_epoch=1",
        "--model_dir=run",
    )
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / "train.py"), *settings],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if line.startswith("epoch 3/"):
            process.kill()
    process.wait()
    process.stdout.close()
    again = script("train", *settings)
    assert (again.returncode, again.stderr) == (0, "")
    assert "resumed after step" in again.stdout
    rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == [str(n) for n in range(1, 13)]


def test_names_with_brackets_are_shown_as_they_are(
    command, run: Path, tmp_path
) -> None:
    (tmp_path / "[").mkdir()
    picture = tmp_path / "[" / "red].jpg"
    picture.write_bytes((run / "example.jpg").read_bytes())
    code, out, _ = command("predict", f"--model={run}", str(picture))
    assert code == 0
    assert "[/red].jpg" in out


def test_an_export_of_others_is_refused(command, run: Path, tmp_path: Path) -> None:
    tf.saved_model.save(tf.Module(), str(tmp_path / "other"))
    code, _, err = command("predict", "--model=other", str(run / "example.jpg"))
    assert (code, err.count("\n")) == (2, 1)
    assert "must have the signature classify_bytes" in err


@pytest.mark.parametrize("model", ["", "servable"])
def test_data_of_other_classes_are_refused(
    command, run: Path, pictures: Path, tmp_path: Path, model: str
) -> None:
    root = tmp_path / "others"
    shutil.copytree(pictures, root)
    for split in ("train", "val"):
        (root / split / "2_blue").rename(root / split / "2_cyan")
    data = f"--data=folder:{root}"
    code, _, err = command("evaluate", f"--model={run / model}", data)
    assert (code, err.count("\n")) == (2, 1)
    # A run is asked for the data's classes, an export answers with its own.
    assert f"has no class {'2_blue' if model else '2_cyan'!r}" in err


@pytest.mark.parametrize("model", ["", "servable"])
def test_an_unreadable_validation_picture_is_named(
    command, run: Path, pictures: Path, tmp_path: Path, model: str
) -> None:
    root = tmp_path / "spoiled"
    shutil.copytree(pictures, root)
    bad = root / "val" / "1_green" / "001.jpg"
    bad.write_bytes(bad.read_bytes()[:300])
    data = f"--data=folder:{root}"
    code, _, err = command("evaluate", f"--model={run / model}", data)
    assert (code, err.count("\n")) == (2, 1)
    assert "001.jpg" in err
    assert "{{" not in err


def test_text_is_no_picture(command, run: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("a cat, I think")
    code, _, err = command("predict", f"--model={run}", "notes.jpg")
    assert (code, err.count("\n")) == (2, 1)
    assert "notes.jpg" in err


def test_a_model_dir_that_cannot_be_made_is_one_line(
    script, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    result = script("train", f"--data=folder:{pictures}", "--model_dir=file/run")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "file/run" in result.stderr


@pytest.mark.compat
def test_the_installed_command_is_there(tmp_path: Path) -> None:
    program = Path(sys.executable).parent / "keras-alexnet"
    result = subprocess.run(
        [program, "train", "--epochs=0"],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr == "train: epochs must be at least 1. Received: epochs=0\n"


# What a command finds when TensorFlow is imported, and when it is run.
ENVIRONMENT = """
import os, sys
seen = []
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "tensorflow":
            seen.append(os.environ["TF_FORCE_GPU_ALLOW_GROWTH"])
sys.meta_path.insert(0, Finder())
import keras_alexnet_command
try:
    keras_alexnet_command.main("doctor")
except SystemExit:
    pass
from keras_alexnet import commands
assert seen, "TensorFlow was not imported"
commands.chosen = lambda arguments: (
    lambda: seen.append(os.environ["TF_FORCE_GPU_ALLOW_GROWTH"]))
for name in commands.COMMANDS:
    try:
        keras_alexnet_command.main(name)
    except SystemExit:
        pass
assert len(seen) == 1 + len(commands.COMMANDS)
print(sorted(set(seen)))
"""


@pytest.mark.compat
@pytest.mark.parametrize(("given", "found"), [(None, "true"), ("false", "false")])
def test_no_command_takes_a_gpus_whole_memory(
    python, given: str | None, found: str
) -> None:
    """TensorFlow's guide to GPUs has the variable; a person's own value is kept."""
    own = {} if given is None else {"TF_FORCE_GPU_ALLOW_GROWTH": given}
    assert python(ENVIRONMENT, **own).splitlines()[-1] == f"['{found}']"
