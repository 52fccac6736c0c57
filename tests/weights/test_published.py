"""Published weights by name: fetched, checked, converted, kept, and then used."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import caffe_nets
import keras
import numpy as np
import pytest

from keras_alexnet import AlexNet
from keras_alexnet.weights import WeightSet, cache, get
from keras_alexnet.weights import published as records

pytestmark = pytest.mark.filterwarnings("ignore:.*look untrained:UserWarning")


@pytest.fixture(scope="module")
def blobs() -> caffe_nets.Blobs:
    return caffe_nets.random_blobs()


@pytest.fixture
def published(
    blobs: caffe_nets.Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WeightSet]:
    """A record of a file that we have made, in a folder as a mirror would have it."""
    folder = tmp_path / "folder"
    folder.mkdir()
    record = get("bvlc_alexnet")
    path = caffe_nets.write(folder / record.file_name, blobs, form="layers")
    content = path.read_bytes()
    record = dataclasses.replace(
        record,
        digest=hashlib.sha1(content).hexdigest(),
        other_digests=(("sha256", hashlib.sha256(content).hexdigest()),),
        size=len(content),
    )
    monkeypatch.setitem(records._RECORDS, record.name, record)
    monkeypatch.setenv("KERAS_ALEXNET_WEIGHTS", str(folder))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    yield record
    shutil.rmtree(tmp_path)  # a quarter of a gigabyte each


def is_of(model: keras.Model, blobs: caffe_nets.Blobs) -> bool:
    kernel, bias = blobs["conv2"]
    conv2 = model.get_layer("conv2")
    return np.array_equal(conv2.kernel, kernel.transpose(2, 3, 1, 0)) and (
        np.array_equal(conv2.bias, bias)
    )


def test_a_name_is_downloaded_once_and_used_twice(
    published: WeightSet,
    blobs: caffe_nets.Blobs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = AlexNet(weights="imagenet")
    assert model.input_shape == (None, 227, 227, 3)
    assert model.output_shape == (None, 1000)
    assert is_of(model, blobs)
    kept = cache.location(published)
    assert [each.name for each in kept.parent.glob("[!.]*")] == [kept.name]
    model.load_weights(str(kept))  # Keras itself reads what is kept
    monkeypatch.setenv("KERAS_ALEXNET_WEIGHTS", "/no/such/folder")
    body = AlexNet(weights="bvlc_alexnet", include_top=False)
    assert is_of(body, blobs)


def test_a_wrong_hash_is_refused_and_nothing_is_kept(
    published: WeightSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = dataclasses.replace(published, digest="0" * 40)
    monkeypatch.setitem(records._RECORDS, published.name, other)
    with pytest.raises(ValueError, match=f"{'0' * 40}.*{published.digest}"):
        AlexNet(weights="bvlc_alexnet")
    assert not cache.location(other).exists()


@pytest.mark.parametrize("variant", [None, "paper", "owt"])
def test_a_file_that_does_not_determine_the_variant_asks_for_it(
    published: WeightSet, tmp_path: Path, variant: str | None
) -> None:
    path = tmp_path / "folder" / published.file_name
    given = "no variant" if variant is None else f"variant={variant!r}"
    message = rf"'caffe' or 'caffenet'.*{given}, weights='.*caffemodel'"
    with pytest.raises(ValueError, match=message):
        AlexNet(variant, weights=path)
