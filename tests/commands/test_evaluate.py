"""`evaluate`: what it prints, of one model and of several."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from rich.console import Console

from keras_alexnet import commands
from keras_alexnet.evaluation.judging import output_names
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.weights import runs
from keras_alexnet.weights.classes import class_names, imagenet_classes

WNIDS = tuple(each.wnid for each in imagenet_classes())
LINE = re.compile(
    r"top-1 (?P<top1>[\d.]+)  (top-5 (?P<top5>[\d.]+)  )?"
    r"top-1 error (?P<wrong1>[\d.]+)  (top-5 error (?P<wrong5>[\d.]+)  )?"
    r"loss (?P<loss>[\d.]+)  "
    r"\((?P<pictures>\d+) pictures, (?P<views>[a-z ]+), (?P<model>.+)\)"
)


@pytest.fixture
def evaluate(capsys: pytest.CaptureFixture):
    """Runs the command; gives exit code, lines and errors."""

    def call(*arguments: str) -> tuple[int, list[str], str]:
        with pytest.raises(SystemExit) as caught:
            commands.main(["keras-alexnet", "evaluate", *arguments])
        out, err = capsys.readouterr()
        return caught.value.code, out.splitlines(), err

    return call


def small(path: Path, outputs: int, seed: int = 0, bias: tuple = ()) -> str:
    """A `.keras` file that looks at mean colours only."""
    inputs = keras.Input((64, 64, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    dense = keras.layers.Dense(outputs, "softmax")
    model = keras.Model(inputs, dense(pooled))
    rng = np.random.default_rng(seed)
    offsets = np.zeros(outputs)
    offsets[list(bias)] = 50
    dense.set_weights([rng.normal(0, 0.01, (3, outputs)), offsets])
    model.save(path)
    return str(path)


def test_errors_and_accuracies_are_told_apart(
    evaluate, run: Path, pictures: Path
) -> None:
    code, lines, _ = evaluate(f"--model={run}", f"--data=folder:{pictures}")
    assert (code, len(lines)) == (0, 1)
    found = LINE.fullmatch(lines[0])
    assert (found["pictures"], found["views"], found["model"]) == (
        "9",
        "centre",
        f"{run}: {runs.taken(run)}",
    )
    assert float(found["top1"]) + float(found["wrong1"]) == pytest.approx(1, abs=1e-4)
    assert found["top5"] is found["wrong5"] is None  # of three classes all are right


def test_each_model_and_their_mean_on_both_kinds_of_views(
    evaluate, run: Path, pictures: Path, tmp_path: Path
) -> None:
    other = small(tmp_path / "other.keras", 3)
    code, lines, _ = evaluate(
        f"--model={run}", f"--model={other}", "--views=10", f"--data=folder:{pictures}"
    )
    assert code == 0
    found = [LINE.fullmatch(line) for line in lines]
    kinds = ["centre", "ten views"]
    named = [(each["model"], each["views"]) for each in found]
    assert named == [
        (name, kind)
        for name in (f"{run}: {runs.taken(run)}", other, "mean of 2 models")
        for kind in kinds
    ]
    assert len({each["loss"] for each in found[::2]}) == 3
    _, alone, _ = evaluate(f"--model={other}", f"--data=folder:{pictures}")
    assert alone == [lines[2]]


def imagenette(pictures: Path, root: Path, wnids: tuple[str, ...]) -> str:
    """The pictures under classes of ImageNet."""
    shutil.copytree(pictures, root)
    for split in ("train", "val"):
        folders = sorted((root / split).iterdir())
        for folder, wnid in zip(folders, wnids, strict=True):
            folder.rename(root / split / wnid)
    return f"--data=folder:{root}"


@pytest.mark.compat
def test_outputs_of_imagenet_are_found_by_id_and_the_others_compete(
    evaluate, pictures: Path, tmp_path: Path
) -> None:
    places = (3, 217, 701)
    data = imagenette(pictures, tmp_path / "data", tuple(WNIDS[n] for n in places))
    # It is sure of 217, the second of the three classes: right one time in three.
    model = small(tmp_path / "sure.keras", 1000, bias=(217,))
    code, lines, _ = evaluate(f"--model={model}", data)
    assert code == 0
    assert lines[0] == (
        "the data have 3 of the model's 1000 classes; the other 997 still compete"
    )
    found = LINE.fullmatch(lines[1])
    assert float(found["top1"]) == pytest.approx(1 / 3, abs=1e-4)
    assert float(found["top5"]) + float(found["wrong5"]) == pytest.approx(1, abs=1e-4)
    elsewhere = small(tmp_path / "elsewhere.keras", 1000, bias=range(800, 805))
    _, lines, _ = evaluate(f"--model={elsewhere}", data)
    assert float(LINE.fullmatch(lines[1])["top5"]) == 0


def test_data_of_more_classes_than_the_model_has_are_one_line(
    evaluate, pictures: Path, tmp_path: Path
) -> None:
    model = small(tmp_path / "two.keras", 2, bias=(0,))
    code, lines, err = evaluate(f"--model={model}", f"--data=folder:{pictures}")
    assert (code, lines) == (2, [])  # not "the other -1 still compete"
    assert "the model must have the classes of the data. Received: " in err


def test_of_what_is_refused_nothing_is_said(
    evaluate, run: Path, pictures: Path, tmp_path: Path
) -> None:
    for name in ("cat", "dog"):
        shutil.copytree(pictures / "val" / "0_red", tmp_path / "data" / name)
    shutil.copytree(pictures / "val" / "0_red", tmp_path / "one" / "0_red")
    shutil.copytree(pictures / "val" / "0_red", tmp_path / "one" / "cat")
    for folder, known in (("data", 0), ("one", 1)):
        code, lines, err = evaluate(
            f"--model={run}", f"--data=folder:{tmp_path / folder}"
        )
        assert (code, lines, err.count("\n")) == (2, [], 1)
        assert f"no class 'cat': it has {known} of the data's 2\n" in err


def test_another_split_is_judged_without_training_pictures(
    evaluate, run: Path, pictures: Path, tmp_path: Path
) -> None:
    shutil.copytree(pictures / "val", tmp_path / "test")
    (tmp_path / "test" / "0_red" / "000.jpg").unlink()
    data = f"--data=folder:{tmp_path}"
    for model, kind in ((run, LINE), (run / "servable", re.compile(r".*\((\d+) .*"))):
        code, lines, _ = evaluate(f"--model={model}", data, "--split=test")
        assert code == 0
        found = kind.fullmatch(lines[-1])
        assert found[found.re.groupindex.get("pictures", 1)] == "8"
    # A class alone: the others are the model's.
    shutil.rmtree(tmp_path / "test" / "0_red")
    shutil.rmtree(tmp_path / "test" / "1_green")
    code, lines, _ = evaluate(f"--model={run}", data)
    assert (code, len(lines)) == (0, 3)
    assert lines[0] == "validation pictures: those of test/"
    assert lines[1].startswith("the data have 1 of the model's 3 classes")
    assert LINE.fullmatch(lines[2])["pictures"] == "3"


def test_a_divided_folder_is_evaluated_as_the_run_was_trained(
    evaluate, pictures: Path, tmp_path: Path
) -> None:
    root = Path(shutil.copytree(pictures / "train", tmp_path / "plain"))
    data = f"--data=folder:{root}"
    made = [tmp_path / "seed3", tmp_path / "seed4"]
    for seed, run in zip((3, 4), made, strict=True):
        config = TrainingConfig(
            data=f"folder:{root}",
            image_size=64,
            batch_size=8,
            epochs=1,
            steps_per_epoch=1,
            val_share=0.25,
            seed=seed,
            model_dir=str(run),
        )
        scores = Trainer(config, Console(quiet=True)).fit().values
    model = f"--model={made[1]}"
    code, lines, _ = evaluate(model, data)
    assert code == 0
    assert lines[0] == "divided: 18 to train, 6 to validate, by class, seed 4"
    assert lines[1] == "evaluated: these 6; all with --split=all"
    found = LINE.fullmatch(lines[2])
    assert found["pictures"] == "6"
    assert float(found["loss"]) == pytest.approx(scores["val_loss"], abs=1e-3)
    for flags, count in (
        (["--split=all"], "24"),
        (["--split=train"], "18"),
        (["--val_share=0.5", "--seed=1"], "12"),
    ):
        _, lines, _ = evaluate(model, data, *flags)
        assert LINE.fullmatch(lines[-1])["pictures"] == count
    both = [f"--model={run}" for run in made]
    code, _, err = evaluate(*both, data)
    assert (code, err.count("\n")) == (2, 1)
    assert "runs that are evaluated together must have divided" in err
    for other in ([data, "--split=all"], [f"--data=folder:{pictures}"]):
        code, _, _ = evaluate(*both, *other)
        assert code == 0


def test_records_of_another_split(
    evaluate, run: Path, pictures: Path, tmp_path: Path
) -> None:
    root = tmp_path / "pictures"
    shutil.copytree(pictures, root)
    shutil.copytree(root / "val", root / "test")
    (root / "test" / "0_red" / "000.jpg").unlink()
    prepared = ["prepare", f"--data=folder:{root}", f"--out={tmp_path / 'out'}"]
    with pytest.raises(SystemExit) as caught:
        commands.main(["keras-alexnet", *prepared, "--split=test"])
    assert caught.value.code == 0
    data = f"--data=records:{tmp_path / 'out'}"
    for split, count in ((), "8"), (("--split=train",), "24"):
        code, lines, _ = evaluate(f"--model={run}", data, *split)
        assert code == 0
        assert LINE.fullmatch(lines[-1])["pictures"] == count
    code, _, err = evaluate(f"--model={run}", data, "--split=test")
    assert (code, err.count("\n")) == (2, 1)
    assert "prepare the others with --split=test" in err


class Data:
    def __init__(self, *names: str) -> None:
        self.class_names = names


def test_outputs_are_called_as_the_data_call_them() -> None:
    imagenet = class_names("imagenet")
    assert output_names(imagenet, False, Data(WNIDS[7], WNIDS[2])) == WNIDS
    assert output_names(imagenet, False, Data("tench", "hen"))[0] == "tench"
    mine = ("class 0", "class 1")
    assert output_names(mine, False, Data("cat", "dog")) == ("cat", "dog")
    named = ("dog", "cat")
    assert output_names(named, True, Data("cat", "dog")) == ("dog", "cat")
    assert output_names(named, True, Data("cat", "eel")) == ("dog", "cat")


BAD = {
    "two ways to name": (
        ("--model=a", "--model_dir=b"),
        "only one of --model and --model_dir",
    ),
    "views": (("--model=a", "--views=5"), "views must be 1 or 10. Received: views=5"),
    "second is missing": (("--model={run}", "--model=none"), "Received: 'none'"),
    "an export among several": (
        ("--model={run}/servable", "--model={run}"),
        "must be evaluated alone",
    ),
    "ten views of an export": (
        ("--model={run}/servable", "--views=10"),
        "has its own views",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_judged_is_one_line(
    evaluate, run: Path, pictures: Path, case: str
) -> None:
    arguments, message = BAD[case]
    given = [each.format(run=run) for each in arguments]
    code, _, err = evaluate(*given, f"--data=folder:{pictures}")
    assert (code, err.count("\n")) == (2, 1)
    assert message in err
