"""Sources of pictures: folders, tensorflow-datasets, and specs that are neither."""

from __future__ import annotations

import collections
import errno
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from PIL import Image

from keras_alexnet.data import Source, evaluation_batches, open_source
from keras_alexnet.data.unreadable import explained


def names(source: Source, seed: int, start: int, count: int) -> list[bytes]:
    stream = source.shuffled("train", seed, start).take(count)
    return [example["name"].numpy() for example in stream]


@pytest.fixture(params=["folder", "shapes"])
def source(request: pytest.FixtureRequest, pictures: Path, shapes_dir: str) -> Source:
    if request.param == "folder":
        return open_source(f"folder:{pictures}")
    return open_source("shapes", shapes_dir)


def test_classes_are_the_names_of_the_folders(pictures: Path) -> None:
    source = open_source(f"folder:{pictures}")
    assert source.class_names == ("0_red", "1_green", "2_blue")
    assert source.sizes == {"train": 24, "validation": 9}
    for example in source.ordered("validation"):
        folder = Path(example["name"].numpy().decode()).parent.name
        assert folder == source.class_names[int(example["label"])]


@pytest.mark.parametrize("place", [".", "train", "val"])
def test_pictures_in_no_class_are_shown_where_they_belong(
    pictures: Path, tmp_path: Path, place: str
) -> None:
    root = tmp_path / "photos"
    if place == "val":
        shutil.copytree(pictures / "train", root / "train")
    (root / place).mkdir(parents=True, exist_ok=True)
    shutil.copy(pictures / "val" / "0_red" / "000.jpg", root / place / "one.jpg")
    (root / place / ".DS_Store").write_bytes(b"")
    where = str(root / place) if place != "." else str(root)
    wanted = f"such as {f'{where}/CLASS/one.jpg'!r}. Received: {where!r}, where 1 "
    with pytest.raises(ValueError, match=re.escape(wanted)) as caught:
        open_source(f"folder:{root}")
    assert "\n" not in str(caught.value)


@pytest.mark.compat
def test_shapes_come_through_tensorflow_datasets(shapes_dir: str) -> None:
    source = open_source("shapes", shapes_dir)
    assert source.sizes == {"train": 2000, "validation": 500}
    assert len(source.class_names) == 10
    example = next(iter(source.ordered("validation")))
    assert tf.io.decode_jpeg(example["image"]).shape[-1] == 3


@pytest.mark.compat
def test_an_epoch_has_every_picture_once(source: Source) -> None:
    count = source.sizes["train"]
    for start in (0, count):
        seen = collections.Counter(names(source, 3, start, count))
        assert len(seen) == count
        assert set(seen.values()) == {1}


def test_the_order_is_a_function_of_the_seed_alone(source: Source) -> None:
    tf.random.set_seed(1)
    before = names(source, 0, 0, 40)
    tf.random.set_seed(2)
    assert names(source, 0, 0, 40) == before
    assert names(source, 1, 0, 40) != before
    count = source.sizes["train"]
    assert names(source, 0, count, 40) != before  # nor is it the next epoch's


def test_a_stream_resumes_where_it_stopped(source: Source) -> None:
    count = source.sizes["train"]
    whole = names(source, 5, count - 10, 20)
    assert names(source, 5, count - 3, 13) == whole[7:]
    stream = source.shuffled("train", 5, count - 3).take(5)
    positions = [int(example["position"]) for example in stream]
    assert positions == list(range(count - 3, count + 2))


