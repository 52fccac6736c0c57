"""Directories whose names TensorFlow takes for patterns, or cannot read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tensorflow as tf

from keras_alexnet.tensorflow_paths import check_plain, for_tensorflow

PLAIN = ("a b", "a,b", "~", "é", "{x}", "a]b", "a%b")
ODD = ("k[a]", "k[!a]", "k*", "k?", "k\\x", os.fsdecode(b"k\xe9"))


@pytest.mark.compat
@pytest.mark.parametrize("name", PLAIN + ODD)
def test_tensorflow_reads_what_it_has_written(tmp_path: Path, name: str) -> None:
    directory = tmp_path / name / "inside"
    directory.mkdir(parents=True)
    (tmp_path / "ka").mkdir()  # what two of the patterns would match
    value = tf.Variable([3.0, 4.0])
    path = for_tensorflow(directory)
    assert (path == str(directory)) is (name in PLAIN)
    assert os.path.samefile(path, directory)
    tf.train.Checkpoint(value=value).write(f"{path}/step-1")
    assert (directory / "step-1.index").is_file()
    value.assign([0.0, 0.0])
    tf.train.Checkpoint(value=value).read(f"{path}/step-1").assert_consumed()
    assert value.numpy().tolist() == [3.0, 4.0]


@pytest.mark.parametrize("name", ODD)
def test_exports_to_misread_paths_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="export_dir must be a path without any of"):
        check_plain("export_dir", tmp_path / name / "1")


@pytest.mark.parametrize("name", PLAIN)
def test_exports_to_plain_paths_are_accepted(tmp_path: Path, name: str) -> None:
    check_plain("export_dir", tmp_path / name)


LINKED = """
import os, sys, tempfile
from pathlib import Path
from keras_alexnet.tensorflow_paths import for_tensorflow
directory = Path(sys.argv[1])
print(for_tensorflow(directory) == for_tensorflow(directory))
print(len(os.listdir(tempfile.gettempdir())))
"""


def test_links_are_removed_with_the_process(python, tmp_path: Path) -> None:
    """TensorFlow itself keeps files there too, so the folder is this test's."""
    temporary, directory = tmp_path / "temporary", tmp_path / "k[a]"
    temporary.mkdir()
    directory.mkdir()
    (directory / "kept").touch()
    out = python(LINKED, str(directory), TMPDIR=str(temporary))
    assert out.splitlines()[0] == "True"
    assert int(out.splitlines()[1]) >= 1
    assert not any(
        path.name.startswith("keras_alexnet.") for path in temporary.iterdir()
    )
    assert (directory / "kept").exists()


def test_a_temporary_folder_of_such_a_name_is_an_error(python, tmp_path: Path) -> None:
    temporary = tmp_path / "t[1]"
    temporary.mkdir()
    code = """
import sys
from pathlib import Path
from keras_alexnet.tensorflow_paths import for_tensorflow
try:
    for_tensorflow(Path(sys.argv[1]))
except ValueError as error:
    print(error)
"""
    out = python(code, str(temporary), TMPDIR=str(temporary))
    assert "set TMPDIR to another one" in out
