"""An export read by a TensorFlow of another version, 2.15 for one."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from served_models import NAMES, classify, encoded, picture, served_model

import keras_alexnet
from keras_alexnet import architectures
from keras_alexnet.export.precision import PRECISIONS

# A Python that has TensorFlow; nothing else is needed there.
PYTHON = os.environ.get("KERAS_ALEXNET_OTHER_PYTHON")
VARIANTS = architectures.names()
CODE = """
import json, sys
import tensorflow as tf
coded = tf.constant([open(path, "rb").read() for path in sys.argv[2:]])
for path in sys.argv[1].split(":"):
    answer = tf.saved_model.load(path).signatures["serving_default"](image_bytes=coded)
    print(json.dumps(answer["scores"].numpy().tolist()))
"""


@pytest.mark.skipif(
    PYTHON is None,
    reason="KERAS_ALEXNET_OTHER_PYTHON names a Python with another TensorFlow",
)
def test_every_variant_and_precision_runs_there(tmp_path: Path) -> None:
    coded = [encoded(picture(1)), b"no picture", encoded(picture(2), "PNG")]
    files = [tmp_path / f"{number}.file" for number in range(len(coded))]
    for file, content in zip(files, coded, strict=True):
        file.write_bytes(content)
    paths = [
        keras_alexnet.export_saved_model(
            served_model(variant),
            tmp_path / variant,
            class_names=NAMES,
            preprocessing=variant,
            precision=PRECISIONS[place % len(PRECISIONS)],
            views=(1, 10)[place % 3 == 0],
        )
        for place, variant in enumerate(VARIANTS)
    ]
    answers = subprocess.run(
        [PYTHON, "-c", CODE, ":".join(map(str, paths)), *map(str, files)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for path, answer in zip(paths, answers, strict=True):
        _, scores, _ = classify(tf.saved_model.load(str(path)).signatures, coded)
        np.testing.assert_allclose(json.loads(answer), scores, atol=1e-5)
