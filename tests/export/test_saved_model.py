"""SavedModels: what they answer, and how they are written."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from served_models import NAMES, SIDE, classify, encoded, picture, served_model

import keras_alexnet
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.weights import published

SMALLEST = [(140, 100), (100, 140), (97, 97), (700, 91), (60, 50)]


def seen(pixels: np.ndarray, size: int, warp: bool) -> np.ndarray:
    """The central square of `size`, by TensorFlow's own resizing of the whole."""
    height, width = pixels.shape[:2]
    scale = size / min(height, width)
    target = [size, size] if warp else [round(height * scale), round(width * scale)]
    whole = tf.image.resize(pixels, target, antialias=True)
    top, left = (target[0] - size) // 2, (target[1] - size) // 2
    return np.round(whole[top : top + size, left : left + size])


def cropped(square: np.ndarray, top: int, left: int) -> np.ndarray:
    return square[top : top + SIDE, left : left + SIDE]


@pytest.mark.compat
def test_names_and_scores_are_those_of_the_centre(
    network: keras.Model, signatures: dict
) -> None:
    drawn = [picture(i, size) for i, size in enumerate(SMALLEST)]
    coded = [encoded(each, "PNG") for each in drawn]
    classes, scores, valid = classify(signatures, coded)
    border = round(SIDE * 256 / 224)
    inset = (border - SIDE) // 2
    views = [
        cropped(seen(np.asarray(each), border, warp=False), inset, inset)
        for each in drawn
    ]
    exact = network(keras_alexnet.preprocess_input(np.stack(views))).numpy()
    places = np.array([[NAMES.index(name.decode()) for name in row] for row in classes])
    assert valid.all()
    # A pixel may be rounded the other way: 1 of 255.
    np.testing.assert_allclose(scores, np.take_along_axis(exact, places, 1), atol=2e-3)
    np.testing.assert_allclose(scores, -np.sort(-exact)[:, :5], atol=2e-3)
    assert np.ptp(exact, axis=0).max() > 0.05  # not the same for all pictures


@pytest.mark.compat
def test_all_signatures_agree(network: keras.Model, signatures: dict) -> None:
    pixels = np.asarray(picture(3))
    _, scores, _ = classify(signatures, [encoded(picture(3), "PNG")])
    whole = signatures["predict_images"](images=tf.constant(pixels[None]))
    precise = tf.constant(pixels[None], tf.float32)
    floats = signatures["predict_float_images"](images=precise)
    default = signatures["serving_default"](
        image_bytes=tf.constant([encoded(picture(3), "PNG")])
    )
    expected = np.sort(whole["probabilities"])[:, ::-1][:, :5]
    np.testing.assert_allclose(scores, expected, atol=1e-6)
    np.testing.assert_array_equal(default["scores"], scores)
    np.testing.assert_allclose(
        floats["probabilities"], whole["probabilities"], atol=1e-6
    )


@pytest.mark.compat
def test_a_loaded_export_can_be_called(network: keras.Model, export: Path) -> None:
    loaded = tf.saved_model.load(str(export))
    pixels = np.stack([np.asarray(picture(i, (90, 120))) for i in range(2)])
    expected = network(keras_alexnet.load_pictures(pixels, "paper", SIDE))
    for images in (pixels, pixels.astype(np.float32), tf.constant(pixels)):
        answer = loaded(images)
        np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
        names = [[name.decode() for name in row] for row in answer["classes"].numpy()]
        assert names == [list(NAMES)] * 2
    empty = loaded(pixels[:0])
    assert empty["classes"].shape == empty["probabilities"].shape == (0, len(NAMES))


@pytest.mark.compat
def test_features_are_those_of_the_network(
    network: keras.Model, signatures: dict
) -> None:
    coded = [encoded(picture(5), "PNG"), b"no picture"]
    found = signatures["features"](image_bytes=tf.constant(coded))
    border = round(SIDE * 256 / 224)
    inset = (border - SIDE) // 2
    view = cropped(seen(np.asarray(picture(5)), border, warp=False), inset, inset)
    x = keras_alexnet.preprocess_input(view[None])
    for layer in ("fc6", "fc7"):
        exact = keras_alexnet.features(network, layer)(x)
        np.testing.assert_allclose(found[layer][:1], exact, atol=0.05)
        assert not found[layer][1].numpy().any()
    assert found["valid"].numpy().tolist() == [True, False]


@pytest.mark.compat
def test_an_empty_batch_has_an_empty_answer(signatures: dict) -> None:
    classes, scores, valid = classify(signatures, [])
    assert (classes.shape, scores.shape, valid.shape) == ((0, 5), (0, 5), (0,))
    images = tf.zeros([0, 9, 9, 3], tf.uint8)
    assert signatures["predict_images"](images=images)["probabilities"].shape == (0, 7)
    nothing = tf.constant([], tf.string)
    assert signatures["features"](image_bytes=nothing)["fc6"].shape == (0, 24)


