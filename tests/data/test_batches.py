"""Batches: what of a stream reaches the device."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.data import evaluation_batches, open_source, training_batches
from keras_alexnet.data.batches import decoder_words, first_unreadable


def training(source, start: int, count: int) -> list[dict[str, np.ndarray]]:
    batches = training_batches(source, 64, 4, seed=3, start=start)
    return list(batches.take(count).as_numpy_iterator())


@pytest.mark.compat
def test_a_batch_is_a_function_of_its_position(pictures: Path) -> None:
    source = open_source(f"folder:{pictures}")
    whole = training(source, 0, 10)
    later = training(source, 7 * 4, 3)
    for one, other in zip(whole[7:], later, strict=True):
        for key, values in one.items():
            np.testing.assert_array_equal(values, other[key])
    assert whole[0]["image"].dtype == np.uint8
    assert whole[0]["image"].shape == (4, 64, 64, 3)


def test_colour_draws_are_standard_normal(pictures: Path) -> None:
    source = open_source(f"folder:{pictures}")
    draws = np.concatenate([batch["noise"] for batch in training(source, 0, 250)])
    assert draws.shape == (1000, 3)
    assert np.abs(draws.mean(0)).max() < 5 / np.sqrt(1000)
    assert np.abs(draws.std(0) - 1).max() < 5 / np.sqrt(2000)
    assert np.abs(np.corrcoef(draws.T) - np.eye(3)).max() < 5 / np.sqrt(1000)


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


def assert_plain(words: str) -> None:
    for wrapping in ("{{", "}}", "[Op:", "name:", "/job:", "[[", "\n", "  "):
        assert wrapping not in words


@pytest.mark.compat
def test_the_decoders_words_are_without_their_wrapping() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        tf.io.decode_image(b"\x89PNG\r\n\x1a\n and\n no more")
    assert "{{function_node" in caught.value.message
    assert decoder_words(caught.value) == "Invalid PNG. Failed to initialize decoder."


@pytest.mark.compat
def test_a_pipelines_words_are_without_their_wrapping() -> None:
    pipeline = tf.data.Dataset.from_tensors(b"\xff\xd8\xff nothing").map(
        lambda image: tf.io.decode_image(image)
    )
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        list(pipeline)
    assert_plain(decoder_words(caught.value))
    assert "Invalid JPEG data" in decoder_words(caught.value)


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
