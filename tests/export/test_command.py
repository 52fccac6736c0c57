"""`keras-alexnet export`, from a run to its files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from keras_alexnet import commands


@pytest.fixture
def export_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            commands.main(["keras-alexnet", "export", *arguments])
        return (caught.value.code, *capsys.readouterr())

    return call


@pytest.mark.compat
def test_it_writes_checks_and_names_the_next_step(export_command, run: Path) -> None:
    code, out, _ = export_command(
        f"--model={run}",
        "--export_dir=served",
        "--precision=int8",
        "--views=10",
        "--top_k=2",
        "--version=12",
        "--tflite=small.tflite",
    )
    assert code == 0
    path = os.path.join("served", "12")
    lines = [line.split() for line in out.splitlines()]
    assert ["SavedModel", path] in lines
    assert "10 view(s), kernels in int8" in out
    assert "of the model" in out
    assert ["TFLite", "small.tflite"] in lines
    assert Path("small.tflite").is_file()
    assert Path("small.txt").read_text() == "0_red\n1_green\n2_blue\n"
    assert f"--model={path}" in out.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--export_dir="], "export_dir must be a name"),
        (["--tflite="], "tflite must be a file's name"),
        (["--precision=bfloat16", "--tflite=a"], "for a TFLite file. Received: prec"),
        (["--precision=int4"], "--precision=int4"),
        (["--views=3"], "Received: views=3"),
        (["--preprocessing=vgg"], "Received: preprocessing='vgg'"),
    ],
)
def test_impossible_requests_are_one_line(
    export_command, run: Path, arguments: list[str], message: str
) -> None:
    code, out, error = export_command(f"--model={run}", *arguments)
    assert (code, out) == (2, "")
    assert message in error
    assert error.count("\n") == 1
    assert not Path("exports").exists()
