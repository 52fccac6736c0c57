"""Files of features: what is in them, and what a kill leaves of them."""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import filelock
import h5py
import numpy as np
import pytest

import keras_alexnet
from keras_alexnet import Classifier, commands
from keras_alexnet.commands import features as command
from keras_alexnet.data import open_source
from keras_alexnet.extraction import PicturesOfData, PicturesOfFiles, write_features
from keras_alexnet.extraction.resumable import ResumableFile

ROOT = Path(__file__).resolve().parent.parent.parent
LAYERS = ("conv1", "pool5", "fc7")
Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def classifier(run: Path) -> Classifier:
    return Classifier(run)


@pytest.fixture(scope="module")
def data(pictures: Path) -> PicturesOfData:
    return PicturesOfData(open_source(f"folder:{pictures}"))


@pytest.fixture
def features(capsys: pytest.CaptureFixture) -> Command:
    """Runs `features` within this process; gives exit code, output and errors."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            commands.main(["keras-alexnet", "features", *arguments])
        return (caught.value.code, *capsys.readouterr())

    return call


def content(path: Path) -> dict[str, object]:
    """All that a file holds, to compare it with another."""
    with h5py.File(path) as file:
        held = {name: (v.dtype, v[()].tolist()) for name, v in file.items()}
        return {**held, "attributes": dict(file.attrs)}


@pytest.mark.compat
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_rows_are_those_of_the_classifier(
    features: Command, run: Path, pictures: Path, tmp_path: Path, dtype: str
) -> None:
    out = tmp_path / "features.h5"
    flags = [f"--model={run}", f"--layers={','.join(LAYERS)}", f"--dtype={dtype}"]
    code, said, err = features(*flags, f"--data=folder:{pictures}", f"--out={out}")
    assert (code, err) == (0, "")
    assert "fc7       24×4096" in said
    paths = sorted(pictures.glob("train/*/*.jpg"))
    expected = Classifier(run).features(paths, LAYERS)
    with h5py.File(out) as file:
        for layer in LAYERS:
            assert file[layer].dtype == dtype
            np.testing.assert_array_equal(file[layer][:], expected[layer].astype(dtype))
        names = [each.decode() for each in file["names"][:]]
        assert names == [str(each.relative_to(pictures)) for each in paths]
        assert file["labels"][:].tolist() == 8 * [0] + 8 * [1] + 8 * [2]
        classes = file["class_names"].asstr()[:].tolist()
        assert classes == ["0_red", "1_green", "2_blue"]
        assert file["valid"][:].all()
        assert len(file.attrs["model_sha256"]) == 64
        assert file.attrs["keras_alexnet"] == keras_alexnet.__version__
    stamp = out.stat().st_mtime_ns
    code, said, _ = features(*flags, f"--out={out}")  # the run's own data
    assert code == 0
    assert "is complete: nothing to do" in said
    assert out.stat().st_mtime_ns == stamp


def test_an_export_gives_what_its_own_signature_gives(
    features: Command, run: Path, pictures: Path, tmp_path: Path
) -> None:
    out, folder = tmp_path / "features.h5", pictures / "val" / "0_red"
    flags = (f"--model={run / 'servable'}", "--layers=all", f"--out={out}")
    assert features(*flags, str(folder))[0] == 0
    paths = sorted(folder.glob("*.jpg"))
    expected = Classifier(run / "servable").features(paths, ["fc6", "fc7"])
    with h5py.File(out) as file:
        assert "labels" not in file
        for layer in ("fc6", "fc7"):
            np.testing.assert_array_equal(file[layer][:], expected[layer])


def test_all_layers_are_those_that_there_are(classifier: Classifier) -> None:
    assert classifier.layers == [
        *("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5"),
        *("fc6", "fc7", "fc8"),
    ]


def test_what_cannot_be_read_is_nan_and_named(
    features: Command, run: Path, pictures: Path, tmp_path: Path
) -> None:
    shutil.copytree(pictures, tmp_path / "some")
    bad = tmp_path / "some" / "train" / "1_green" / "003.jpg"
    bad.write_bytes(bad.read_bytes()[:200])
    out = tmp_path / "features.h5"
    flags = (f"--model={run}", f"--out={out}", "--batch_size=5")
    code, _, err = features(*flags, f"--data=folder:{tmp_path / 'some'}")
    assert code == 0
    assert "1 of 24 pictures cannot be read" in err
    assert "train/1_green/003.jpg" in err
    paths = sorted(pictures.glob("train/*/*.jpg"))
    expected = Classifier(run).features(paths, "fc7", batch_size=5)["fc7"]
    with h5py.File(out) as file:
        assert file["names"][11] == b"train/1_green/003.jpg"
        assert np.flatnonzero(file["valid"][:] == 0).tolist() == [11]
        rows = file["fc7"][:]
    assert np.isnan(rows[11]).all()
    good = np.arange(24) != 11
    np.testing.assert_allclose(rows[good], expected[good], rtol=1e-4, atol=1e-5)


KILLED = """
import os, signal, sys
from keras_alexnet import Classifier, write_features
from keras_alexnet.data import open_source
from keras_alexnet.extraction import PicturesOfData, resumable

