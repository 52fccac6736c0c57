"""Preparation of a data set in which some files are not pictures."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from preparation_sets import SETTINGS, contents, folder, make_small, names

from keras_alexnet.data.preparation import prepare


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


@pytest.fixture
def copy(pictures: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pictures, tmp_path / "copy"))


def spoil(root: Path) -> dict[str, str]:
    """Makes four pictures unreadable; returns their names and parts of the reasons."""
    (root / "train" / "0_red" / "002.jpg").write_bytes(b"")
    cut = root / "train" / "1_green" / "003.jpg"
    cut.write_bytes(cut.read_bytes()[:500])
    (root / "val" / "2_blue" / "notes, mine.jpg").write_text("no picture")
    (root / "val" / "2_blue" / "gone.jpg").symlink_to(root / "nowhere")
    return {
        "train/0_red/002.jpg": "empty",
        "train/1_green/003.jpg": "runcated",
        "val/2_blue/notes, mine.jpg": "none of JPEG, PNG, GIF, BMP, WEBP",
        "val/2_blue/gone.jpg": "No such file",
    }


def test_unreadable_pictures_are_listed(copy: Path, tmp_path: Path) -> None:
    bad = spoil(copy)
    description, _ = prepare(folder(copy), str(tmp_path / "out"), SETTINGS)
    assert description.skipped == 4
    assert description.class_counts == {"train": [7, 7, 8], "validation": [3, 3, 3]}
    with open(tmp_path / "out" / "skipped.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["name"] for row in rows} == set(bad)
    for row in rows:
        assert bad[row["name"]] in row["reason"]
        assert row["split"].startswith(row["name"].partition("/")[0])
    kept = set(names(tmp_path / "out", "train"))
    assert len(kept) == 22
    assert not kept & set(bad)


def test_too_many_unreadable_pictures_are_an_error(copy: Path, tmp_path: Path) -> None:
    spoil(copy)
    out = tmp_path / "out"
    for allowed in (0, 3):
        with pytest.raises(ValueError, match=f"max_bad={allowed} pictures") as caught:
            prepare(folder(copy), str(out), SETTINGS, max_bad=allowed)
        assert "\n" not in str(caught.value)
        assert f"Received: {allowed + 1} so far" in str(caught.value)
        assert len((out / "skipped.csv").read_text().splitlines()) == allowed + 2
    prepare(folder(copy), str(out), SETTINGS, max_bad=4)
    prepare(folder(copy), str(tmp_path / "whole"), SETTINGS)
    assert contents(out) == contents(tmp_path / "whole")


def test_a_split_without_a_picture_is_an_error(copy: Path, tmp_path: Path) -> None:
    for path in (copy / "val").rglob("*.jpg"):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match="Received: none for validation"):
        prepare(folder(copy), str(tmp_path / "out"), SETTINGS)
    assert not (tmp_path / "out" / "dataset.json").exists()
