"""`look`, as a person uses it: from a run to files, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from finished_runs import quiet
from PIL import Image

from keras_alexnet import Classifier, commands, inspection
from keras_alexnet.commands.look import Config
from keras_alexnet.data import open_source
from keras_alexnet.seeing import look
from keras_alexnet.seeing.report_directory import ReportDirectory
from keras_alexnet.training import Trainer, TrainingConfig

ROOT = Path(__file__).resolve().parents[2]
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture) -> Command:
    """Runs `look` within this process; gives exit code, output and errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            commands.main(["keras-alexnet", "look", *arguments])
        return (caught.value.code, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def report(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the small run, on the run's own data."""
    return look(run, tmp_path_factory.mktemp("look") / "out").parent


@pytest.mark.compat
def test_a_run_needs_nothing_but_a_directory(report: Path) -> None:
    names = {each.name for each in report.iterdir()}
    numbers = json.loads((report / "numbers.json").read_text())
    assert set(numbers["files"]) == names
    assert {"report.html", "figure3_conv1.png", "figure3_conv1.svg"} <= names
    assert {"run_loss.png", "figure4_nearest_in_fc7.png"} <= names
    assert numbers["sizes"] == {"train": 24, "validation": 9}
    with Image.open(report / "figure3_conv1.png") as picture:
        assert picture.format == "PNG"
    html = (report / "report.html").read_text()
    assert "9 validation pictures and 24 training pictures" in html
    assert "0_red" in html


def test_the_command_replaces_an_earlier_look_and_names_units(
    command: Command, run: Path, report: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(report, tmp_path / "out"))
    (out / "report.html").write_text("old")
    code, output, errors = command(
        f"--model={run}", f"--out={out}", "--units=conv5:12,fc7:3"
    )
    assert (code, errors) == (0, "")
    html = (out / "report.html").read_text()
    assert f"open in a browser: {(out / 'report.html').as_uri()}" in output
    assert 'id="unit-conv5-12"' in html
    assert 'id="unit-fc7-3"' in html
    assert html.count('id="unit-conv5-') == 1
    assert html.count('id="unit-conv1-') == 8  # as without names
    assert (out / "patches_conv5.png").is_file()
    numbers = json.loads((out / "numbers.json").read_text())
    assert set(numbers["files"]) == {each.name for each in out.iterdir()}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--out=new", "--units=conv9:1"], ["conv9"]),
        (["--out=new", "--units=conv5:999"], ["999"]),
        (["--out=new", "--units=conv5"], ["conv5"]),
        (["--out=new", "--units=,"], ["units must be names"]),
        (["--out=new", "--units=conv5:1,,fc7:1"], ["units must be names"]),
        (["--out=a_file"], ["out must be a directory", "a_file"]),
        (["--out=nowhere_else"], ["out must be a directory that can", "nowhere_else"]),
        (["--out=full"], ["out must be new, empty", "'mine.txt'"]),
        (["--out=stolen"], ["out must be new, empty", "'mine.txt'"]),
        (["--out=listed"], ["out must be new, empty", "'mine.txt'"]),
        ([], ["--out is missing: it must be a directory, as --out="]),
        (["--out=new", "--limit=0"], ["limit must be at least 1"]),
        (["--out=new", "--compare=nowhere"], ["nowhere"]),
        (["--out=new", "--data=folder:nowhere"], ["nowhere"]),
    ],
)
def test_what_cannot_be_done_is_one_line(
    command: Command,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    given: list[str],
    words: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a_file").write_text("mine")
    Path("nowhere_else").symlink_to("not_there")
    for name in ("full", "stolen", "listed"):
        Path(name).mkdir()
        Path(name, "mine.txt").write_text("mine")
    # A list of files that is not a report's gives no right to any of them.
    for name, maker in (("stolen", "I"), ("listed", "keras-alexnet look")):
        held = {"files": ["mine.txt", "", "../a_file", 7], "made_by": maker}
        Path(name, "numbers.json").write_text(json.dumps(held))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, output, errors = command(f"--model={run}", *given)
    assert (code, output) == (2, "")
    assert errors.count("\n") == 1
    for each in words:
        assert each in errors
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize(
    ("name", "pattern", "instead", "words"),
    [
        ("metrics.csv", "^", '"' + 200000 * "1", "metrics.csv must be as train"),
        ("config.flags", "(?m)^--data=.*\n", "", "config.flags', without data"),
        (
            *("config.flags", "(?m)^--data=.*", "--data=folder:gone"),
            "'gone', which does not exist (the data of own; --data names others)",
        ),
    ],
)
def test_a_damaged_run_is_one_line(
    command: Command,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    pattern: str,
    instead: str,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run, "own", ignore=shutil.ignore_patterns("servable", "events"))
    path = Path("own", name)
    path.write_text(re.sub(pattern, instead, path.read_text(), count=1))
    code, output, errors = command("--model=own", "--out=out")
    assert (code, output, errors.count("\n")) == (2, "", 1)
    assert words in errors
    assert not Path("out").exists()


def test_an_interrupted_look_can_be_made_again(tmp_path: Path) -> None:
    begun = ReportDirectory(tmp_path / "out")
    begun.begin({"accuracy": 0.5}, ["one", "two"])
    (begun.path / "one.png").write_bytes(b"its own")
    again = ReportDirectory(begun.path)
    again.check()
    again.begin({"accuracy": 0.5}, ["two"])
    assert (begun.path / "one.png").is_file()  # until the new report is there
    again.end("page")
    left = {each.name for each in begun.path.iterdir()}
    assert left == {"numbers.json", "report.html"}
    (begun.path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"an earlier look.*'mine\.txt'"):
        again.check()


def test_an_export_is_refused_in_one_line(
    command: Command, run: Path, tmp_path: Path
) -> None:
    export = next((run / "servable").iterdir())
    for data in ([], ["--data=shapes"]):
        code, _, errors = command(
            f"--model={export}", f"--out={tmp_path / 'out'}", *data
        )
        assert code == 2
        assert errors.count("\n") == 1
        assert "an export cannot be taken apart" in errors


def test_weights_without_a_run_need_data(
    command: Command, run: Path, tmp_path: Path
) -> None:
    import keras_alexnet

    file = tmp_path / "some.keras"
    keras_alexnet.AlexNet(weights=run).save(file)
    code, _, errors = command(f"--model={file}", f"--out={tmp_path / 'out'}")
    assert code == 2
    assert errors.count("\n") == 1
    assert "data must be given for a model that is no run" in errors


@pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
def test_a_package_that_is_missing_is_named_with_its_extra(
    command: Command,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
) -> None:
    from keras_alexnet.seeing import looking

    real = looking.find_spec
    monkeypatch.setattr(
        looking, "find_spec", lambda name: None if name == package else real(name)
    )
    code, _, errors = command(f"--model={run}", f"--out={tmp_path / 'out'}")
    assert code == 2
    assert errors.count("\n") == 1
    assert "pip install 'keras-alexnet[seeing]'" in errors
    assert not (tmp_path / "out").exists()


def test_the_docs_say_what_there_is(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "seeing.md").read_text()
    (section,) = (each for each in page.split("\n## ") if each.startswith("Look"))
    flags = {field.name for field in dataclasses.fields(Config)}
    assert set(re.findall(r"--([a-z_]+)", section)) - flags == {"report"}
    for name in re.findall(r"\]\(([^)]+)\)", section):
        assert (ROOT / "docs" / name).is_file()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "quickstart").symlink_to(run)
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    exec(block, {})
    assert Path("look/report.html").is_file()


