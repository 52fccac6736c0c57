"""Whom `predict` asks: a server, an export, or a model that is opened here."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from keras_alexnet.commands.opening import (
    ModelOptions,
    newest_version,
    open_export,
    open_model,
)
from keras_alexnet.data.views import Views
from keras_alexnet.serving import Answer, Pictures, Target, connect
from keras_alexnet.serving.answers import Classify, from_outputs


@contextlib.contextmanager
def classifier(options: ModelOptions, target: Target | None) -> Iterator[Classify]:
    """Gives what answers for some pictures at a time.

    Args:
        options: The flags that name a model, if there is no server.
        target: The server and the model there, or None.

    Raises:
        ValueError: If there is no such model, or the server does not answer.
    """
    if target is not None:
        with connect(target) as classify:
            yield classify
        return
    export = newest_version(options.path())
    yield _of_model(options) if export is None else _of_export(export)


def _of_export(path: Path) -> Classify:
    ask = open_export(path)

    def classify(pictures: Pictures) -> list[Answer]:
        answer = ask(tf.constant(list(pictures), tf.string))
        outputs = {name: value.numpy() for name, value in answer.items()}
        return from_outputs(outputs, len(pictures), str(path))

    return classify


def _of_model(options: ModelOptions) -> Classify:
    opened = open_model(options)
    side = opened.model.input_shape[1]
    look = Views(side, resize_size=opened.resize_size, warp=opened.warp)

    def classify(pictures: Pictures) -> list[Answer]:
        views = [_view(picture, look) for picture in pictures]
        valid = [view is not None for view in views]
        blank = tf.zeros([side, side, 3], tf.uint8)
        batch = tf.stack([blank if view is None else view for view in views])
        scores = opened.model(opened.preprocessing(batch), training=False)
        values, places = tf.math.top_k(scores, scores.shape[-1])
        outputs = {
            "classes": tf.gather(opened.class_names, places).numpy(),
            "scores": values.numpy(),
            "valid": valid,
        }
        return from_outputs(outputs, len(pictures), options.named())

    return classify


def _view(picture: bytes, look: Views) -> tf.Tensor | None:
    try:
        return look.centre(tf.constant(picture))
    except tf.errors.OpError:
        return None
