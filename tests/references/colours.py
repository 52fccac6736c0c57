"""A small model that answers as our exports do: the strongest colours of pictures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

COLOURS = ("red", "green", "blue")


class Colours(tf.Module):
    """Names the strongest colours of pictures; what is no PNG is not valid."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def classify_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        valid = tf.strings.substr(image_bytes, 0, 4) == b"\x89PNG"
        view = tf.TensorSpec([3], tf.float32)
        means = tf.map_fn(self._mean, (image_bytes, valid), fn_output_signature=view)
        scores, places = tf.math.top_k(means / 256, 2)
        names = tf.where(valid[:, None], tf.gather(COLOURS, places), "")
        return {"classes": names, "scores": scores, "valid": valid}

    def _mean(self, picture: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        image, valid = picture
        return tf.cond(
            valid,
            lambda: tf.reduce_mean(
                tf.cast(tf.io.decode_png(image, channels=3), tf.float32), [0, 1]
            ),
            lambda: tf.zeros([3]),
        )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def double(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": 2 * x}


def png(red: int, green: int, blue: int) -> bytes:
    """A picture of one colour."""
    buffer = io.BytesIO()
    pixels = np.full((5, 7, 3), (red, green, blue), np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def write_versions(folder: Path) -> Path:
    """Saves two versions of the model in `folder`, as `export` numbers them."""
    model = Colours()
    for version in ("1", "2"):
        tf.saved_model.save(
            model, str(folder / version), {"classify_bytes": model.classify_bytes}
        )
    return folder