def trained(run: Path, data: Path, **given: object) -> tuple[object, str]:
    """The result of the run's own command, and what it printed."""
    config = TrainingConfig(
        data=f"folder:{data}",
        image_size=64,
        batch_size=8,
        epochs=2,
        steps_per_epoch=2,
        model_dir=str(run),
        **given,
    )
    console = quiet()
    return Trainer(config, console).fit(), console.file.getvalue()


def test_a_finished_run_gets_its_report_once(
    run: Path, pictures: Path, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(run, tmp_path / "run"))
    result, _ = trained(own, pictures)
    assert not result.reported
    result, _ = trained(own, pictures, report=True)
    assert result.reported
    assert (own / "report" / "report.html").is_file()
    result, _ = trained(own, pictures, report=True)
    assert not result.reported


def test_a_run_makes_its_report_when_it_ends(pictures: Path, tmp_path: Path) -> None:
    result, said = trained(tmp_path / "run", pictures, report=True)
    assert result.fresh
    assert "no report" not in said
    html = (tmp_path / "run" / "report" / "report.html").read_text()
    assert "Loss, natural logarithm." in html


def test_a_report_that_fails_is_a_line(
    run: Path, pictures: Path, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(run, tmp_path / "run"))
    (own / "report").mkdir()
    (own / "report" / "mine.txt").write_text("mine")
    result, said = trained(own, pictures, report=True)
    assert not result.reported
    assert "no report was made: out must be new, empty" in said
    assert [each.name for each in (own / "report").iterdir()] == ["mine.txt"]


def test_a_model_that_may_have_seen_the_pictures_is_noted(
    run: Path, pictures: Path, tmp_path: Path
) -> None:
    flat = pictures / "train"  # nobody kept pictures apart: the run divides them
    found = {}
    for name, seed in (("same", 0), ("other", 1)):
        copy = Path(shutil.copytree(run, tmp_path / name))
        data = json.loads((copy / "data.json").read_text())
        data["division"] = {"val_share": 0.5, "seed": seed}
        (copy / "data.json").write_text(json.dumps(data))
        flags = (copy / "config.flags").read_text()
        flags = re.sub("--data=.*", f"--data=folder:{flat}", flags)
        (copy / "config.flags").write_text(flags)
        found[name] = copy
    source = open_source(f"folder:{flat}", val_share=0.5, seed=0)
    classifier = Classifier(found["same"])
    compared = [Classifier(each) for each in (*found.values(), run)]
    beside = inspection.look(classifier, source, compare=compared).compared
    assert [each.note.partition(":")[0] for each in beside] == [
        "",
        "its division of the data is another one",
        "its data are others",
    ]


def test_drawing_is_counted_after_looking(run: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    page = look(
        run, tmp_path / "out", drawing=lambda done, total: seen.append((done, total))
    )
    drawings = len(list(page.parent.glob("*.png")))
    assert seen == [(done, drawings + 1) for done in range(drawings + 1)]
