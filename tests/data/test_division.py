"""Folders whose pictures are divided by class into two parts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_alexnet.data import Source, open_source
from keras_alexnet.data.division import Division

names = st.sets(st.binary(min_size=1, max_size=12), min_size=1, max_size=60)
shares = st.floats(0, 1, exclude_max=True)
seeds = st.integers(0, 2**31 - 1)


def held_out(division: Division, pictures: list[bytes]) -> set[bytes]:
    validates = division.validates(pictures)
    assert len(validates) == len(pictures)
    return {name for name, v in zip(pictures, validates, strict=True) if v}


@pytest.mark.compat
@settings(deadline=None)
@given(names, shares, seeds, st.randoms())
def test_a_class_is_divided_in_proportion_in_whatever_order_it_is_listed(
    pictures: set[bytes], share: float, seed: int, random
) -> None:
    division = Division(share, seed)
    listed = sorted(pictures)
    found, count = held_out(division, listed), len(listed)
    random.shuffle(listed)
    assert held_out(division, listed) == found
    if not share or count == 1:
        assert not found
    else:
        assert 1 <= len(found) < count
        assert abs(len(found) - share * count) <= 1


@settings(deadline=None)
@given(names, st.binary(min_size=13, max_size=14), shares, seeds)
def test_one_picture_more_moves_one_other_at_most(
    pictures: set[bytes], new: bytes, share: float, seed: int
) -> None:
    division = Division(share, seed)
    before = held_out(division, sorted(pictures))
    after = held_out(division, sorted({*pictures, new}))
    assert len(before ^ (after - {new})) <= 1


def test_all_pictures_are_as_likely_to_validate() -> None:
    """Over 400 seeds; five standard deviations of the binomial distribution."""
    pictures = [b"cat/%d.jpg" % number for number in range(20)]
    counts = dict.fromkeys(pictures, 0)
    for seed in range(400):
        for name in held_out(Division(0.25, seed), pictures):
            counts[name] += 1
    assert all(abs(count - 100) <= 5 * 75**0.5 for count in counts.values())


@pytest.fixture
def plain(pictures: Path, tmp_path: Path) -> Path:
    """`DIR/CLASS/…`: three classes of 11 pictures."""
    root = tmp_path / "plain"
    shutil.copytree(pictures / "train", root)
    for path in pictures.glob("val/*/*.jpg"):
        (root / path.parent.name / f"more_{path.name}").write_bytes(path.read_bytes())
    return root


def seen(source: Source, split: str) -> list[tuple[str, int]]:
    examples = source.examples_at(split, range(source.sizes[split]))
    return [(each.name, each.label) for each in examples]


@pytest.mark.compat
def test_a_plain_folder_is_divided(plain: Path) -> None:
    source = open_source(f"folder:{plain}")
    assert source.class_names == ("0_red", "1_green", "2_blue")
    assert source.sizes == {"train": 27, "validation": 6}
    assert source.notes == ["divided: 27 to train, 6 to validate, by class, seed 0"]
    both = seen(source, "train") + seen(source, "validation")
    there = {path.relative_to(plain).as_posix() for path in plain.glob("*/*")}
    assert {name for name, _ in both} == there
    assert len(both) == len(there)
    for name, label in both:
        assert Path(name).parent.name == source.class_names[label]
    for label in range(3):
        assert sum(each == label for _, each in seen(source, "validation")) == 2
    assert seen(open_source(f"folder:{plain}", seed=1), "validation") != seen(
        source, "validation"
    )


def test_the_order_in_a_file_system_changes_nothing(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = open_source(f"folder:{plain}")
    scandir = os.scandir

    class Backwards(list):
        def __enter__(self) -> Backwards:
            return self

        def __exit__(self, *error: object) -> None:
            pass

    def backwards(folder: str) -> Backwards:
        with scandir(folder) as entries:
            return Backwards(sorted(entries, key=lambda e: e.name, reverse=True))

    plain.rename(tmp_path / "moved")
    monkeypatch.setattr(os, "scandir", backwards)
    after = open_source(f"folder:{tmp_path / 'moved'}")
    assert after.fingerprint() == before.fingerprint()
    for split in ("train", "validation"):
        assert seen(after, split) == seen(before, split)


def test_training_pictures_alone_are_divided_too(plain: Path, tmp_path: Path) -> None:
    """As they are in a plain folder, since names count from the classes' folder."""
    divided = seen(open_source(f"folder:{plain}"), "validation")
    plain.rename(tmp_path / "aside")
    plain.mkdir()
    (tmp_path / "aside").rename(plain / "train")
    source = open_source(f"folder:{plain}")
    assert seen(source, "validation") == [(f"train/{n}", label) for n, label in divided]
    assert open_source(f"folder:{plain}", val_share=0.5).sizes["validation"] == 18


