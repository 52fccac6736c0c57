"""`keras-alexnet export`, from a run to its files."""

from __future__ import annotations

import os
import re
import sys
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


WRITTEN = {
    "tflite": ("TFLite", os.path.join("exports", "alexnet.tflite")),
    "onnx": ("ONNX", os.path.join("exports", "alexnet.onnx")),
    "openvino": ("OpenVINO", os.path.join("exports", "openvino", "1")),
    "safetensors": ("safetensors", os.path.join("exports", "alexnet.safetensors")),
    "keras": ("Keras", os.path.join("exports", "alexnet.keras")),
}


@pytest.mark.compat
@pytest.mark.parametrize("form", WRITTEN)
def test_each_form_has_its_place_and_is_checked(
    export_command, run: Path, form: str
) -> None:
    code, out, _ = export_command(f"--model={run}", f"--format={form}")
    assert code == 0
    label, path = WRITTEN[form]
    assert [label, path] in [line.split() for line in out.splitlines()]
    assert Path(path).exists()
    by = {"tflite": "LiteRT", "onnx": "ONNX Runtime", "openvino": "OpenVINO"}.get(form)
    found = re.search(r"within (\S+) of the model, for 1 and 8 pictures, by (.*)", out)
    assert (found is None) == (by is None)
    assert found is None or (float(found[1]) < 1e-5 and found[2].startswith(by))


def test_a_runtime_that_is_missing_is_named(
    export_command, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, out, _ = export_command(f"--model={run}", "--format=onnx", "--out=a.onnx")
    assert code == 0
    assert "pip install 'keras-alexnet[onnx]'" in out.partition("not run")[2]
    assert Path("a.onnx").is_file()


@pytest.mark.compat
def test_a_calibrated_file_is_compared_on_validation_pictures(
    export_command, run: Path
) -> None:
    flags = ("--format=tflite", "--precision=int8", "--calibrate", "--out=a.tflite")
    code, out, _ = export_command(f"--model={run}", *flags)
    assert code == 0
    found = re.search(
        r"top-1 (\S+), the model's (\S+); the same first class for (\S+) of 9 pictures,"
        r" by LiteRT",
        out,
    )
    assert found is not None
    # All runs of these tests tell red, green and blue apart, or call all of them one.
    assert abs(float(found[1]) - float(found[2])) <= 0.2
    assert float(found[3]) >= 0.7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format=tf"], "--format must be one of saved_model, tflite, onnx"),
        (["--format=onnx", "--out="], "out must be a file's name"),
        (["--out=a.onnx"], "out must be left out with --format=saved_model"),
        (["--format=onnx", "--export_dir=a"], "left out with --format=onnx. Rec"),
        (["--format=onnx", "--precision=int8"], "left out with --format=onnx. Rec"),
        (["--format=keras", "--version=3"], "Received: version=3"),
        (["--format=keras", "--views=10"], "Received: views=10"),
        (["--format=keras", "--nowarmup"], "Received: warmup=False"),
        (["--format=keras", "--inputs=prepared"], "Received: inputs='prepared'"),
        (["--format=tflite", "--precision=bfloat16"], "for a TFLite file. Received"),
        (["--format=tflite", "--calibrate"], "precision must be int8 with --cal"),
        (["--data=shapes"], "data must be left out without --calibrate"),
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
