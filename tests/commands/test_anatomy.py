"""`keras-alexnet anatomy` and `scripts/anatomy.py`, as a person uses them."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import keras_alexnet
from keras_alexnet import architectures
from keras_alexnet.commands.anatomy import Config

ROOT = Path(__file__).resolve().parent.parent.parent
# Its section: the next begins with a title of the same level.
PAGE = (ROOT / "docs" / "seeing.md").read_text().split("\n## ")[1]


@pytest.mark.compat
def test_the_script_prints_the_table(script) -> None:
    result = script("anatomy")
    assert (result.returncode, result.stderr) == (0, "")
    assert "60,965,224" in result.stdout
    assert "Why two GPUs?" in result.stdout


@pytest.mark.compat
def test_json_of_an_architecture_of_ones_own(script, tmp_path: Path) -> None:
    record = dataclasses.replace(architectures.get("owt"), name="mine", dense=(64, 32))
    (tmp_path / "mine.json").write_text(architectures.to_json(record))
    result = script(
        "anatomy",
        "--architecture=mine.json",
        "--classes=7",
        "--image_size=96",
        "--json",
    )
    assert (result.returncode, result.stderr) == (0, "")
    content = json.loads(result.stdout)
    assert set(content["totals"]) == {"parameters", "multiply_adds", "neurons"}
    layers = {each["name"]: each for each in content["layers"]}
    assert layers["pool5"]["maps"] == [2, 2, 256]
    assert layers["fc8"]["maps"] == [1, 1, 7]
    assert layers["fc8"]["parameters"] == 33 * 7


def test_a_drawing_is_written(script, tmp_path: Path) -> None:
    assert script("anatomy", "--variant=six_conv", "--svg=six.svg").returncode == 0
    root = ElementTree.parse(tmp_path / "six.svg").getroot()
    assert "conv6" in [each.text for each in root]


def test_it_does_without_tensorflow() -> None:
    """TensorFlow's import alone takes several seconds, the command under one."""
    code = """
import sys, keras_alexnet_command
sys.argv = ["keras-alexnet", "anatomy", "--json"]
try:
    keras_alexnet_command.main()
finally:
    print(sorted({"tensorflow", "keras"} & set(sys.modules)), file=sys.stderr)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert json.loads(result.stdout)["totals"]["parameters"] == 60_965_224
    assert result.stderr == "[]\n"


BAD = {
    "too small": (("--image_size=63",), "at least 64 for variant='paper'"),
    "no variant": (("--variant=vgg",), "--variant=vgg"),
    "no file": (("--architecture=none.json",), "'none.json' (No such file"),
    "two networks": (
        ("--architecture=x.json", "--variant=caffe"),
        "either --architecture or --variant must be given, not both",
    ),
    "no folder": (("--svg=no/a.svg",), "Received: 'no/a.svg' (No such file"),
    "a folder": (("--svg=/",), "Received: '/'"),
    "no name": (("--svg=",), "svg must be the name of a file"),
    "no batch": (("--batch_size=0",), "Received: batch_size=0"),
    "words": (("paper",), "Received: ['paper']"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_a_person_can_fix_is_one_line(script, tmp_path: Path, case: str) -> None:
    arguments, message = BAD[case]
    result = script("anatomy", *arguments)
    assert (result.returncode, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_page_shows_what_the_command_gives(script, tmp_path: Path) -> None:
    result = script("anatomy", "--svg=paper.svg")
    for block in PAGE.split("```text\n")[1:]:
        shown = block.partition("```")[0]
        assert shown in result.stdout
    drawn = (tmp_path / "paper.svg").read_text()
    assert drawn == (ROOT / "docs" / "anatomy.svg").read_text()


def test_what_the_page_says_in_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(block, names)
    drawn = (tmp_path / "paper.svg").read_text()
    assert drawn == (ROOT / "docs" / "anatomy.svg").read_text()
    assert f"# {names['paper'].totals}" in block
    assert "`caffe` at 230 px sees 227" in PAGE
    assert keras_alexnet.anatomy("caffe", 230).layer("fc6").receptive_field == 227


def test_the_page_names_the_flags_that_there_are() -> None:
    flags = {field.name for field in dataclasses.fields(Config)}
    assert set(re.findall(r"--([a-z_]+)", PAGE)) == flags
