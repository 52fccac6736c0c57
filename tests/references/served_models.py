"""Models that a test of exports can afford, and what holds for any export."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from small_models import FILTERS
from tensorflow.core.protobuf import saved_model_pb2

from keras_alexnet import architectures, models

SIDE = 80
NAMES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu")


def served_model(variant: str = "paper", **arguments: Any) -> keras.Model:
    """A variant of few maps and units, whose scores depend on the picture."""
    record = architectures.get(variant)
    convolutions = tuple(
        dataclasses.replace(convolution, filters=filters)
        for convolution, filters in zip(record.convolutions, FILTERS, strict=False)
    )
    record = dataclasses.replace(record, convolutions=convolutions, dense=(24, 20))
    shape = {"input_shape": (SIDE, SIDE, 3), "classes": len(NAMES)}
    return filled(models.build(record, **{**shape, **arguments}))


def filled(model: keras.Model) -> keras.Model:
    """The model, with weights under which its scores depend on the picture."""
    rng = np.random.default_rng(0)
    with_kernels = [layer for layer in model.layers if hasattr(layer, "kernel")]
    for layer in with_kernels:
        size = layer.kernel.shape
        gain = 0.02 if layer is with_kernels[-1] else 1.5
        scale = gain / np.sqrt(np.prod(size[:-1]))
        bias = rng.normal(0, 0.1, size[-1:])
        values = [rng.normal(0, scale, size), bias][: len(layer.get_weights())]
        layer.set_weights(values)
    return model


def picture(seed: int, size: tuple[int, int] = (140, 100)) -> Image.Image:
    """A smooth picture of many colours, `size` being (width, height)."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8))
    return coarse.resize(size, Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """The bytes of its file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def classify(signatures: Any, pictures: list[bytes]) -> tuple[np.ndarray, ...]:
    """The classes, scores and validity that an export gives."""
    answer = signatures["classify_bytes"](
        image_bytes=tf.constant(np.array(pictures, object), tf.string)
    )
    return tuple(answer[name].numpy() for name in ("classes", "scores", "valid"))


def graph_def(path: Path) -> Any:
    """The GraphDef of a SavedModel."""
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((path / "saved_model.pb").read_bytes())
    (meta,) = saved.meta_graphs
    return meta.graph_def


def nodes(path: Path) -> list:
    """All its nodes, those of functions too."""
    graph = graph_def(path)
    inner = (node for each in graph.library.function for node in each.node_def)
    return [*graph.node, *inner]
