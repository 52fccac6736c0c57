"""The package as it is installed and imported."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

import keras_alexnet

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.compat
def test_it_is_the_installed_package_that_is_tested() -> None:
    assert ROOT not in Path(keras_alexnet.__file__).resolve().parents
    assert keras_alexnet.__version__ == importlib.metadata.version("keras-alexnet")


def test_types_are_announced() -> None:
    assert (Path(keras_alexnet.__file__).parent / "py.typed").is_file()


def test_import_brings_nothing_that_keras_does_not(python) -> None:
    listing = "import sys; print(*(n for n in sys.modules if '.' not in n), sep='\\n')"
    with_keras = set(python(f"import keras; {listing}").split())
    with_ours = set(python(f"import keras_alexnet; {listing}").split())
    added = {name for name in with_ours - with_keras if not name.startswith("_")}
    # rich and the like come with the commands, tensorflow-datasets with its data.
    assert added <= {"keras_alexnet"}


@pytest.mark.parametrize("place", ["environment", "keras.json"])
def test_another_backend_is_one_clear_line(tmp_path: Path, place: str) -> None:
    environment = {**os.environ, "KERAS_HOME": str(tmp_path)}
    environment.pop("KERAS_BACKEND", None)
    if place == "environment":
        environment["KERAS_BACKEND"] = "jax"
    else:
        (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    result = subprocess.run(
        [sys.executable, "-m", "keras_alexnet_command", "train"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "KERAS_BACKEND=tensorflow" in result.stderr
    assert "Received: backend='jax'" in result.stderr


@pytest.mark.compat
def test_devices_can_be_configured_after_import_and_layers(python) -> None:
    code = """
import tensorflow as tf, keras_alexnet
keras_alexnet.layers.LocalResponseNormalization(towers=2)
keras_alexnet.layers.GroupedConv2D(8, 3, groups=2)
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
print(len(tf.config.list_logical_devices("CPU")))
"""
    assert python(code).strip() == "2"