@pytest.mark.parametrize(
    ("split", "size"),
    [(None, 6), ("val", 6), ("validation", 6), ("train", 27), ("all", 33)],
)
def test_evaluation_takes_a_part_or_all(
    plain: Path, split: str | None, size: int
) -> None:
    source = open_source(f"folder:{plain}", split=split, training=False)
    assert source.sizes == {"validation": size}
    trained = {name for name, _ in seen(open_source(f"folder:{plain}"), "train")}
    shared = trained & {name for name, _ in seen(source, "validation")}
    assert len(shared) == (size if split == "train" else 27 if split == "all" else 0)


@pytest.mark.parametrize("layout", ["plain", "train", "train and val"])
def test_nothing_validates_on_request(
    plain: Path, pictures: Path, tmp_path: Path, layout: str
) -> None:
    root, size = plain, 33
    if layout != "plain":
        root = tmp_path / "copy"
        shutil.copytree(pictures / "train", root / "train")
        size = 24
    if layout == "train and val":
        shutil.copytree(pictures / "val", root / "val")
    source = open_source(f"folder:{root}", val_share=0)
    assert source.sizes == {"train": size}
    assert source.notes == [
        f"no pictures to validate, since val_share=0: {size} to train"
    ]
    with pytest.raises(ValueError, match="must have validation pictures"):
        source.check_validates()


def test_a_single_picture_of_a_class_trains(plain: Path) -> None:
    for path in sorted(plain.glob("1_green/*"))[1:]:
        path.unlink()
    source = open_source(f"folder:{plain}")
    assert source.sizes == {"train": 19, "validation": 4}
    assert source.notes[0].endswith("by class, seed 0; of 1_green 1 to train only")


def emptied(root: Path) -> None:
    for path in root.glob("1_green/*"):
        path.unlink()


def singled(root: Path) -> None:
    for folder in root.iterdir():
        for path in sorted(folder.iterdir())[1:]:
            path.unlink()


def with_part(name: str):
    return lambda root: (root / name).mkdir()


BAD = {
    "empty class": (emptied, {}, r"must hold pictures.* none in \['1_green'\]"),
    "one of each": (singled, {}, "a class must have two pictures or more"),
    "Train": (with_part("Train"), {}, "which has Train/, but .*train' does not exist"),
    "testing": (with_part("testing"), {}, "which has testing/, but"),
    "validation": (with_part("validation"), {}, "train' does not exist"),
    "gone": (shutil.rmtree, {}, "DIR/CLASS/… alone. Received: .* does not exist"),
    "split": (
        lambda root: None,
        {"split": "test", "training": False},
        "split must be one of val, valid, validation, train, all for pictures that",
    ),
    "all to train on": (lambda root: None, {"split": "all"}, "split must be one of"),
    "share": (lambda root: None, {"val_share": 1.0}, "val_share must be from 0 to"),
    "nothing to evaluate": (
        lambda root: None,
        {"val_share": 0, "training": False},
        "give split=all to take all of them",
    ),
}


@pytest.mark.parametrize("how", BAD)
def test_what_cannot_be_divided_is_an_error_of_one_line(plain: Path, how: str) -> None:
    spoil, settings, message = BAD[how]
    spoil(plain)
    with pytest.raises(ValueError, match=message) as caught:
        open_source(f"folder:{plain}", **settings)
    assert "\n" not in str(caught.value)


def test_data_with_validation_pictures_are_not_divided(
    pictures: Path, shapes_dir: str
) -> None:
    for spec, folder in ((f"folder:{pictures}", None), ("shapes", shapes_dir)):
        assert open_source(spec, folder).division is None
        with pytest.raises(ValueError, match="val_share must be left out, or 0"):
            open_source(spec, folder, val_share=0.3)
        # Another division says nothing about data that only evaluate.
        source = open_source(spec, folder, val_share=0.3, training=False)
        assert source.validates
    assert open_source("shapes", shapes_dir, val_share=0).sizes == {"train": 2000}
