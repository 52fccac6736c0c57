"""`claims` on a command line: its list, what it refuses, a claim from end to end."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from keras_alexnet import commands
from keras_alexnet.architectures import Architecture, Convolution, Pool, ReLU
from keras_alexnet.claims import registry, rerunning
from keras_alexnet.claims.measures.accuracy import Pair, accuracy
from keras_alexnet.claims.networks import with_pools
from keras_alexnet.claims.records import Arm, Size
from keras_alexnet.claims.result import read
from keras_alexnet.training.loop import Loop

Command = Callable[..., tuple[int, str, str]]
TINY = Architecture(
    name="tiny",
    towers=1,
    convolutions=(Convolution(4, 5, 2, stages=(ReLU(), Pool(3, 2))),),
    dense=(),
    input_size=14,
)
SIZE = Size(seeds=2, pictures=24, held_out=9, epochs=1, sweep_epochs=1)
MADE_UP = dataclasses.replace(
    registry.get("overlapping_pooling"),
    name="made_up",
    settings={"batch_size": 8, "steps_per_epoch": 3, "learning_rate": 0.001},
    arms={
        "3×3": Arm(TINY),
        "2×2": Arm(with_pools(TINY, Pool(2, 2)), differs=("conv1.stages",)),
    },
    measure=accuracy(Pair("3×3 against 2×2", "3×3", "2×2", 0.4)),
    quick=SIZE,
    whole=SIZE,
)


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Command:
    """Runs `claims` within this process; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(registry._CLAIMS, "made_up", MADE_UP)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            commands.main(["keras-alexnet", "claims", *arguments])
        return (caught.value.code, *capsys.readouterr())

    return call


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets any training fail the test."""

    def trained(*arguments: object, **more: object) -> None:
        raise AssertionError("it trains")

    monkeypatch.setattr(rerunning, "Experiment", trained)
    monkeypatch.setattr(rerunning, "copied", trained)


@pytest.mark.compat
def test_without_names_all_claims_are_listed(command: Command) -> None:
    code, out, err = command()
    assert (code, err) == (0, "")
    table, _, following = out.partition("\nnext:\n")
    heading, *rows = table.splitlines()
    assert heading.split() == ["claim", "section", "statement"]
    fields = [re.split(r" {2,}", row.rstrip()) for row in rows]
    assert fields == [
        [name, claim.section or "–", claim.statement]
        for name, claim in ((each, registry.get(each)) for each in registry.names())
    ]
    assert " relu --quick --report=" in following


@pytest.mark.parametrize("columns", [80, 60])
def test_the_list_fits_a_terminal(
    command: Command, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("FORCE_COLOR", "1")  # as on a terminal
    monkeypatch.delenv("TERM", raising=False)
    code, out, _ = command()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out)
    table = plain.partition("\nnext:\n")[0]
    assert code == 0
    assert max(map(len, table.splitlines())) <= columns
    words = " ".join(plain.split())
    assert "overlapping_pooling 3.4" in words
    for name in registry.names():
        for word in registry.get(name).statement.split():
            assert word in plain, name  # none is broken


REFUSED = {
    "an unknown name": (
        ("relo",),
        r"^claims: a claim must be one of relu, .*did you mean 'relu'\?\)"
        r"\. Received: 'relo'$",
    ),
    "an unknown name among others": (("made_up", "nothing"), r"Received: 'nothing'$"),
    "no seed": (("made_up", "--seeds=0"), r"^claims: seeds must be at least 1\. Rec"),
    "half a seed": (
        ("made_up", "--seeds=1.5"),
        r"--seeds must be a whole number\. Rec",
    ),
    "an empty directory": (
        ("made_up", "--runs="),
        r"^claims: runs must be a name, not",
    ),
    "an empty report": (("made_up", "--report="), r"^claims: report must be a dir"),
    "a report among other files": (
        ("made_up", "--report=others"),
        r"^claims: report must be a directory that is new, empty, or of earlier .*"
        r"Received: report='others' with 'mine\.txt'$",
    ),
    "a report that is a file": (
        ("made_up", "--report=others/mine.txt"),
        r"^claims: report must be a directory, which need not exist\. Received: .*",
    ),
    "unknown data": (
        ("made_up", "--cifar10=cifar"),
        r"^claims: --cifar10=cifar: data must be shapes, .* Received: data='cifar'$",
    ),
    "a folder that is not there": (("made_up", "--cifar10=folder:none"), r"'none'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_one_line_before_anything_is_trained(
    command: Command, untrained: None, tmp_path: Path, case: str
) -> None:
    arguments, message = REFUSED[case]
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "mine.txt").write_text("mine")
    code, out, err = command(*arguments, "--quick")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert re.search(message, err.rstrip("\n")), err
    assert [str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*")] == [
        "others",
        "others/mine.txt",
    ]


@pytest.mark.parametrize("package", ["matplotlib", "jinja2", "scipy"])
def test_a_missing_package_is_named_with_its_extra(
    command: Command,
    untrained: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    package: str,
) -> None:
    from keras_alexnet.claims import statistics
    from keras_alexnet.seeing import looking

    real = looking.find_spec
    monkeypatch.setattr(
        looking, "find_spec", lambda name: None if name == package else real(name)
    )
    if package == "scipy":
        monkeypatch.setitem(sys.modules, "scipy", None)  # its import fails
        statistics._special.cache_clear()
    code, out, err = command("made_up", "--quick", "--report=report")
    assert (code, out, err.count("\n")) == (2, "", 1)
    extra = "claims" if package == "scipy" else "seeing"
    assert f"pip install 'keras-alexnet[{extra}]'" in err
    assert package in err.lower()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.compat
def test_help_shows_every_flag_and_what_follows(command: Command) -> None:
    code, out, err = command("--help")
    assert (code, err) == (0, "")
    assert out.startswith("usage: keras-alexnet claims [flags] [NAME...], or all\n")
    for name in ("quick", "seeds", "sweep", "report", "cifar10", "photos", "runs"):
        assert f"--{name}" in out or f"--[no]{name}" in out
    assert "\nnext:\n  keras-alexnet claims relu --quick" in out


@pytest.mark.parametrize("seeds", [1, 2])
def test_a_claim_is_rerun_and_reported(
    command: Command, pictures: Path, tmp_path: Path, seeds: int
) -> None:
    data = f"--cifar10=folder:{pictures}"
    arguments = ("made_up", "--quick", f"--seeds={seeds}", data, "--report=report")
    code, out, err = command(*arguments)
    assert (code, err) == (0, "")
    report = tmp_path / "report"
    names = {"index.html", "made_up.json", "made_up.png"}
    assert {each.name for each in report.iterdir()} == names
    result = read(report / "made_up.json")
    assert (result.form, result.comparisons[0].seeds) == ("quick", seeds)
    assert result.command.startswith("keras-alexnet claims made_up --quick --seeds=")
    assert "--report" not in result.command
    lines = out.splitlines()
    assert sum(line.startswith("made_up: ") for line in lines) == 2 * seeds
    assert "made_up  section 3.4  quick" in lines
    assert lines[-3].split()[0] == "verdict"
    assert lines[-3].split()[-1] == result.comparisons[0].verdict
    assert lines[-1] == f"open in a browser: {(report / 'index.html').as_uri()}"
    content = json.loads((report / "made_up.json").read_text())
    # The same command trains nothing, and comes to the same.
    code, out, _ = command(*arguments)
    assert code == 0
    assert not any(line.startswith("made_up: ") for line in out.splitlines())
    again = json.loads((report / "made_up.json").read_text())
    assert again == content


def test_a_signal_ends_it_with_a_line_and_the_same_command_resumes(
    command: Command,
    pictures: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    data = f"--cifar10=folder:{pictures}"
    arguments = ("made_up", "--quick", data, "--report=report")
    step, calls = Loop._step, []

    def signalled(self: Loop, *given: object) -> None:
        calls.append(1)
        if len(calls) == 5:  # the second step of the second run
            os.kill(os.getpid(), signal.SIGTERM)
        step(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_step", signalled)
        code, out, err = command(*arguments)
    assert code == 75
    assert err == (
        "claims: made_up: stopped by SIGTERM after step 2; the same command resumes "
        "it\n"
    )
    assert out.count("made_up: ") == 1
    assert not (tmp_path / "report").exists()

    def counted(self: Loop, *given: object) -> None:
        calls.append(1)
        step(self, *given)

    monkeypatch.setattr(Loop, "_step", counted)
    code, out, err = command(*arguments)
    assert (code, err) == (0, "")
    assert out.count("made_up: ") == 3
    assert len(calls) == 4 * 3  # four runs of three steps, none of them twice
    assert read(tmp_path / "report" / "made_up.json").comparisons[0].seeds == 2


def test_the_script_is_the_command(script, tmp_path: Path) -> None:
    done = script("claims")
    assert (done.returncode, done.stderr) == (0, "")
    assert "claims.py relu --quick --report=runs/claims/report" in done.stdout
    assert list(tmp_path.iterdir()) == []
