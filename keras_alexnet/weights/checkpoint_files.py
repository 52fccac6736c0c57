"""The files of a checkpoint: reading them, and checking that they are undamaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_alexnet.reasons import reason
from keras_alexnet.tensorflow_paths import for_tensorflow

_STEP = "step-"
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
        self._restore(_OBJECTS, tf.string)
        reader = tf.train.load_checkpoint(self.prefix)
        self.shapes: dict[str, list[int]] = reader.get_variable_to_shape_map()
        self._types = reader.get_variable_to_dtype_map()

    def read(self, name: str) -> np.ndarray:
        """The value of this name.

        Raises:
            Damaged: If its checksum is wrong.
            ValueError: If it cannot be read for another reason.
        """
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
    """The checkpoints in a run's directory of checkpoints, oldest first.

    Raises:
        OSError: If the directory cannot be listed.
    """
    if not directory.is_dir():
        return []
    steps = (
        name.removeprefix(_STEP).removesuffix(".index")
        for name in (entry.name for entry in directory.iterdir())
        if name.startswith(_STEP) and name.endswith(".index")
    )
    found = sorted(int(step) for step in steps if step.isdecimal())
    return [at_step(directory, step) for step in found]


def at_step(directory: Path, step: int) -> Path:
    """The path of the checkpoint after this many steps."""
    return directory / f"{_STEP}{step}"


def _data_files(path: Path) -> list[Path]:
    beginning = f"{path.name}.data-"
    return [each for each in path.parent.iterdir() if each.name.startswith(beginning)]


def _has_data(path: Path) -> bool:
    index = path.with_name(f"{path.name}.index")
    return not index.is_file() or bool(_data_files(path))
