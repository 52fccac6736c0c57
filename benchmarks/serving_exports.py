"""The cost of kernels in fewer bits, and of a batch that may hold bad pictures.

python benchmarks/serving_exports.py [--repetitions=15] [--batches=1,8,64]

Times exports of `paper` at 224×224, with kernels stored in each precision, from JPEG
files to class names, in a session as in a server. Then decoding alone: by our data set,
which skips files that are not pictures, and by `tf.map_fn`, which fails for the whole
batch.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from interleaved import interleaved, show
from servables import Servable, jpegs

import keras_alexnet
from keras_alexnet.export.pictures import decode_batch
from keras_alexnet.export.precision import PRECISIONS
from keras_alexnet.weights import recipe_of

NAMES = [f"class {index}" for index in range(1000)]
FILES = tf.TensorSpec([None], tf.string, "image_bytes")


def exports(folder: Path) -> dict[str, Servable]:
    model, found = keras_alexnet.AlexNet(), {}
    for precision in PRECISIONS:
        path = keras_alexnet.export_saved_model(
            model,
            folder / precision,
            class_names=NAMES,
            preprocessing="paper",
            precision=precision,
            warmup=False,
        )
        size = sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
        print(f"{precision:10} {size / 1e6:.1f} MB")
        found[precision] = Servable(path)
    return found


def decoders(folder: Path) -> dict[str, Servable]:
    recipe = recipe_of("paper", 224)
    view = tf.TensorSpec([recipe.side, recipe.side, 3], tf.uint8)
    functions = {
        "decoding, bad pictures skipped": lambda image_bytes: decode_batch(
            image_bytes, recipe.decoded, recipe.side
        )[0],
        "decoding, tf.map_fn": lambda image_bytes: tf.map_fn(
            recipe.decoded, image_bytes, fn_output_signature=view
        ),
    }
    for name, function in functions.items():
        signature = tf.function(function, input_signature=[FILES])
        tf.saved_model.save(
            tf.Module(), str(folder / name), {"classify_bytes": signature}
        )
    return {name: Servable(folder / name) for name in functions}


def case(servable: Servable, files: np.ndarray) -> Callable[[], object]:
    return lambda: servable("classify_bytes", image_bytes=files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--batches", default="1,8,64")
    arguments = parser.parse_args()
    tf.get_logger().setLevel("ERROR")  # sessions are deprecated in Python
    with tempfile.TemporaryDirectory() as name:
        found = {**exports(Path(name)), **decoders(Path(name))}
        for batch in map(int, arguments.batches.split(",")):
            files = jpegs(batch)
            cases = {name: case(each, files) for name, each in found.items()}
            times = interleaved(cases, max(5, arguments.repetitions // batch))
            show(f"batch of {batch} JPEG files, 500x375", times)


if __name__ == "__main__":
    main()
