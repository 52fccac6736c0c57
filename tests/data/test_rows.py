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
from keras_alexnet.data.erasing import Erasing
from keras_alexnet.data.mixing import Mixing
from keras_alexnet.data.preparation import Settings, prepare
from keras_alexnet.data.rand_augment import RandAugment

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
            source,
            64,
            8,
            3,
            start=16,
            crop_chunk=3,
            crop="resized",
            rows=rows,
            rand_augment=RandAugment(2),
            erasing=Erasing(0.5),
            mixing=Mixing(mixup=0.3, cutmix=1.0),
        )

    whole = list(stream(None).take(3).as_numpy_iterator())
    for ours, all_of_it in zip(
        joined(list(map(stream, HALVES)), 3), whole, strict=True
    ):
        for name, values in all_of_it.items():
            np.testing.assert_array_equal(ours[name], values)


@pytest.mark.compat
@pytest.mark.parametrize("workers", [1, 2, 8])
def test_each_validation_picture_belongs_to_one_worker(
    source: Source, workers: int
) -> None:
    each = 8 // workers
    parts = [
        list(
            evaluation_batches(
                source, 64, 8, range(first, first + each)
            ).as_numpy_iterator()
        )
        for first in range(0, 8, each)
    ]
    count = source.sizes["validation"]
    assert {len(batches) for batches in parts} == {-(-count // 8)}
    every = [batch for batches in parts for batch in batches]
    assert {batch["image"].shape for batch in every} == {(each, 64, 64, 3)}
    weights = np.concatenate([batch["weight"] for batch in every])
    images = np.concatenate([batch["image"] for batch in every])[weights == 1]
    whole = np.concatenate(
        [batch["image"] for batch in evaluation_batches(source, 64, 1)]
    )
    assert len(images) == len(whole) == count
    assert sorted(each.tobytes() for each in images) == sorted(
        each.tobytes() for each in whole
    )


def test_pictures_of_other_workers_are_not_read(pictures: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    source = open_source(f"folder:{root}")
    own, other = (training_batches(source, 64, 8, 3, rows=rows) for rows in HALVES)
    for example in source.stream("train", 3, 0, 8, HALVES[1]).take(4):
        Path(example["name"].numpy().decode()).unlink()
    assert len(list(own.take(1))) == 1
    with pytest.raises(tf.errors.NotFoundError):
        list(other.take(1))
