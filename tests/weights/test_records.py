"""What the records of published weights say, against publishers' and Keras' numbers."""

from __future__ import annotations

import math
import re
import urllib.parse
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_alexnet.weights import published
from keras_alexnet.weights.classes import class_names
from keras_alexnet.weights.published import WeightSet

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "weights.md"
SETS = tuple(published.get(name) for name in published.names()[:-1])
NAMES_AFTER_THE_FIRST = tuple(f"`{record.name}`" for record in SETS[1:])

# Kernels (height, width, in of a group, out), as Caffe's prototxt and torchvision's
# module have them; each output has a bias.
SHAPES = {
    "caffe": [
        *((11, 11, 3, 96), (5, 5, 48, 256), (3, 3, 256, 384)),
        *((3, 3, 192, 384), (3, 3, 192, 256)),
        *((6, 6, 256, 4096), (4096, 4096), (4096, 1000)),
    ],
    "owt": [
        *((11, 11, 3, 64), (5, 5, 64, 192), (3, 3, 192, 384)),
        *((3, 3, 384, 256), (3, 3, 256, 256)),
        *((6, 6, 256, 4096), (4096, 4096), (4096, 1000)),
    ],
}
SHAPES["caffenet"] = SHAPES["caffe"]  # pooling and normalisation change places
LENGTHS = {"sha1": 40, "sha256": 64, "sha384": 96}
PUBLISHED = [record for record in SETS if record.digest is not None]


@pytest.mark.compat
def test_the_names_and_the_alias() -> None:
    expected = ("bvlc_alexnet", "bvlc_caffenet", "torchvision_owt", "places365")
    assert published.names() == (*expected, "imagenet")
    assert [each.name for each in SETS] == list(expected)
    assert published.get("imagenet") is published.get("bvlc_alexnet")


@pytest.mark.parametrize("name", ["alexnet", "", None, ["imagenet"]])
def test_an_unknown_name_is_answered_with_the_known_ones(name: object) -> None:
    with pytest.raises(ValueError, match=r"one of \('bvlc_alexnet', .*'imagenet'\)"):
        published.get(name)  # type: ignore[arg-type]


@pytest.mark.parametrize("record", SETS, ids=lambda record: record.name)
def test_parameters_and_sizes_agree(record: WeightSet) -> None:
    *shapes, (units, _) = SHAPES[record.variant]
    shapes.append((units, len(class_names(record.name))))
    assert record.parameters == sum(math.prod(s) + s[-1] for s in shapes)
    if record.size is not None:  # the file is float32 values and little else
        assert 0 < record.size - 4 * record.parameters < 10_000


@pytest.mark.parametrize("record", SETS, ids=lambda record: record.name)
def test_digests_are_digests_and_files_are_at_their_addresses(
    record: WeightSet,
) -> None:
    for algorithm, digest in record.digests:
        assert re.fullmatch(rf"[0-9a-f]{{{LENGTHS[algorithm]}}}", digest)
    assert record.url.rpartition("/")[2] == record.file_name
    assert len(set(record.urls)) == len(record.urls)
    assert all(urllib.parse.urlsplit(url).hostname for url in record.urls)
    assert all(url.startswith("https://") for url in record.mirrors)
    assert record.sources
    assert record.recipe().image_size == record.image_size  # or it is refused


def test_what_is_not_published_is_not_stated() -> None:
    places = published.get("places365")
    assert (places.digest, places.digests, places.size) == (None, (), None)
    assert (places.top1, places.top5) == (None, None)
    assert all(record.digest and record.size for record in PUBLISHED)
    assert len(PUBLISHED) == len(SETS) - 1


def test_torchvisions_file_has_the_stated_hash_and_size() -> None:
    record = published.get("torchvision_owt")
    # torch.hub's own rule for the names of its files.
    stated = re.search(r"-([a-f0-9]*)\.", record.file_name)
    assert stated is not None
    assert record.digest.startswith(stated.group(1))
    assert round(record.size / 2**20, 3) == 233.087  # alexnet.py, _file_size


@pytest.mark.compat
@pytest.mark.parametrize(
    ("name", "mode", "tolerance"),
    # Keras' "caffe" subtracts VGG's mean colour (103.939, 116.779, 123.68, B first),
    # up to 1.01 from that of Caffe's own mean picture.
    [("torchvision_owt", "torch", 1e-5), ("imagenet", "caffe", 1.01)],
)
def test_preprocessing_is_that_of_keras_mode(
    name: str, mode: str, tolerance: float
) -> None:
    x = np.random.default_rng(0).uniform(0, 255, (2, 4, 4, 3)).astype("float32")
    y = published.get(name).preprocessing(x)
    theirs = keras.applications.imagenet_utils.preprocess_input(x.copy(), mode=mode)
    np.testing.assert_allclose(y, theirs, atol=tolerance)


def column(record: WeightSet) -> dict[str, str]:
    """What the page's table must say of a weight set."""
    prepare = record.preprocessing
    mean, scale = (
        ", ".join(f"{value:.6g}" for value in values)
        for values in (prepare.mean, prepare.scale)
    )
    return {
        "variant": f"`{record.variant}`",
        "address": f"<{record.url}>",
        "mirrors": ", ".join(f"<{url}>" for url in record.mirrors) or "none known",
        "hash": ", ".join(f"{a} `{digest}`" for a, digest in record.digests)
        or "none published",
        "bytes": "not published" if record.size is None else f"{record.size:,}",
        "licence": record.licence,
        "parameters": f"{record.parameters:,}",
        "top-1 / top-5": "not stated in words"
        if record.top1 is None
        else f"{record.top1} % / {record.top5} %",
        "measured on": record.protocol,
        "resize, crop": f"`{record.resize}` {record.resize_size}, {record.image_size}",
        "colour order": prepare.channel_order,
        "mean, R, G, B": mean,
        "scale, R, G, B": scale,
        "classes": record.classes,
    }


def test_the_page_agrees_with_the_records() -> None:
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    table = [line for line in lines if line.startswith("| ")]
    columns = [column(record) for record in SETS]
    rows = [(key, *(each[key] for each in columns)) for key in columns[0]]
    rows.insert(0, ("name", "`bvlc_alexnet`, `imagenet`", *NAMES_AFTER_THE_FIRST))
    assert table[: len(rows)] == [f"| {' | '.join(row)} |" for row in rows]
