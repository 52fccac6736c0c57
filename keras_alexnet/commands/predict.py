"""`predict`: the likeliest classes of pictures, with their scores."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from keras_alexnet.commands.flags import option
from keras_alexnet.commands.opening import (
    ModelOptions,
    newest_version,
    open_export,
    open_model,
)
from keras_alexnet.data.batches import decoder_words
from keras_alexnet.data.views import centre_view

_WIDE = 4096
USAGE = "PICTURE..."
Answer = list[tuple[str, float]]


@dataclasses.dataclass(frozen=True)
class Config(ModelOptions):
    """The flags of `predict`; what is no flag is a picture."""

    top_k: int = option(5, "How many classes to show.")

    def __post_init__(self) -> None:
        if self.top_k < 1:
            raise ValueError(f"top_k must be at least 1. Received: top_k={self.top_k}")


def main(config: Config, rest: list[str]) -> None:
    """Prints a table with a row for each picture and class."""
    if not rest:
        raise ValueError("at least one picture's path must be given. Received: none")
    pictures = [(path, _read(path)) for path in rest]
    classify = _classifier(config)
    names = (Column(head, overflow="fold") for head in ("picture", "class"))
    table = Table(*names, "score", box=None, pad_edge=False)
    for path, image in pictures:
        for name, score in classify(image)[: config.top_k]:
            table.add_row(Text(path), Text(name), f"{score:.4f}")
    # What goes to a file or a pipe is not cut to the width of a terminal.
    width = None if sys.stdout.isatty() else _WIDE
    Console(width=width, highlight=False, markup=False).print(table)


def _read(path: str) -> bytes:
    image = Path(path).read_bytes()
    try:
        tf.io.decode_image(image, channels=3, expand_animations=False)
    except tf.errors.OpError as error:
        raise ValueError(
            "pictures must be readable as JPEG, PNG, GIF or BMP. "
            f"Received: {path!r} ({decoder_words(error)})"
        ) from error
    return image


def _classifier(config: Config) -> Callable[[bytes], Answer]:
    export = newest_version(config.path())
    if export is not None:
        classify = open_export(export)

        def ask_export(image: bytes) -> Answer:
            answer = classify(tf.constant([image]))
            names = (name.decode() for name in answer["classes"][0].numpy())
            return list(zip(names, answer["scores"][0].numpy(), strict=True))

        return ask_export
    opened = open_model(config)

    def ask_model(image: bytes) -> Answer:
        view = centre_view(tf.constant(image), opened.model.input_shape[1])
        scores = opened.model(opened.preprocessing(view[None]), training=False)[0]
        best = sorted(
            zip(opened.class_names, scores.numpy(), strict=True),
            key=lambda each: -each[1],
        )
        return best

    return ask_model
