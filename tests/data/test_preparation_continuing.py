"""Preparation that was stopped, is finished, or meets another one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from preparation_sets import (
    RAW,
    SETTINGS,
    SIZE,
    contents,
    folder,
    interrupt,
    make_small,
)

import keras_alexnet
from keras_alexnet.data import open_source
from keras_alexnet.data.preparation import Settings, prepare


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


@pytest.fixture
def copy(pictures: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pictures, tmp_path / "copy"))


KILLED = """
import os, signal, sys
from keras_alexnet.data import open_source
from keras_alexnet.data.preparation import Settings, prepare, shards, writing
shards.SHARD_BYTES, writing._BLOCK = 10_000, 2

def watch(done, total):
    print(done, flush=True)
    if done == 10:  # Six in the first shard, four in the second.
        os.kill(os.getpid(), signal.SIGKILL)

prepare(open_source(sys.argv[1]), sys.argv[2], Settings(32), processes=2, watch=watch)
"""


@pytest.mark.compat
def test_killed_it_resumes_to_the_same_bytes(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    process = subprocess.run(
        [sys.executable, "-c", KILLED, f"folder:{pictures}", str(out)],
        # Where the tested package is installed.
        cwd=Path(keras_alexnet.__file__).parent.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL
    finished = out / "train-00000-of-00004.tfrecord"
    left = finished.stat().st_mtime_ns
    assert [path.name for path in out.glob("*.tfrecord")] == [finished.name]
    assert not (out / "dataset.json").exists()
    seen: list[int] = []
    again = prepare(
        folder(pictures), str(out), SETTINGS, watch=lambda done, _: seen.append(done)
    )
    assert again[1]
    assert seen[0] == 6
    assert finished.stat().st_mtime_ns == left
    prepare(folder(pictures), str(tmp_path / "whole"), SETTINGS)
    assert contents(out) == contents(tmp_path / "whole")


COMMITS = (
    "settings.json",
    "train-00001-of-00004.tfrecord",
    "train-00001-of-00004.tfrecord.npz",
    "mean_picture.npy",
    "skipped.csv",
    "dataset.json",
)


@pytest.mark.parametrize("renamed", [False, True])
def test_it_may_be_stopped_before_and_after_each_file_appears(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, renamed: bool
) -> None:
    source, out, rename = folder(pictures), tmp_path / "out", os.replace
    for last in COMMITS:

        def end(begun: str, path: str, last: str = last) -> None:
            if Path(path).name != last or renamed:
                rename(begun, path)
            if Path(path).name == last:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", end)
            with pytest.raises(KeyboardInterrupt):
                prepare(source, str(out), SETTINGS)
        if not renamed:  # What a killed process leaves.
            (out / f".keras_alexnet.{last}.a1b2c3d4").write_bytes(b"begun")
    assert prepare(source, str(out), SETTINGS)[1] is not renamed
    prepare(source, str(tmp_path / "whole"), SETTINGS)
    assert contents(out) == contents(tmp_path / "whole")


@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"cut")])
def test_a_shard_that_was_lost_is_written_again(
    pictures: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    out = tmp_path / "out"
    interrupt(pictures, out, 20)
    spoil(out / "train-00001-of-00004.tfrecord")
    prepare(folder(pictures), str(out), SETTINGS)
    prepare(folder(pictures), str(tmp_path / "whole"), SETTINGS)
    assert contents(out) == contents(tmp_path / "whole")


def test_finished_it_reports_so_and_changes_nothing(
    pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first, _ = prepare(folder(pictures), str(out), SETTINGS)
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    again, fresh = prepare(folder(pictures), str(out), SETTINGS)
    assert (again, fresh) == (first, False)
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("change", ["size", "time"])
def test_a_picture_that_was_replaced_is_noticed(
    copy: Path, tmp_path: Path, finished: bool, change: str
) -> None:
    out, picture = tmp_path / "out", copy / "train" / "0_red" / "000.jpg"
    if finished:
        prepare(folder(copy), str(out), SETTINGS)
    else:
        interrupt(copy, out, 20)
    before = contents(out)
    if change == "size":
        stat = picture.stat()
        picture.write_bytes(picture.read_bytes() + b"more")
        os.utime(picture, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    else:
        os.utime(picture, ns=(0, 0))
    with pytest.raises(ValueError, match="had other sizes or times") as caught:
        prepare(folder(copy), str(out), SETTINGS)
    assert str(out) in str(caught.value)
    assert contents(out) == before


def test_records_of_an_older_version_are_accepted(copy: Path, tmp_path: Path) -> None:
    """They have no sizes and times of the files."""
    out = tmp_path / "out"
    prepare(folder(copy), str(out), SETTINGS)
    path = out / "dataset.json"
    content = json.loads(path.read_text())
    del content["file_stamp"]
    path.write_text(json.dumps(content))
    (copy / "train" / "0_red" / "000.jpg").touch()
    assert not prepare(folder(copy), str(out), SETTINGS)[1]
    assert open_source(f"records:{out}").sizes == {"train": 24, "validation": 9}


@pytest.mark.parametrize("finished", [True, False])
def test_other_settings_or_data_are_refused(
    pictures: Path, copy: Path, tmp_path: Path, finished: bool
) -> None:
    out = tmp_path / "out"
    if finished:
        prepare(folder(pictures), str(out), SETTINGS)
    else:
        interrupt(pictures, out, 4)
    before = contents(out)
    (copy / "val" / "0_red" / "000.jpg").rename(copy / "val" / "0_red" / "new.jpg")
    for root, settings, message in (
        (pictures, Settings(SIZE, quality=90), "quality is 95, not 90"),
        (pictures, Settings(64), "size is 32, not 64"),
        (pictures, RAW, "encoding is jpeg, not raw|quality is 95, not None"),
        (copy, SETTINGS, "data_fingerprint is"),
    ):
        with pytest.raises(ValueError, match=message):
            prepare(folder(root), str(out), settings)
    assert contents(out) == before


def test_a_folder_may_be_moved(pictures: Path, copy: Path, tmp_path: Path) -> None:
    interrupt(pictures, tmp_path / "out", 10)
    assert prepare(folder(copy), str(tmp_path / "out"), SETTINGS)[1]


def test_a_directory_of_other_files_is_refused(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds something else"):
        prepare(folder(pictures), str(tmp_path), SETTINGS)
    with pytest.raises(ValueError, match=r"out must be a directory .*notes.txt"):
        prepare(folder(pictures), str(tmp_path / "notes.txt" / "out"), SETTINGS)
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_two_at_once_are_refused(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def watch(done: int, total: int) -> None:
        if done == 10:
            with pytest.raises(ValueError, match="another process is writing to"):
                prepare(folder(pictures), str(out), SETTINGS)

    prepare(folder(pictures), str(out), SETTINGS, watch=watch)
    prepare(folder(pictures), str(tmp_path / "alone"), SETTINGS)
    assert contents(out) == contents(tmp_path / "alone")


def test_a_worker_that_ends_is_an_error_of_one_line(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(ChildProcessError, match="Received: exit code 1") as caught:
        prepare(folder(pictures), str(tmp_path / "out"), SETTINGS)
    assert "\n" not in str(caught.value)
