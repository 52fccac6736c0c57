"""`predict` on folders and patterns."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from keras_alexnet.commands.named_pictures import NamedPictures

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """photos/ with pictures, folders, and what is no picture."""
    photos = tmp_path / "photos"
    (photos / "b c" / ".hidden").mkdir(parents=True)
    (photos / "nothing").mkdir()
    one = pictures / "val" / "0_red" / "000.jpg"
    for name in ("z.jpg", "a.jpg", "b c/m.jpg", "b c/.hidden/x.jpg", "no ending"):
        shutil.copy(one, photos / name)
    for name in ("notes.txt", "b c/notes.txt", "b c/Thumbs.db", ".DS_Store"):
        (photos / name).write_text("no picture")
    monkeypatch.chdir(tmp_path)
    return photos


ALL = ["photos/a.jpg", "photos/b c/m.jpg", "photos/no ending", "photos/z.jpg"]


@pytest.mark.compat
@pytest.mark.parametrize(
    ("given", "paths", "skipped"),
    [
        (["photos"], ALL, 5),
        (["photos/"], ALL, 5),
        (["photos/*.jpg"], ["photos/a.jpg", "photos/z.jpg"], 0),
        (["photos/*"], ALL, 4),
        (["photos/**/m.*"], ["photos/b c/m.jpg"], 0),
        (["photos/z.jpg", "photos/b c"], ["photos/z.jpg", "photos/b c/m.jpg"], 3),
        (["photos/notes.txt", "gone.jpg"], ["photos/notes.txt", "gone.jpg"], 0),
    ],
)
def test_what_arguments_name(
    here: Path, given: list[str], paths: list[str], skipped: int
) -> None:
    named = NamedPictures(given)
    assert named.paths == paths
    assert len(named.skipped) == skipped


def test_a_loop_of_links_ends(here: Path) -> None:
    (here / "b c" / "loop").symlink_to(here, target_is_directory=True)
    assert NamedPictures(["photos"]).paths == ALL


def test_a_name_that_looks_like_a_pattern_is_a_name(here: Path) -> None:
    (here / "a[1].jpg").write_bytes((here / "a.jpg").read_bytes())
    assert NamedPictures(["photos/a[1].jpg"]).paths == ["photos/a[1].jpg"]


def test_predict_answers_a_folder(predict: Command, run: Path, here: Path) -> None:
    code, out, err = predict(f"--model={run}", "--json", "--batch_size=3", "photos")
    assert code == 0
    assert [json.loads(line)["picture"] for line in out.splitlines()] == ALL
    assert err == (
        "predict: skipped 5 files that are hidden or no pictures: "
        "notes.txt (2), .DS_Store, .hidden/, Thumbs.db\n"
    )


@pytest.mark.parametrize(
    ("given", "held"), [("photos/nothing", "holds"), ("photos/*.png", "matches")]
)
def test_a_folder_or_pattern_without_a_picture_is_one_line(
    predict: Command, run: Path, here: Path, given: str, held: str
) -> None:
    code, out, err = predict(f"--model={run}", "photos/a.jpg", given)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"Received: {given!r}, which {held} none" in err
