"""The page on formats: what it shows runs, and its flags and names are there."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import re
import warnings
from pathlib import Path

import pytest

from keras_alexnet.commands.export import FORMATS, Config

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()


@pytest.mark.compat
def test_what_the_page_shows_runs(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "photos").symlink_to(run)
    (tmp_path / "cat.jpg").symlink_to(run / "example.jpg")
    names: dict = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TensorFlow's own deprecations
        for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
            exec(block, names)
    assert capsys.readouterr().out.strip() in names["model"].class_names
    assert names["kernel"].shape == (11, 11, 3, 96)
    assert names["about"]["variant"] == "paper"


def test_its_flags_formats_and_extras_are_there() -> None:
    known = {field.name for field in dataclasses.fields(Config)}
    assert {*re.findall(r"--([a-z_0-9]+)", PAGE)} <= known
    rows = re.findall(
        r"^\| `([a-z_]+)` \|.*\| ?(?:`\[([a-z]+)\]`[^|]*)?\|$", PAGE, re.M
    )
    assert [name for name, _ in rows] == [*FORMATS]
    extras = importlib.metadata.metadata("keras-alexnet").get_all("Provides-Extra")
    assert {extra for _, extra in rows if extra} <= {*extras}
