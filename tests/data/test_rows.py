"""Workers that share a batch each make their own rows of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.data import (
    Source,
    evaluation_batches,
    open_source,
    training_batches,
)
from keras_alexnet.data.preparation import Settings, prepare

HALVES = (range(4), range(4, 8))


@pytest.fixture(params=["folder", "records", "shapes"])
def source(
    request: pytest.FixtureRequest, pictures: Path, shapes_dir: str, tmp_path: Path
) -> Source:
    if request.param == "shapes":
        return open_source("shapes", shapes_dir)
    folder = open_source(f"folder:{pictures}")
    if request.param == "folder":
        return folder
    prepare(folder, str(tmp_path / "prepared"), Settings(77), processes=1)
    return open_source(f"records:{tmp_path / 'prepared'}")


def joined(halves: list[tf.data.Dataset], count: int) -> list[dict[str, np.ndarray]]:
    pairs = zip(*(half.take(count).as_numpy_iterator() for half in halves), strict=True)
    return [{name: np.concatenate([a[name], b[name]]) for name in a} for a, b in pairs]


@pytest.mark.compat
def test_rows_of_all_workers_are_the_batch(source: Source) -> None:
    def stream(rows: range | None) -> tf.data.Dataset:
        return training_batches(
            source, 64, 8, 3, start=16, crop_chunk=3, crop="resized", rows=rows
        )

    whole = list(stream(None).take(3).as_numpy_iterator())
    for ours, all_of_it in zip(
        joined(list(map(stream, HALVES)), 3), whole, strict=True
    ):
        for name, values in all_of_it.items():
            np.testing.assert_array_equal(ours[name], values)


@pytest.mark.compat
def test_each_validation_picture_belongs_to_one_worker(pictures: Path) -> None:
    source = open_source(f"folder:{pictures}")

    def batches(rows: range | None) -> tf.data.Dataset:
        return evaluation_batches(source, 64, 8, rows)

    whole = list(batches(None).as_numpy_iterator())
    halves = joined(list(map(batches, HALVES)), 9)
    assert len(halves) == len(whole) == 2
    assert sum(batch["weight"].sum() for batch in halves) == 9
    for ours, all_of_it in zip(halves, whole, strict=True):
        counts = all_of_it["weight"] == 1
        for name, values in all_of_it.items():
            np.testing.assert_array_equal(ours[name][counts], values[counts])
        np.testing.assert_array_equal(ours["weight"], all_of_it["weight"])


def test_pictures_of_other_workers_are_not_read(pictures: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    source = open_source(f"folder:{root}")
    own, other = (training_batches(source, 64, 8, 3, rows=rows) for rows in HALVES)
    for example in source.shuffled("train", 3, 4).take(4):
        Path(example["name"].numpy().decode()).unlink()
    assert len(list(own.take(1))) == 1
    with pytest.raises(tf.errors.NotFoundError):
        list(other.take(1))
