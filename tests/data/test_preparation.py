"""Preparation of a whole data set: order, shards, statistics."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from preparation_sets import (
    RAW,
    SETTINGS,
    SIZE,
    contents,
    examples,
    folder,
    make_small,
    names,
    value,
)

from keras_alexnet.data.preparation import Settings, prepare, shards


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    make_small(monkeypatch)


def pixels(example: tf.train.Example) -> np.ndarray:
    with Image.open(io.BytesIO(value(example, "image"))) as picture:
        return np.asarray(picture)


@pytest.mark.compat
def test_training_pictures_are_shuffled_once_and_the_others_in_order(
    pictures: Path, tmp_path: Path
) -> None:
    description, fresh = prepare(folder(pictures), str(tmp_path / "out"), SETTINGS)
    assert fresh
    assert description.sizes == {"train": 24, "validation": 9}
    assert len(description.shards["train"]) == 4
    listed = {
        split: sorted(
            str(p.relative_to(pictures)) for p in (pictures / name).rglob("*.jpg")
        )
        for split, name in (("train", "train"), ("validation", "val"))
    }
    order = np.random.RandomState(2012).permutation(24)
    expected = {
        "train": [listed["train"][index] for index in order],
        "validation": listed["validation"],
    }
    for split, wanted in expected.items():
        assert names(tmp_path / "out", split) == wanted
        made = examples(tmp_path / "out", split)
        labels = [description.class_names[value(each, "label")] for each in made]
        assert labels == [Path(name).parent.name for name in wanted]


def test_statistics_are_those_of_the_pictures_as_stored(
    pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    description, _ = prepare(folder(pictures), str(out), SETTINGS)
    stored = np.stack([pixels(each) for each in examples(out, "train")]).astype(float)
    mean_picture = np.load(out / "mean_picture.npy")
    assert mean_picture.dtype == np.float32
    np.testing.assert_allclose(mean_picture, stored.mean(0), rtol=1e-6)
    colours = stored.reshape(-1, 3)
    held = description.statistics
    np.testing.assert_allclose(held["mean"], colours.mean(0), rtol=1e-12)
    covariance = np.cov(colours.T, bias=True)
    vectors, values = np.array(held["vectors"]), np.array(held["eigenvalues"])
    assert (np.diff(values) < 0).all()
    np.testing.assert_allclose(vectors.T * values @ vectors, covariance, atol=1e-4)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(3), atol=1e-8)
    np.testing.assert_allclose(np.square(held["stddevs"]), values, rtol=1e-6)
    assert description.class_counts == {"train": [8] * 3, "validation": [3] * 3}


def test_known_components_are_found(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    drawn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    stddevs = np.array([30.0, 15.0, 5.0])
    for split, name in (("train", "a"), ("train", "b"), ("val", "a")):
        colours = 128 + (rng.normal(size=(SIZE * SIZE, 3)) * stddevs) @ drawn.T
        path = tmp_path / "drawn" / split / name
        path.mkdir(parents=True)
        square = np.clip(colours.round(), 0, 255).astype(np.uint8)
        Image.fromarray(square.reshape(SIZE, SIZE, 3)).save(path / "0.png")
    description, _ = prepare(folder(tmp_path / "drawn"), str(tmp_path / "out"), RAW)
    held = description.statistics
    # 2,048 draws: 5 standard errors of a standard deviation are 8 %.
    np.testing.assert_allclose(held["stddevs"], stddevs, rtol=0.08)
    likeness = np.abs(np.array(held["vectors"]) @ drawn)
    np.testing.assert_allclose(likeness, np.eye(3), atol=0.1)
    np.testing.assert_allclose(held["mean"], 128, atol=5 * 30 / np.sqrt(2048))


def test_the_number_of_processes_changes_nothing(
    pictures: Path, tmp_path: Path
) -> None:
    source = folder(pictures)
    for processes in (1, 3):
        prepare(source, str(tmp_path / str(processes)), SETTINGS, processes=processes)
    assert contents(tmp_path / "1") == contents(tmp_path / "3")
    assert {"dataset.json", "mean_picture.npy", "skipped.csv"} <= {
        *contents(tmp_path / "1")
    }


def test_workers_do_not_import_tensorflow(python: Callable[..., str]) -> None:
    folder = Path(shards.__file__).parent
    code = """
import sys; sys.path.append(sys.argv[1])
import pixel_worker.serve
print("numpy" in sys.modules, "PIL" in sys.modules, "tensorflow" in sys.modules)
"""
    assert python(code, str(folder)).split() == ["True", "True", "False"]


def test_shards_are_of_a_size_that_data_and_settings_fix(
    monkeypatch: pytest.MonkeyPatch, pictures: Path
) -> None:
    monkeypatch.undo()
    source = folder(pictures)
    monkeypatch.setattr(source, "sizes", {"train": 128_117, "validation": 50_000})
    for settings, bytes_each in (
        (Settings(), 65536 * 0.75),
        (Settings(encoding="raw"), 196608),
    ):
        planned = shards.plan(source, settings)
        lengths = [len(shard.indices) for shard in planned]
        assert 100e6 < max(lengths) * bytes_each < 150e6
        for split, size in source.sizes.items():
            of_split = [each.indices for each in planned if each.split == split]
            np.testing.assert_array_equal(
                np.sort(np.concatenate(of_split)), range(size)
            )
        training = sum(shard.split == "train" for shard in planned)
        assert planned[0].name == f"train-00000-of-{training:05}.tfrecord"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "Received: size=0"),
        ({"size": 5000}, "size must be from 1 to 4096"),
        ({"quality": 101}, "Received: quality=101"),
        ({"encoding": "png"}, "Received: encoding='png'"),
    ],
)
def test_bad_settings_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**arguments)


def test_the_description_is_readable(pictures: Path, tmp_path: Path) -> None:
    prepare(folder(pictures), str(tmp_path), RAW)
    held = json.loads((tmp_path / "dataset.json").read_text())
    assert held["format_version"] == 1
    assert held["identity"]["quality"] is None
    assert held["class_names"] == ["0_red", "1_green", "2_blue"]
    first = held["shards"]["train"][0]
    assert (tmp_path / first["file"]).stat().st_size == first["bytes"]