def test_pictures_are_known_by_content_not_suffix(
    pictures: Path, tmp_path: Path
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    picture = next((root / "train" / "0_red").iterdir())
    picture.rename(picture.with_suffix(".dat"))
    (root / "train" / "0_red" / ".DS_Store").write_bytes(b"not a picture")
    assert open_source(f"folder:{root}").sizes["train"] == 24


def spoiled(root: Path, how: str) -> Path:
    """Makes a copy of the pictures bad in one way."""
    if how == "no train":
        shutil.rmtree(root / "train")
    elif how == "empty":
        for folder in (root / "train").iterdir():
            shutil.rmtree(folder)
            folder.mkdir()
    elif how == "empty class":
        shutil.rmtree(root / "train" / "1_green")
        (root / "train" / "1_green" / "nothing").mkdir(parents=True)
    elif how == "no pictures in val":
        for name in ("0_red", "1_green", "2_blue"):
            shutil.rmtree(root / "val" / name)
    elif how == "dangling link":
        (root / "val" / "0_red" / "gone.jpg").symlink_to(root / "nowhere.jpg")
    elif how == "tiff":
        (root / "train" / "0_red" / "new.tif").write_bytes(b"II*\0" + bytes(12))
    elif how == "heic":
        heic = b"\0\0\0\x18ftypheic" + bytes(8)
        (root / "train" / "0_red" / "new.heic").write_bytes(heic)
    elif how == "one class":
        for folder in ("train", "val"):
            for name in ("1_green", "2_blue"):
                shutil.rmtree(root / folder / name)
    elif how == "unknown class":
        (root / "val" / "3_grey").mkdir()
    elif how == "text":
        (root / "train" / "0_red" / "notes.jpg").write_text("red things")
    return root


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("no train", "train' does not exist"),
        ("empty", "without any"),
        ("empty class", "must hold pictures. Received: .*train' .*\\['1_green'\\]"),
        ("no pictures in val", "must hold pictures. Received: .*val' without any"),
        ("dangling link", "must be readable.* Received: .*0_red/gone.jpg' \\(No such"),
        ("tiff", "JPEG, PNG, GIF, BMP or WebP .*`prepare` .*new.tif', which is TIFF"),
        ("heic", "`prepare` converts TIFF, AVIF, HEIC. .*new.heic', which is HEIC"),
        ("one class", "at least two classes"),
        ("unknown class", "3_grey"),
        ("text", "notes.jpg', which begins with b'red thin'"),
    ],
)
def test_bad_folders_are_named(
    pictures: Path, tmp_path: Path, how: str, message: str
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    with pytest.raises(ValueError, match=message) as caught:
        open_source(f"folder:{spoiled(root, how)}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_unreadable_files_and_folders_are_named(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    # Not by chmod, which does not keep root out.
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    folder = root / "train" / "0_red"
    bad = folder / "000.jpg" if kind == "file" else folder
    monkeypatch.setattr("builtins.open", refusing(bad, open))
    monkeypatch.setattr(os, "scandir", refusing(bad, os.scandir))
    with pytest.raises(ValueError, match=r"must be readable.* Received: ") as caught:
        open_source(f"folder:{root}")
    assert str(caught.value).endswith(f"{str(bad)!r} (Permission denied)")


def refusing(bad: Path, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(path: Any, *arguments: Any, **options: Any) -> Any:
        if str(path) == str(bad):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return function(path, *arguments, **options)

    return call


def test_validation_pictures_may_lack_a_class(pictures: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    shutil.rmtree(root / "val" / "0_red")
    shutil.rmtree(root / "val" / "1_green")
    (root / "val" / "1_green").mkdir()
    source = open_source(f"folder:{root}")
    assert source.sizes == {"train": 24, "validation": 3}
    assert {int(example["label"]) for example in source.ordered("validation")} == {2}


def test_validation_folders_are_tried_in_order(pictures: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    for name, following in (
        ("val", "valid"),
        ("valid", "validation"),
        ("validation", "test"),
    ):
        shutil.copytree(root / name, root / following)
        source = open_source(f"folder:{root}")
        example = next(iter(source.ordered("validation")))
        assert f"/copy/{name}/" in example["name"].numpy().decode()
        shutil.rmtree(root / name)
    assert open_source(f"folder:{root}").sizes["validation"] == 9


def test_hidden_files_are_skipped_and_links_are_followed(
    pictures: Path, tmp_path: Path
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    red, green = root / "train" / "0_red", root / "train" / "1_green"
    # A hidden folder of Jupyter's, with pictures and with none.
    shutil.copytree(red, red / ".ipynb_checkpoints")
    (red / ".ipynb_checkpoints" / "notes").write_text("no picture")
    shutil.copytree(red, root / "train" / ".ipynb_checkpoints")
    # Half of the green ones are elsewhere; and links that loop.
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for number in range(4):
        (green / f"00{number}.jpg").rename(elsewhere / f"{number}.jpg")
    (green / "more").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(green)
    (green / "here").symlink_to(green)
    (red / "there").symlink_to(red / "again")
    (red / "again").mkdir()
    source = open_source(f"folder:{root}")
    assert source.class_names == ("0_red", "1_green", "2_blue")
    assert source.sizes == {"train": 24, "validation": 9}
    labels = [int(example["label"]) for example in source.ordered("train")]
    assert labels == 8 * [0] + 8 * [1] + 8 * [2]


def test_a_class_may_be_a_link(pictures: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    (root / "train" / "2_blue").rename(tmp_path / "blue")
    (root / "train" / "2_blue").symlink_to(tmp_path / "blue")
    assert open_source(f"folder:{root}").sizes["train"] == 24


@pytest.mark.compat
def test_names_that_are_not_utf8_are_read(pictures: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    for split in ("train", "val"):
        (root / split / "0_red").rename(root / split / "cl\udce9")
    (root / "val" / "cl\udce9" / "000.jpg").rename(root / "val" / "cl\udce9" / "\udce9")
    source = open_source(f"folder:{root}")
    assert source.class_names == ("1_green", "2_blue", "cl\\xe9")
    assert sum(1 for _ in evaluation_batches(source, 64, 1)) == 9
    names = [each.name for each in source.examples_at("validation", range(9))]
    assert "val/cl\\xe9/\\xe9" in names
    assert len(source.fingerprint()) == 64


def folders_of(source: Source) -> set[str]:
    """The folders of the validation pictures."""
    examples = source.ordered("validation").as_numpy_iterator()
    return {Path(os.fsdecode(each["name"])).parent.parent.name for each in examples}


@pytest.mark.parametrize("training", [True, False])
def test_split_names_another_folder(
    pictures: Path, tmp_path: Path, training: bool
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    shutil.copytree(root / "val", root / "test")
    (root / "test" / "0_red" / "000.jpg").unlink()
    for split, folder, size in (
        (None, "val", 9),
        ("validation", "val", 9),
        ("test", "test", 8),
        ("train", "train", 24),
    ):
        source = open_source(f"folder:{root}", split=split, training=training)
        assert source.sizes["validation"] == size
        assert ("train" in source.sizes) == training
        assert folders_of(source) == {folder}


def test_evaluation_needs_no_training_pictures(pictures: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    (root / "train" / "0_red" / "notes").write_text("not looked at")
    source = open_source(f"folder:{root}", training=False)
    assert source.class_names == ("0_red", "1_green", "2_blue")
    shutil.rmtree(root / "train")
    shutil.rmtree(root / "val" / "1_green")
    shutil.rmtree(root / "val" / "2_blue")
    source = open_source(f"folder:{root}", training=False)
    assert source.class_names == ("0_red",)
    assert source.sizes == {"validation": 3}


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("test", r"split must be a folder of the data.*test' does not exist"),
        ("../val", r"beside train/.*Received: split='../val'"),
        (".hidden", r"beside train/.*Received: split='.hidden'"),
        ("", r"beside train/.*Received: split=''"),
    ],
)
def test_a_bad_split_is_named(pictures: Path, split: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_source(f"folder:{pictures}", split=split)


@pytest.mark.compat
def test_splits_of_tensorflow_datasets(shapes_dir: str) -> None:
    source = open_source("shapes", shapes_dir, split="train", training=False)
    assert source.sizes["validation"] == 2000
    assert open_source("shapes", shapes_dir, split="val").sizes["validation"] == 500
    with pytest.raises(ValueError, match=r"train, and test.*'train', 'validation'"):
        open_source("shapes", shapes_dir, split="test")


def test_a_picture_that_was_removed_is_named(pictures: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    source = open_source(f"folder:{root}")
    gone = root / "val" / "1_green" / "001.jpg"
    gone.unlink()
    with pytest.raises(tf.errors.NotFoundError) as caught:
        list(evaluation_batches(source, 64, 1))
    message = str(explained(caught.value, source.ordered("validation"), source))
    assert message.endswith(f"Received: {str(gone)!r} (No such file or directory)")


@pytest.mark.compat
@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "WEBP"])
def test_all_accepted_formats_are_decoded(
    pictures: Path, tmp_path: Path, form: str
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    Image.new("RGB", (80, 70)).save(root / "val" / "0_red" / "!", form)
    source = open_source(f"folder:{root}")
    assert source.sizes["validation"] == 10
    first = next(iter(evaluation_batches(source, 64, 1)))
    assert not first["image"].numpy().any()  # the black one


@pytest.mark.compat
@pytest.mark.parametrize("check", [True, False])
def test_what_is_skipped_is_counted_and_named(
    pictures: Path, tmp_path: Path, check: bool
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    red, green = root / "train" / "0_red", root / "train" / "1_green"
    for folder in (root / "train", red, green):
        (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (red / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (green / "notes.txt").write_text("green things")
    # The raw file of a camera: a TIFF by its first bytes, with a thumbnail.
    (green / "IMG_1.CR2").write_bytes(b"II*\0" + bytes(12))
    (root / "val" / "2_blue" / ".ipynb_checkpoints").mkdir()
    (root / "val" / "stray.jpg").write_bytes((red / "000.jpg").read_bytes())
    source = open_source(f"folder:{root}", check_pictures=check)
    assert source.sizes == {"train": 24, "validation": 9}
    assert source.notes == [
        "skipped 7 files that are hidden or no pictures: .DS_Store (3), "
        ".ipynb_checkpoints/, Thumbs.db, IMG_1.CR2, notes.txt",
        "skipped 1 file that is in no class's folder: stray.jpg",
    ]
    (red / "more").write_text("names beyond the fifth are not shown")
    line, _ = open_source(f"folder:{root}", check_pictures=check).notes
    assert line.startswith("skipped 8 files")
    assert line.endswith(", …")


@pytest.mark.parametrize("spec", ["", "folder:", "tfds:", "imagenet", "zip:x"])
def test_unknown_specs_are_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="data must be shapes, tfds:NAME"):
        open_source(spec)


@pytest.mark.parametrize("kind", ["folder", "records"])
def test_the_bare_path_of_a_folder_is_known(kind: str, tmp_path: Path) -> None:
    if kind == "records":
        (tmp_path / "dataset.json").write_text("{}")
    with pytest.raises(ValueError, match="did you mean") as caught:
        open_source(str(tmp_path))
    assert f"(did you mean {kind}:{tmp_path}?). Received: data=" in str(caught.value)


def test_an_unknown_set_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no_such_set") as caught:
        open_source("tfds:no_such_set", str(tmp_path))
    assert "\n" not in str(caught.value)
