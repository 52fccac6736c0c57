"""`prepare` as a person uses it."""

from __future__ import annotations

import io
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_alexnet import commands
from keras_alexnet.data import open_source


@pytest.fixture
def command(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path):
    """Runs `prepare` within this process; gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            commands.main(["keras-alexnet", "prepare", *arguments])
        return (caught.value.code, *capsys.readouterr())

    return call


@pytest.mark.compat
def test_the_script_prepares_and_tells_what_is_next(
    script, command, pictures: Path
) -> None:
    settings = (f"--data=folder:{pictures}", "--out=out", "--size=73")
    first = script("prepare", *settings)
    assert (first.returncode, first.stderr) == (0, "")
    line = "24 training and 9 validation pictures of 3 classes, 73×73, in 2 files"
    assert line in first.stdout
    assert first.stdout.endswith("train.py --data=records:out --image_size=64\n")
    code, out, _ = command(*settings)
    assert code == 0
    assert out.startswith("out holds these data, prepared: nothing to do\n")
    assert line in out


def test_bare_pixels_and_the_papers_size(command, pictures: Path) -> None:
    code, out, _ = command(
        f"--data=folder:{pictures}", "--out=out", "--format=raw", "--processes=1"
    )
    assert code == 0
    assert out.endswith(" --data=records:out\n")
    source = open_source("records:out")
    assert (source.encoding, source.size) == ("raw", 256)
    for example in source.ordered("validation"):
        assert len(example["image"].numpy()) == 256 * 256 * 3


def test_what_is_skipped_is_told(command, pictures: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    for name in ("000.jpg", "001.jpg"):
        (root / "train" / "0_red" / name).write_text("a cat, I think")
    settings = (f"--data=folder:{root}", "--out=out", "--size=32", "--processes=1")
    code, _, err = command(*settings, "--max_bad=1")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("prepare: at most max_bad=1 pictures may be unreadable; ")
    code, out, _ = command(*settings)
    assert code == 0
    assert "out/skipped.csv (2 pictures)" in out


BAD = {
    "no data": (("--out=out",), "--data is missing: it must be shapes, tfds:"),
    "no directory": (
        ("--data=shapes",),
        "prepare: --out is missing: it must be a directory, as --out=DIR\n",
    ),
    "empty directory": (
        (
            "--data=shapes",
            "--out=",
        ),
        "Received: out=",
    ),
    "size": (("--out=out", "--size=0"), "Received: size=0"),
    "quality": (("--out=out", "--quality=0"), "Received: quality=0"),
    "format": (("--out=out", "--format=png"), "--format=png"),
    "processes": (
        ("--data=shapes", "--out=out", "--processes=0"),
        "Received: processes=0",
    ),
    "bad pictures": (
        ("--data=shapes", "--out=out", "--max_bad=-1"),
        "Received: max_bad=-1",
    ),
    "unknown data": (("--out=out", "--data=zip:x"), "folder:DIR or records:DIR"),
    "no records": (("--out=out", "--data=records:no"), "'no', which has no dataset"),
    "words": (("--data=shapes", "--out=out", "fast"), "Received: ['fast']"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_a_person_can_mend_is_one_line(command, case: str, tmp_path: Path) -> None:
    arguments, message = BAD[case]
    code, _, err = command(*arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err
    assert list(tmp_path.iterdir()) == []


def jpeg(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, "JPEG")
        return file.getvalue()


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def archived(pictures: dict[str, bytes]) -> bytes:
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            for name, content in pictures.items():
                add(archive, name, content)
        return file.getvalue()


@pytest.mark.filterwarnings("ignore")  # tensorflow-datasets' own
def test_imagenet_comes_from_its_archives(command, tmp_path: Path) -> None:
    manual = tmp_path / "manual"
    manual.mkdir()
    wnids = ("n01440764", "n02085620", "n15075141")  # The first, one between, the last.
    training = {
        f"{wnid}.tar": archived(
            {f"{wnid}_{n}.JPEG": jpeg(10 * i + n) for n in range(3)}
        )
        for i, wnid in enumerate(wnids)
    }
    (manual / "ILSVRC2012_img_train.tar").write_bytes(archived(training))
    names = [f"ILSVRC2012_val_{number:08}.JPEG" for number in range(1, 5)]
    validation = {name: jpeg(100 + i) for i, name in enumerate(names)}
    (manual / "ILSVRC2012_img_val.tar").write_bytes(archived(validation))
    code, out, err = command(
        "--data=tfds:imagenet2012",
        f"--manual_dir={manual}",
        f"--data_dir={tmp_path / 'in'}",
        "--out=out",
        "--size=32",
        "--processes=1",
    )
    assert code == 0, err
    assert "9 training and 4 validation pictures of 1000 classes" in out
    source = open_source("records:out")
    assert [source.class_names[i] for i in (0, 999)] == [wnids[0], wnids[2]]
    counts = np.bincount([int(each["label"]) for each in source.ordered("train")])
    assert {
        source.class_names[i]: counts[i] for i in counts.nonzero()[0]
    } == dict.fromkeys(wnids, 3)
    direct = open_source("tfds:imagenet2012", str(tmp_path / "in"), str(manual))
    assert direct.sizes == {"train": 9, "validation": 4}
    pairs = zip(source.ordered("validation"), direct.ordered("validation"), strict=True)
    for ours, theirs in pairs:
        assert (ours["name"], ours["label"]) == (theirs["name"], theirs["label"])
    code, _, err = command(
        "--data=tfds:imagenet2012",
        f"--manual_dir={tmp_path / 'nowhere'}",
        f"--data_dir={tmp_path / 'other'}",
        "--out=none",
    )
    assert (code, err.count("\n")) == (2, 1)
    assert "ILSVRC2012_img_train.tar" in err