write, calls = resumable.ResumableFile._write, []

def killed(self, name, row, values):
    calls.append(name)
    if len(calls) == int(sys.argv[4]):
        write(self, name, row, values[: len(values) // 2])  # some of it only
        self._raw.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, name, row, values)

resumable.ResumableFile._write = killed
data = PicturesOfData(open_source("folder:" + sys.argv[2]))
write_features(Classifier(sys.argv[1]), data, sys.argv[3], ["conv1", "fc7"],
               batch_size=5)
"""


def test_a_killed_process_leaves_what_the_next_one_completes(
    classifier: Classifier,
    data: PicturesOfData,
    run: Path,
    pictures: Path,
    tmp_path: Path,
) -> None:
    out, whole = tmp_path / "killed.h5", tmp_path / "whole.h5"
    # Each batch writes valid, conv1 and fc7, and then the number of rows.
    argv = [sys.executable, "-c", KILLED, str(run), str(pictures), str(out), "11"]
    died = subprocess.run(argv, cwd=tmp_path, capture_output=True, check=False)
    assert died.returncode == -signal.SIGKILL
    assert not out.exists()
    partial = tmp_path / "killed.h5.partial"
    with h5py.File(partial) as file:
        assert file["rows"][0] == 10
    settings = {"layers": ["conv1", "fc7"], "batch_size": 5}
    assert write_features(classifier, data, out, **settings).resumed == 10
    assert write_features(classifier, data, whole, **settings).resumed == 0
    assert content(out) == content(whole)
    left = {each for each in os.listdir(tmp_path) if not each.startswith("pytest")}
    assert left == {"killed.h5", "whole.h5"}


class Killed(BaseException):
    """Ends a call where it is raised, past every handler of an `Exception`."""


@pytest.mark.parametrize("writes", range(1, 9))
def test_a_call_may_end_at_every_write(
    classifier: Classifier,
    data: PicturesOfData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    writes: int,
) -> None:
    out, whole = tmp_path / "ended.h5", tmp_path / "whole.h5"
    write, calls = ResumableFile._write, []

    def dying(self: ResumableFile, name: str, row: int, values: np.ndarray) -> None:
        calls.append(name)
        if len(calls) > writes:
            raise Killed
        write(self, name, row, values)

    settings = {"layers": ["fc6", "fc7"], "batch_size": 16}
    with monkeypatch.context() as patched:
        patched.setattr(ResumableFile, "_write", dying)
        if writes < 8:
            with pytest.raises(Killed):
                write_features(classifier, data, out, **settings)
        else:
            write_features(classifier, data, out, **settings)
    write_features(classifier, data, out, **settings)
    write_features(classifier, data, whole, **settings)
    assert content(out) == content(whole)


CHANGED = {
    "layers": {"layers": ["fc6"]},
    "dtype": {"dtype": "float16"},
    "batch_size": {"batch_size": 7},
}


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("what", [*CHANGED, "pictures", "model"])
def test_another_request_is_refused_and_what_differs_is_named(
    classifier: Classifier,
    data: PicturesOfData,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    ended: bool,
) -> None:
    out = tmp_path / "features.h5"

    def end(self: ResumableFile, tables: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if not ended:
            patched.setattr(ResumableFile, "append", end)
        with pytest.raises(Killed) if not ended else monkeypatch.context():
            write_features(classifier, data, out)
    held = out if ended else out.with_name("features.h5.partial")
    before = held.read_bytes()
    pictures = data
    if what == "pictures":
        pictures = PicturesOfData(data.source, "validation")
    if what == "model":
        classifier = Classifier(
            next(iter((run / "checkpoints").glob("*.index"))).with_suffix("")
        )
        layer = classifier.model.get_layer("fc8")
        layer.bias.assign(layer.bias + 1)
    with pytest.raises(
        ValueError, match=f"of the same {what} to be continued"
    ) as caught:
        write_features(classifier, pictures, out, **CHANGED.get(what, {}))
    if what == "pictures":
        assert f"24 of {data.title}, not 9 of {pictures.title}" in str(caught.value)
    assert held.read_bytes() == before


def test_what_is_no_file_of_features_stays(
    classifier: Classifier, data: PicturesOfData, tmp_path: Path
) -> None:
    other = tmp_path / "notes.h5"
    with h5py.File(other, "w") as file:
        file["fc7"] = [1, 2, 3]
    text = tmp_path / "notes.txt"
    text.write_text("mine")
    for path in (other, text):
        before = path.read_bytes()
        with pytest.raises(ValueError, match="a new file, or one of features"):
            write_features(classifier, data, path)
        assert path.read_bytes() == before


def test_two_processes_do_not_write_one_file(
    classifier: Classifier, data: PicturesOfData, tmp_path: Path
) -> None:
    out = tmp_path / "features.h5"
    with (
        filelock.FileLock(tmp_path / "features.h5.partial.lock"),
        pytest.raises(ValueError, match="one process at a time"),
    ):
        write_features(classifier, data, out)
    # What the other one writes is not replaced.
    assert not (tmp_path / "features.h5.partial").exists()


def test_a_full_disk_is_one_line_and_the_same_call_continues(
    features: Command, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: ResumableFile) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    flags = (f"--model={run}", f"--out={tmp_path / 'a.h5'}", str(run / "example.jpg"))
    with monkeypatch.context() as patched:
        patched.setattr(ResumableFile, "_sync", full)
        code, out, err = features(*flags)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "the disk must have room" in err
    assert "a.h5.partial' (No space left on device)" in err
    assert features(*flags)[0] == 0
    assert [each.name for each in tmp_path.iterdir()] == ["a.h5"]


def test_a_link_stays_a_link(classifier: Classifier, run: Path, tmp_path: Path) -> None:
    (tmp_path / "link.h5").symlink_to(tmp_path / "large" / "a.h5")
    with pytest.raises(ValueError, match="a file in a folder that exists"):
        write_features(classifier, [run / "example.jpg"], tmp_path / "link.h5")
    (tmp_path / "large").mkdir()
    for _ in range(2):
        write_features(classifier, [run / "example.jpg"], tmp_path / "link.h5")
        assert (tmp_path / "link.h5").is_symlink()
        assert os.listdir(tmp_path / "large") == ["a.h5"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--out=a.h5", "--data=shapes", "a.jpg"], "--data must not be given beside"),
        (["a.jpg"], "--out is missing: it must be the name of a file, as"),
        (["--out=a.h5", "--layers=fc9", "PICTURE"], "did you mean 'fc"),
        (["--out=a.h5", "--layers=fc6,,fc7", "PICTURE"], "layers must be names"),
        (["--out=nowhere/a.h5", "PICTURE"], "out must be a file in a folder"),
        (["--out=a.h5", "--dtype=float64", "PICTURE"], "float64"),
    ],
)
def test_what_a_person_can_fix_is_one_line(
    features: Command,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [each.replace("PICTURE", str(run / "example.jpg")) for each in flags]
    code, out, err = features(f"--model={run}", *given)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert list(tmp_path.iterdir()) == []


def test_values_beyond_float16_are_refused(
    run: Path, tmp_path: Path, pictures: Path
) -> None:
    large = Classifier(run)
    layer = large.model.get_layer("fc7")
    layer.bias.assign(layer.bias + 1e5)
    paths = sorted(pictures.glob("val/*/*.jpg"))
    with pytest.raises(ValueError, match="dtype must be float32 for values beyond"):
        write_features(
            large, PicturesOfFiles(paths), tmp_path / "a.h5", dtype="float16"
        )


def test_the_page_on_features_names_flags_that_there_are() -> None:
    page = (ROOT / "docs" / "seeing.md").read_text()
    section = page.partition("\n## Features")[2].partition("\n## ")[0]
    known = {each.name for each in dataclasses.fields(command.Config)}
    named = set(re.findall(r"--([a-z_]+)", section))
    assert len(named) > 5
    assert named <= known
