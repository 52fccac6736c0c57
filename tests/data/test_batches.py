"""Batches: their draws, crops and errors."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from squares import Squares, located

from keras_alexnet.data import Source, evaluation_batches, open_source, training_batches
from keras_alexnet.data.batches import CROPS
from keras_alexnet.data.sources import TRAIN
from keras_alexnet.data.unreadable import explained, first_unreadable
from keras_alexnet.data.views import Views
from keras_alexnet.reasons import reason


def training(
    source: Source, start: int, count: int, batch_size: int = 4, **options: object
) -> dict[str, np.ndarray]:
    """Some batches of the stream, concatenated."""
    batches = training_batches(source, 64, batch_size, seed=3, start=start, **options)
    each = list(batches.take(count).as_numpy_iterator())
    return {key: np.concatenate([batch[key] for batch in each]) for key in each[0]}


def assert_equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for key, values in one.items():
        np.testing.assert_array_equal(values, other[key])


def squares(form: str = "raw", size: int = 73) -> Squares:
    """Three squares of 73, which fit views of 64."""
    pictures = np.stack([located(size) + np.uint8(50 * n) for n in range(3)])
    return Squares(pictures, [0, 1, 0], ("a", "b"), form)


@pytest.mark.compat
@pytest.mark.parametrize("kind", ["folder", "raw", "jpeg"])
@pytest.mark.parametrize("crop_chunk", [1, 32])
@pytest.mark.parametrize("crop", CROPS)
def test_a_batch_is_a_function_of_its_position(
    pictures: Path, kind: str, crop_chunk: int, crop: str
) -> None:
    source = open_source(f"folder:{pictures}") if kind == "folder" else squares(kind)
    whole = training(source, 0, 20, crop_chunk=crop_chunk, crop=crop)
    for start in (28, 33):  # between batches of the first stream, and within one
        later = training(source, start, 3, crop_chunk=crop_chunk, crop=crop)
        part = {key: values[start : start + 12] for key, values in whole.items()}
        assert_equal(part, later)
    assert whole["image"].dtype == np.uint8
    assert whole["image"].shape == (80, 64, 64, 3)


@pytest.mark.compat
@pytest.mark.parametrize("crop_chunk", [1, 32])
@pytest.mark.parametrize("crop", CROPS)
def test_draws_do_not_depend_on_the_size_of_the_batches(
    crop_chunk: int, crop: str
) -> None:
    small = training(squares(), 6, 30, 4, crop_chunk=crop_chunk, crop=crop)
    large = training(squares(), 6, 1, 120, crop_chunk=crop_chunk, crop=crop)
    assert_equal(small, large)


def corners(images: np.ndarray) -> set[tuple[int, ...]]:
    """Where each view begins and ends, from the pixels of `located`."""
    return {(*each[0, 0, :2], *each[-1, -1, :2]) for each in images}


def test_a_crop_of_a_warped_picture_may_be_all_of_it(pictures: Path) -> None:
    source = open_source(f"folder:{pictures}")
    views = training(source, 0, 6, resize_size=64, warp=True)["image"]
    assert len(views) == source.sizes["train"]  # one pass
    paths = sorted(pictures.glob("train/*/*.jpg"))
    whole = [
        np.asarray(Image.open(path).resize((64, 64), Image.Resampling.BILINEAR), int)
        for path in paths
    ]
    found = set()
    for view in views:
        sides = (view, view[:, ::-1])
        errors = [min(np.abs(one - each).mean() for one in sides) for each in whole]
        found.add(int(np.argmin(errors)))
        assert min(errors) < 2  # of 255: the decoders differ by as much
    assert len(found) == len(whole)


@pytest.mark.parametrize("crop", ["paper", "resized"])
def test_a_chunk_shares_crop_and_mirroring_whatever_the_batch(crop: str) -> None:
    same = Squares(located(73)[None], [0], ("a", "b"), "raw")
    images = training(same, 48, 6, 16, crop_chunk=32, crop=crop)["image"]
    # 48 to 63 end a chunk, 64 to 95 and 96 to 127 are chunks, 128 begins one.
    parts = [images[:16], images[16:48], images[48:80], images[80:]]
    assert [len(corners(part)) for part in parts] == [1, 1, 1, 1]
    assert len(corners(images)) == 4
    alone = training(same, 48, 6, 16, crop_chunk=1, crop=crop)["image"]
    assert len(corners(alone)) > 50


def test_all_crops_have_the_same_other_draws() -> None:
    same = Squares(located(200)[None], [0], ("a", "b"), "raw")
    paper, resized, centre = (training(same, 0, 30, 4, crop=crop) for crop in CROPS)
    mirrored = paper["image"][:, 0, 0, 0] > paper["image"][:, 0, -1, 0]
    assert 30 < mirrored.sum() < 90
    for other in (resized, centre):
        np.testing.assert_array_equal(paper["noise"], other["noise"])
        turned = other["image"][:, 0, 0, 0] > other["image"][:, 0, -1, 0]
        np.testing.assert_array_equal(mirrored, turned)


@pytest.mark.parametrize("crop", CROPS)
def test_without_mirroring_all_else_is_the_same(crop: str) -> None:
    same = Squares(located(200)[None], [0], ("a", "b"), "raw")
    mirrored = training(same, 0, 30, 4, crop=crop)
    plain = training(same, 0, 30, 4, crop=crop, mirror=False)
    images = mirrored.pop("image")
    turned = images[:, 0, 0, 0] > images[:, 0, -1, 0]
    images[turned] = images[turned, :, ::-1]
    np.testing.assert_array_equal(plain.pop("image"), images)
    assert_equal(mirrored, plain)


# Squares of 73 are cut as they are, those of 90 are scaled; a folder is decoded small.
@pytest.mark.compat
@pytest.mark.parametrize("kind", ["folder", "raw 73", "jpeg 73", "raw 90", "jpeg 90"])
@pytest.mark.parametrize("warp", [False, True])
def test_the_centre_is_what_validation_sees(
    pictures: Path, kind: str, warp: bool
) -> None:
    if kind == "folder":
        source = open_source(f"folder:{pictures}")
    else:
        form, size = kind.split()
        source = squares(form, int(size))
    seen = Views.of(source, 64, warp=warp).centre
    centres = {seen(each["image"]).numpy().tobytes() for each in source.ordered(TRAIN)}
    views = training(source, 0, 6, crop="centre", mirror=False, warp=warp)["image"]
    assert {each.tobytes() for each in views} == centres
    assert len(centres) == source.sizes[TRAIN]
    if kind == "raw 73":
        plain = {
            (located(73) + np.uint8(50 * n))[4:68, 4:68].tobytes() for n in range(3)
        }
        assert centres == plain


@pytest.mark.parametrize("crop_area", [0.25, 0.9])
def test_windows_have_the_areas_asked_for(crop_area: float) -> None:
    same = Squares(located(200)[None], [0], ("a", "b"), "raw")
    images = training(same, 0, 30, 8, crop="resized", crop_area=crop_area)["image"]
    # Columns and rows between the centres of the first and the last pixel.
    seen = np.abs(images[:, -1, -1, :2].astype(float) - images[:, 0, 0, :2])
    area = (seen * 64 / 63 / 200).prod(axis=1)
    assert max(area) == pytest.approx(1, abs=0.02)
    # What is clipped has less than was drawn: 0.9 and 4/3 give sqrt(0.9 · 3/4) = 0.82.
    assert crop_area * 0.9 < min(area) < crop_area + 0.03


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"crop": "random"}, r"crop must be one of .* Received: crop='random'"),
        ({"crop_area": 0.0}, "crop_area must be .* Received: crop_area=0.0"),
        ({"crop_area": 1.5}, "crop_area must be .* Received: crop_area=1.5"),
        ({"crop_area": float("nan")}, "crop_area must be .* Received: crop_area=nan"),
    ],
)
def test_crops_out_of_range_are_refused(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        training(squares(), 0, 1, **options)


def test_each_epoch_cuts_other_parts() -> None:
    images = training(squares(), 0, 30, 3)["image"].reshape(30, 3, 64, 64, 3)
    assert len(corners(images[:, 0])) > 20


def test_evaluation_sees_each_picture_once_in_batches_of_one_shape(
    pictures: Path,
) -> None:
    source = open_source(f"folder:{pictures}")
    batches = list(evaluation_batches(source, 64, 4).as_numpy_iterator())
    assert [batch["image"].shape for batch in batches] == [(4, 64, 64, 3)] * 3
    weights = np.concatenate([batch["weight"] for batch in batches])
    labels = np.concatenate([batch["label"] for batch in batches])
    assert weights.tolist() == [1] * 9 + [0] * 3
    assert labels[:9].tolist() == [0] * 3 + [1] * 3 + [2] * 3


@pytest.mark.parametrize("form", ["raw", "jpeg"])
def test_prepared_squares_are_evaluated_at_their_centre(form: str) -> None:
    first = next(evaluation_batches(squares(form), 64, 2).as_numpy_iterator())
    difference = first["image"][0].astype(int) - located(73)[4:68, 4:68]
    assert np.abs(difference).max() <= (0 if form == "raw" else 12)
    assert first["label"].tolist() == [0, 1]


def assert_plain(message: str) -> None:
    for wrapping in ("{{", "}}", "[Op:", "name:", "/job:", "[[", "\n", "  "):
        assert wrapping not in message


@pytest.mark.compat
def test_a_decoders_message_is_unwrapped() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tf.io.decode_image(b"\x89PNG\r\n\x1a\n and\n no more")
    assert "{{function_node" in caught.value.message
    assert reason(caught.value) == "Invalid PNG. Failed to initialize decoder."


@pytest.mark.compat
def test_a_pipelines_message_is_unwrapped() -> None:
    pipeline = tf.data.Dataset.from_tensors(b"\xff\xd8\xff nothing").map(
        lambda image: tf.io.decode_image(image)
    )
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        list(pipeline)
    assert_plain(reason(caught.value))
    assert "Invalid JPEG data" in reason(caught.value)


def test_the_unreadable_picture_is_found(pictures: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    bad = root / "val" / "1_green" / "001.jpg"
    bad.write_bytes(bad.read_bytes()[:200])
    source = open_source(f"folder:{root}")
    culprit = first_unreadable(source.ordered("validation"))
    assert culprit.startswith(f"{str(bad)!r} (")
    assert_plain(culprit)
    assert first_unreadable(source.ordered("train")) is None
    with pytest.raises(tf.errors.InvalidArgumentError):
        list(evaluation_batches(source, 64, 4))


def test_damaged_records_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    source = squares()
    lost = tf.errors.DataLossError(None, None, "corrupted record at 0")
    assert explained(lost, source.ordered("train"), source) is lost
    monkeypatch.setattr(source, "damaged", lambda: "'a.tfrecord' (corrupted)")
    error = explained(lost, source.ordered("train"), source)
    assert str(error).endswith("Received: 'a.tfrecord' (corrupted)")


def test_raw_squares_are_decoded_as_such() -> None:
    assert first_unreadable(squares().ordered("train"), squares()) is None
    other = squares(size=60)
    culprit = first_unreadable(other.ordered("train"), squares())
    assert culprit.startswith("'picture 0' (")
