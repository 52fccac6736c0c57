"""Heads that an export can have: a softmax, or sigmoids for several labels."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from served_models import NAMES, SIDE, classify, encoded, picture, served_model

import keras_alexnet
from keras_alexnet.export.card import Card
from keras_alexnet.export.heads import scores_of

pytestmark = pytest.mark.compat
FORM = {"class_names": NAMES, "preprocessing": "paper"}


def logits() -> keras.Model:
    return served_model(classifier_activation=None)


def then(*layers: keras.layers.Layer) -> Callable[[], keras.Model]:
    def make() -> keras.Model:
        return keras.Sequential([logits(), *layers])

    return make


def two_heads() -> keras.Model:
    """A head for each of two questions, joined as people do it."""
    body = logits()
    answers = [
        keras.layers.Dense(2, activation="sigmoid")(body.output) for _ in range(2)
    ]
    return keras.Model(body.input, keras.layers.Concatenate()(answers))


HEADS: dict[str, tuple[Callable[[], keras.Model], str]] = {
    "softmax": (served_model, "distribution"),
    "softmax layer": (then(keras.layers.Softmax()), "distribution"),
    "sigmoid": (lambda: served_model(classifier_activation="sigmoid"), "independent"),
    "sigmoid layer": (then(keras.layers.Activation("sigmoid")), "independent"),
    "one answer": (
        lambda: served_model(classifier_activation="sigmoid", classes=1),
        "independent",
    ),
    "two heads": (two_heads, "independent"),
    "nested": (
        lambda: keras.Sequential(
            [
                keras.Input((SIDE, SIDE, 3)),
                served_model(classifier_activation="sigmoid"),
            ]
        ),
        "independent",
    ),
}
NO_HEADS: dict[str, tuple[Callable[[], keras.Model], str]] = {
    "logits": (logits, "'linear'"),
    "relu": (lambda: served_model(classifier_activation="relu"), "'relu'"),
    "tanh": (lambda: served_model(classifier_activation="tanh"), "'tanh'"),
    "reshaped logits": (then(keras.layers.Reshape([len(NAMES)])), "None"),
    "percent": (
        then(keras.layers.Softmax(), keras.layers.Rescaling(100)),
        "add up to 100",
    ),
}


@pytest.mark.parametrize("head", HEADS)
def test_what_the_scores_are(head: str) -> None:
    make, expected = HEADS[head]
    assert scores_of(make()) == expected


@pytest.mark.parametrize("activation", ["sigmoid", None])
def test_an_untrained_model_is_known_by_its_activation(
    activation: str | None,
) -> None:
    # Its two sigmoids are near 0.5, which add up to 1; its logits lie from 0 to 1.
    model = served_model(classifier_activation=activation, classes=2)
    layer = model.get_layer("fc8")
    start = 0.0 if activation else 0.25
    layer.set_weights([np.zeros(layer.kernel.shape), np.full(2, start)])
    if activation:
        assert scores_of(model) == "independent"
    else:
        with pytest.raises(ValueError, match="'linear' as its last activation"):
            scores_of(model)


@pytest.mark.parametrize("head", NO_HEADS)
def test_what_gives_no_probabilities_is_refused(head: str, tmp_path: Path) -> None:
    make, received = NO_HEADS[head]
    message = rf"'softmax', or 'sigmoid' if.*Received: .*{received}"
    with pytest.raises(ValueError, match=message) as caught:
        keras_alexnet.export_saved_model(make(), tmp_path / "x", **FORM)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=message):
        keras_alexnet.export_tflite(make(), tmp_path / "x.tflite", **FORM)
    assert not [*tmp_path.iterdir()]


@pytest.fixture(scope="module")
def labels() -> keras.Model:
    model = served_model(classifier_activation="sigmoid")
    layer = model.get_layer("fc8")
    kernel, bias = layer.get_weights()
    layer.set_weights([4 * kernel, bias])  # scores that are far from 0.5
    return model


@pytest.mark.parametrize("views", [1, 10])
def test_several_labels_are_answered(
    labels: keras.Model, tmp_path: Path, views: int
) -> None:
    path = keras_alexnet.export_saved_model(
        labels, tmp_path, top_k=3, warmup=False, views=views, **FORM
    )
    report = keras_alexnet.check_saved_model(path, labels)
    assert report.difference < 1e-5
    assert "an independent score for each class" in str(report)
    assert report.card.scores == "independent"
    signatures = tf.saved_model.load(str(path)).signatures
    classes, scores, valid = classify(signatures, [encoded(picture(1), "PNG"), b"no"])
    pixels = tf.constant(np.asarray(picture(1))[None])
    whole = signatures["predict_images"](images=pixels)["probabilities"][0].numpy()
    best = np.argsort(-whole)[:3]
    assert [name.decode() for name in classes[0]] == [NAMES[i] for i in best]
    np.testing.assert_allclose(scores[0], whole[best], atol=1e-6)
    assert abs(whole.sum() - 1) > 0.1
    assert valid.tolist() == [True, False]
    assert not scores[1].any()


def test_a_tflite_file_of_several_labels(labels: keras.Model, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TensorFlow's own deprecations
        path = keras_alexnet.export_tflite(labels, tmp_path / "x.tflite", **FORM)
        interpreter = tf.lite.Interpreter(str(path))
    view = np.asarray(picture(2, (SIDE, SIDE)))[None]
    exact = labels(keras_alexnet.preprocess_input(view)).numpy()
    found = interpreter.get_signature_runner("serving_default")(images=view)
    np.testing.assert_allclose(found["probabilities"], exact, atol=1e-5)


def test_a_model_that_is_not_built_is_named(tmp_path: Path) -> None:
    unbuilt = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(7)])
    with pytest.raises(ValueError, match="Received: a model from None to None"):
        keras_alexnet.export_saved_model(unbuilt, tmp_path, **FORM)


def test_an_older_card_means_a_distribution(export: Path, tmp_path: Path) -> None:
    card = json.loads((export / "assets.extra" / "keras_alexnet.json").read_text())
    assert card.pop("scores") == "distribution"
    (tmp_path / "assets.extra").mkdir()
    (tmp_path / "assets.extra" / "keras_alexnet.json").write_text(json.dumps(card))
    assert Card.read(tmp_path) == Card.read(export)
    report = keras_alexnet.check_saved_model(export)
    assert "independent" not in str(report)
