"""The classes of ImageNet against Keras' own file, and predictions in their names."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_alexnet.weights.classes import (
    class_names,
    decode_predictions,
    imagenet_classes,
    places365_classes,
)

# keras/src/applications/imagenet_utils.py: file_hash of imagenet_class_index.json.
KERAS_MD5 = "c2c37ea517e94d9795004a39431a14cb"
# github.com/CSAILVision/places365, commit 0621862: categories_places365.txt.
PLACES_SHA256 = "2affba635eb657e7ca95f4e6cc69bd9fac29ef4c32aeb83cafdfcd06ec6a1ea6"


def class_index() -> dict[str, list[str]]:
    classes = enumerate(imagenet_classes())
    return {str(index): [each.wnid, each.name] for index, each in classes}


@pytest.mark.compat
def test_ids_and_names_are_those_of_keras_file_to_the_byte() -> None:
    text = json.dumps(class_index())
    assert hashlib.md5(text.encode()).hexdigest() == KERAS_MD5


def test_lemmas_and_repeated_names() -> None:
    classes = imagenet_classes()
    assert classes[0].lemmas == ("tench", "Tinca tinca")
    assert classes[2].lemmas[-1] == "Carcharodon carcharias"
    assert len({each.wnid for each in classes}) == len(classes) == 1000
    twice = [name for name, n in Counter(class_names("imagenet")).items() if n > 1]
    assert twice == ["crane", "maillot"]


def test_every_weight_set_has_its_classes() -> None:
    for name in ("bvlc_caffenet", "torchvision_owt"):
        assert class_names(name) == class_names("imagenet")
    with pytest.raises(ValueError, match="Received: weights='mnist'"):
        class_names("mnist")


@pytest.mark.compat
def test_the_classes_of_places_are_those_of_the_publishers_file_to_the_byte() -> None:
    names = enumerate(places365_classes())
    text = "\n".join(f"/{name[0]}/{name} {index}" for index, name in names)
    assert hashlib.sha256(text.encode()).hexdigest() == PLACES_SHA256
    assert class_names("places365") == places365_classes()
    assert decode_predictions(np.eye(365)[[8]], top=1, weights="places365") == [
        [("apartment_building/outdoor", "apartment_building/outdoor", 1.0)]
    ]


@pytest.fixture
def keras_decode(monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Keras' function, with the file that it would download: the MD5 test's."""
    theirs = keras.applications.imagenet_utils.decode_predictions
    monkeypatch.setitem(theirs.__globals__, "CLASS_INDEX", class_index())
    return theirs


@pytest.mark.compat
@pytest.mark.parametrize("kind", [np.asarray, tf.constant])
def test_predictions_decode_as_in_keras(kind: Callable, keras_decode: Callable) -> None:
    logits = np.random.default_rng(0).normal(size=(3, 1000)).astype("float32")
    ours = decode_predictions(kind(logits), top=7)
    for row, expected in zip(ours, keras_decode(logits, top=7), strict=True):
        assert [each[:2] for each in row] == [each[:2] for each in expected]
        assert [each[2] for each in row] == [float(each[2]) for each in expected]


@pytest.mark.compat
def test_lists_and_tensors_are_decoded_best_first() -> None:
    preds = np.zeros((1, 1000))
    preds[0, [282, 517]] = 0.25, 0.75
    assert decode_predictions(preds.tolist(), top=3, weights="torchvision_owt") == [
        [
            ("n03126707", "crane", 0.75),
            ("n02123159", "tiger_cat", 0.25),
            ("n01440764", "tench", 0.0),  # of equals the first
        ]
    ]
    half = decode_predictions(tf.cast(preds, tf.bfloat16), top=1)
    assert half == [[("n03126707", "crane", 0.75)]]
    assert type(half[0][0][2]) is float
    assert len(decode_predictions(preds)[0]) == 5
    every = decode_predictions(preds, top=1000)[0]
    assert len({wnid for wnid, _, _ in every}) == 1000
    assert decode_predictions(preds[:0]) == []


@pytest.mark.parametrize(
    ("preds", "message"),
    [
        (np.zeros(1000), r"\[batch, 1000\], one row a picture.*shape=\(1000,\)"),
        (np.zeros((2, 10)), r"Received: shape=\(2, 10\)"),
        (np.zeros((1, 2, 1000)), r"Received: shape=\(1, 2, 1000\)"),
        ([["a"] * 1000], "array or a tensor of numbers.*Received: list"),
        (None, "preds must be"),
        (keras.Input((1000,)), "array or a tensor of numbers"),
        ([[0.0] * 1000, [np.nan] * 1000], r"no NaN.*Received: NaN in rows \[1\]"),
    ],
)
def test_other_arrays_than_predictions_are_refused(preds: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        decode_predictions(preds)


@pytest.mark.parametrize("top", [0, -1, 1001, 2.0, True, "5"])
def test_top_out_of_range_is_refused(top: object) -> None:
    with pytest.raises(ValueError, match=r"from 1 to 1000\. Received: top="):
        decode_predictions(np.zeros((1, 1000)), top=top)  # type: ignore[arg-type]


def test_an_unknown_weight_set_is_refused() -> None:
    with pytest.raises(ValueError, match="Received: weights='mnist'"):
        decode_predictions(np.zeros((1, 1000)), weights="mnist")
