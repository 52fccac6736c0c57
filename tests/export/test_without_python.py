"""An export in a program of C++, through the loader of TensorFlow Serving."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from served_models import classify, encoded, picture
from tensorflow.core.protobuf import saved_model_pb2

SOURCE = Path(__file__).parent / "loader" / "classify.cpp"
COMPILER = shutil.which(os.environ.get("CXX", "g++"))

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler; set CXX")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The loader, linked with the libraries in TensorFlow's wheel."""
    libraries = tf.sysconfig.get_lib()
    path = tmp_path_factory.mktemp("loader") / "classify"
    subprocess.run(
        [
            COMPILER,
            "-std=c++17",
            f"-I{tf.sysconfig.get_include()}",
            str(SOURCE),
            f"-L{libraries}",
            "-l:libtensorflow_cc.so.2",
            "-l:libtensorflow_framework.so.2",
            f"-Wl,-rpath,{libraries}",
            f"-o{path}",
        ],
        check=True,
    )
    return path


def tensors(export: Path, signature: str) -> tuple[dict[str, str], dict[str, str]]:
    """The names in the graph of a signature's inputs and outputs."""
    saved = saved_model_pb2.SavedModel.FromString(
        (export / "saved_model.pb").read_bytes()
    )
    found = saved.meta_graphs[0].signature_def[signature]
    return tuple(
        {key: info.name for key, info in each.items()}
        for each in (found.inputs, found.outputs)
    )


@pytest.mark.compat
@pytest.mark.parametrize("onednn", ["0", "1"])
@pytest.mark.parametrize("threads", [0, 1])
def test_it_gives_the_same_answers(
    export: Path,
    signatures: dict,
    program: Path,
    tmp_path: Path,
    onednn: str,
    threads: int,
) -> None:
    coded = [encoded(picture(i, size)) for i, size in enumerate([(90, 120), (300, 99)])]
    coded += [b"no picture", encoded(picture(4), "PNG"), coded[0][:-300]]
    files = [tmp_path / str(number) for number in range(len(coded))]
    for file, content in zip(files, coded, strict=True):
        file.write_bytes(content)
    inputs, outputs = tensors(export, "serving_default")
    command = [program, export, threads, inputs["image_bytes"], *outputs.values()]
    result = subprocess.run(
        [str(each) for each in (*command, "--", *files)],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": onednn},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    rows: dict[str, list[list[str]]] = {key: [] for key in outputs}
    names = {name: key for key, name in outputs.items()}
    for line in result.stdout.splitlines():
        name, *values = line.split("\t")
        rows[names[name]].append(values)
    classes, scores, valid = classify(signatures, coded)
    assert rows["classes"] == [[name.decode() for name in row] for row in classes]
    assert rows["valid"] == [[str(int(each))] for each in valid]
    assert valid.tolist() == [True, True, False, True, False]
    np.testing.assert_allclose(np.array(rows["scores"], float), scores, rtol=1e-5)