def test_ten_views_of_a_warped_picture(network: keras.Model, tmp_path: Path) -> None:
    # Published weights' rule: made square, whatever the shape; here 128 to the 80 cut.
    record = dataclasses.replace(
        published.get("bvlc_alexnet"), resize_size=128, image_size=SIDE
    )
    path = keras_alexnet.export_saved_model(
        network,
        tmp_path,
        class_names=NAMES,
        preprocessing=record,
        views=10,
        top_k=99,
        warmup=False,
    )
    report = keras_alexnet.check_saved_model(path, network)
    assert (report.card.recipe.views, report.warmup) == (10, None)
    signatures = tf.saved_model.load(str(path)).signatures
    _, scores, _ = classify(signatures, [encoded(picture(8), "PNG")] * 2)
    square = seen(np.asarray(picture(8)), 128, warp=True)
    places = [(0, 0), (0, 48), (48, 0), (48, 48), (24, 24)]
    views = [cropped(square, *place) for place in places]
    views = np.stack([*views, *(view[:, ::-1] for view in views)])
    exact = network(views[..., ::-1] - np.float32([104.007, 116.669, 122.679]))
    exact = np.sort(np.mean(exact, axis=0))[::-1]
    np.testing.assert_allclose(scores, [exact, exact], atol=2e-3)


def test_a_card_describes_the_export(export: Path) -> None:
    card = json.loads((export / "assets.extra" / "keras_alexnet.json").read_text())
    assert card["made_by"]["tensorflow"] == tf.__version__
    assert (card["classes"], card["top_k"], card["precision"]) == (7, 5, "float32")
    assert card["recipe"]["resize"] == "shorter_side"


def write(path: Path, **arguments: object) -> Path:
    given = {"class_names": NAMES, "preprocessing": "paper", "warmup": False}
    model = arguments.pop("model", None) or served_model()
    return keras_alexnet.export_saved_model(model, path, **{**given, **arguments})


def test_versions_count_up_and_are_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tf.saved_model, "save", lambda *_, **__: None)
    model, path = served_model(), tmp_path / "pets"
    assert write(path, model=model).name == "1"
    assert write(path, model=model, version=7).name == "7"
    assert write(path, model=model).name == "8"
    with pytest.raises(ValueError, match="Received: version=7"):
        write(path, model=model, version=7)


def test_a_failed_export_leaves_nothing(
    network: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(tf.saved_model, "save", fail)
    with pytest.raises(OSError, match="no space"):
        write(tmp_path / "new" / "deep", model=network)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"class_names": ["one"]}, "Received: 1 names"),
        ({"top_k": 0}, "Received: top_k=0"),
        ({"preprocessing": "vgg"}, "Received: preprocessing='vgg'"),
        ({"views": 5}, "Received: views=5"),
        ({"precision": "int4"}, "Received: precision='int4'"),
    ],
)
def test_bad_arguments_are_named(
    network: keras.Model, arguments: dict, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        write(tmp_path, model=network, **arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"include_top": False}, r"Received: a model from .* to \(None, 1, 1, 14\)"),
        ({"input_shape": (64, 96, 3)}, "square pictures"),
        ({"classifier_activation": None}, "classifier_activation='softmax'"),
    ],
)
def test_a_model_that_is_no_classifier_is_refused(
    arguments: dict, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "new" / "deep", model=served_model(**arguments))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("named", "image_size", "rule", "size"),
    [
        ("paper", 224, "shorter_side", 256),
        ("bvlc_alexnet", 227, "warp", 256),
        ("imagenet", 454, "warp", 512),
        ("torchvision_owt", 224, "shorter_side", 256),
        (Preprocessing(), 112, "shorter_side", 128),
    ],
)
def test_published_weights_bring_their_resize_rule(
    named: str, image_size: int, rule: str, size: int
) -> None:
    recipe = keras_alexnet.weights.recipe_of(named, image_size)
    assert (recipe.resize, recipe.resize_size) == (rule, size)


def test_recipe_and_names_are_the_models_own(tmp_path: Path) -> None:
    model = served_model()
    with pytest.raises(ValueError, match="class_names must be given: this model"):
        keras_alexnet.export_saved_model(model, tmp_path / "unnamed")
    own = dataclasses.replace(model.recipe, resize="warp")
    model.describe(recipe=own, class_names=NAMES)
    path = keras_alexnet.export_saved_model(model, tmp_path / "named", warmup=False)
    assert keras_alexnet.class_names(path) == tuple(NAMES)
    assert keras_alexnet.weights.recipe_of(path) == own
