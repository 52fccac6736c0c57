"""The files of checkpoints: finding, reading, checking and removing them.

In a run's directory of checkpoints `step-N` holds all that is needed to resume after
step N, and `weights-N` only what was evaluated then.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.reasons import reason
from keras_alexnet.tensorflow_paths import for_tensorflow
from keras_alexnet.weights.checkpoint_index import check_index

_STEP = "step-"
_WEIGHTS = "weights-"
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"  # how TensorFlow ends the name of a variable
_OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"  # what tf.train.Checkpoint always writes


class Damaged(ValueError):
    """A checkpoint whose files have another checksum or length than when written.

    Args:
        path: The checkpoint.
        reason: What is wrong with it.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            "the checkpoint must be undamaged; run the same train command again: it "
            f"resumes from the one before. Received: {str(path)!r} ({reason})"
        )
        self.reason = reason


class CheckpointReader:
    """Reads the values of a checkpoint that `tf.train.Checkpoint` has written.

    TensorFlow keeps a checksum of every value, and of their index. The errors of its
    op distinguish a damaged file from one that cannot be read; those of
    `tf.train.load_checkpoint` do not.

    Args:
        path: The checkpoint, as in `RUN/checkpoints/step-8`.

    Attributes:
        shapes: The shape of each value, by its name.

    Raises:
        Damaged: If its files are damaged.
        ValueError: If they cannot be read for another reason.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.prefix = checkpoint_prefix(path)
        try:
            check_index(path)
        except ValueError as error:
            raise Damaged(path, reason(error)) from None
        except OSError:
            pass  # why it cannot be read, TensorFlow says below
        self._restore(_OBJECTS, tf.string)
        reader = tf.train.load_checkpoint(self.prefix)
        self.shapes: dict[str, list[int]] = reader.get_variable_to_shape_map()
        self._types = reader.get_variable_to_dtype_map()

    def read(self, name: str) -> np.ndarray:
        """The value of this name.

        Raises:
            Damaged: If its checksum is wrong.
            ValueError: If there is none, or it cannot be read for another reason.
        """
        if name not in self._types:
            raise ValueError(
                f"the checkpoint must hold {name.removesuffix(VALUE)}, as those of "
                f"train do; restore the file. Received: {str(self._path)!r} without it"
            )
        return self._restore(name, self._types[name])

    def check(self) -> None:
        """Reads all values.

        Raises:
            Damaged: If one is damaged.
            ValueError: If one cannot be read for another reason.
        """
        for name in self.shapes:
            self.read(name)

    def _restore(self, name: str, dtype: tf.DType) -> np.ndarray:
        try:
            with tf.device("CPU:0"):
                (value,) = tf.raw_ops.RestoreV2(
                    prefix=self.prefix,
                    tensor_names=[name],
                    shape_and_slices=[""],
                    dtypes=[dtype],
                )
        except (tf.errors.DataLossError, tf.errors.OutOfRangeError) as error:
            raise Damaged(self._path, reason(error)) from None
        except tf.errors.OpError as error:
            if isinstance(error, tf.errors.NotFoundError) and not _has_data(self._path):
                raise Damaged(self._path, "its data file is missing") from None
            raise ValueError(
                "the checkpoint must be readable and written by train; nothing was "
                f"changed. Received: {str(self._path)!r} ({reason(error)})"
            ) from None
        return value.numpy()


def checkpoint_prefix(path: Path) -> str:
    """The path of a checkpoint as TensorFlow's readers take it."""
    return f"{for_tensorflow(path.parent)}/{path.name}"


def checkpoint_files(path: Path) -> list[Path]:
    """The files of a checkpoint, the index first: the others need it."""
    index = path.with_name(f"{path.name}.index")
    return [each for each in (index, *_data_files(path)) if each.is_file()]


def written_checkpoints(directory: Path) -> list[Path]:
    """The checkpoints to resume from in a run's directory of them, oldest first.

    Raises:
        OSError: If the directory cannot be listed.
    """
    return [at_step(directory, step) for step in _numbers(directory, _STEP)]


def written_weights(directory: Path) -> list[Path]:
    """The checkpoints of weights alone, oldest first.

    Raises:
        OSError: If the directory cannot be listed.
    """
    return [weights_at(directory, step) for step in _numbers(directory, _WEIGHTS)]


def _numbers(directory: Path, kind: str) -> list[int]:
    if not directory.is_dir():
        return []
    steps = (
        name.removeprefix(kind).removesuffix(".index")
        for name in (entry.name for entry in directory.iterdir())
        if name.startswith(kind) and name.endswith(".index")
    )
    return sorted(int(step) for step in steps if step.isdecimal())


def at_step(directory: Path, step: int) -> Path:
    """The path of the checkpoint to resume from after this many steps."""
    return directory / f"{_STEP}{step}"


def weights_at(directory: Path, step: int) -> Path:
    """The path of the checkpoint of the weights after this many steps."""
    return directory / f"{_WEIGHTS}{step}"


def step_of(path: Path) -> int:
    """After how many steps a checkpoint of these names was written."""
    return int(path.name.rpartition("-")[2])


def remove_checkpoint(path: Path, unfinished: bool = False) -> None:
    """Removes a checkpoint, or only an unfinished write of it; errors are ignored.

    Args:
        path: The checkpoint.
        unfinished: Whether to keep the checkpoint itself, an earlier and good one.
    """
    with contextlib.suppress(OSError):
        for file in () if unfinished else checkpoint_files(path):
            file.unlink()
    shutil.rmtree(path.with_name(f"{path.name}_temp"), ignore_errors=True)


def record_newest(paths: list[Path]) -> None:
    """Writes the file by which TensorFlow knows the newest checkpoint.

    Args:
        paths: The checkpoints of a directory, oldest first.
    """
    directory, names = paths[-1].parent, [path.name for path in paths]
    # With a relative directory TensorFlow would resolve the names from here.
    state = tf.compat.v1.train.generate_checkpoint_state_proto(
        str(directory.absolute()), names[-1], names
    )
    files.write_text(directory / "checkpoint", str(state))


def _data_files(path: Path) -> list[Path]:
    beginning = f"{path.name}.data-"
    return [each for each in path.parent.iterdir() if each.name.startswith(beginning)]


def _has_data(path: Path) -> bool:
    index = path.with_name(f"{path.name}.index")
    return not index.is_file() or bool(_data_files(path))
