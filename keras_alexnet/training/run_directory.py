"""What lies in the directory of a run, and whose run it is."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.data import Source
from keras_alexnet.data.sources import VALIDATION
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.weights.runs import parse, settings

_LOCK = ".lock"

# These change nothing of what is trained.
_FREE = (
    "model_dir",
    "export_dir",
    "checkpoint_steps",
    "checkpoint_minutes",
    "dry_run",
    "data_dir",
    "manual_dir",
    "strategy",
    "devices",
    "tower_devices",
    "on_nonfinite",
    "nonfinite_limit",
    "profile_steps",
)


class RunDirectory:
    """The directory that a run writes to.

    `config.flags` holds its settings, `data.json` its classes and colours,
    `metrics.csv` a line each epoch, `result.json` what it came to,
    `checkpoints/` its state, `events/` what TensorBoard shows, and `example.jpg`
    the first validation picture, to try `predict` on.

    Args:
        path: The directory; it need not exist.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.flags_path = self.path / "config.flags"
        self.metrics_path = self.path / "metrics.csv"
        self.example_path = self.path / "example.jpg"
        self.events_path = self.path / "events"
        self._result_path = self.path / "result.json"
        self._data_path = self.path / "data.json"

    def check(self, config: TrainingConfig) -> None:
        """Raises ValueError if the directory is not this configuration's, or free."""
        files.check_directory("model_dir", self.path)
        if not self.flags_path.is_file():
            if self._foreign():
                raise ValueError(
                    "model_dir must be new, empty, or hold this run. "
                    f"Received: {str(self.path)!r}, which holds something else"
                )
            return
        theirs, ours = self.config(), _making(parse(config.as_flags()))
        for name in sorted(theirs.keys() | ours.keys()):
            if theirs.get(name) != ours.get(name):
                raise ValueError(
                    "model_dir must hold a run of the same configuration; give the "
                    f"same flags, or another --model_dir. Received: {str(self.path)!r}"
                    f", whose run has {name}={theirs.get(name)}, "
                    f"not {ours.get(name)}"
                )

    def _foreign(self) -> bool:
        """Whether there is something that no run of ours has left, or has begun."""
        own = {self.example_path.name, self._data_path.name}
        there = (
            (each.name for each in self.path.iterdir()) if self.path.exists() else ()
        )
        return any(name not in own and not name.startswith(".") for name in there)

    def claim(self, config: TrainingConfig, source: Source) -> None:
        """Makes the directory this run's, and clears what a killed one had begun."""
        self.path.mkdir(parents=True, exist_ok=True)
        for begun in self.path.glob(".*.????????"):
            begun.unlink()
        for begun in self.path.glob("checkpoints/*_temp"):
            shutil.rmtree(begun)
        data = {
            "spec": source.spec,
            "sizes": source.sizes,
            "class_names": source.class_names,
            "statistics": dataclasses.asdict(source.statistics),
        }
        if not self.example_path.is_file():
            for example in source.ordered(VALIDATION).take(1):
                files.write_bytes(self.example_path, _encoded(source, example["image"]))
        files.write_text(self._data_path, json.dumps(data, indent=2) + "\n")
        files.write_text(self.flags_path, config.as_flags())

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes of this machine from training in the directory.

        Raises:
            ValueError: If one does.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with open(self.path / _LOCK, "w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ValueError(
                    "model_dir must be no other process's; wait for it, or give "
                    f"another one. Received: {str(self.path)!r}, which one trains in"
                ) from error
            yield

    @property
    def result(self) -> dict[str, Any] | None:
        """What the run came to, or None as long as it is not finished."""
        if not self._result_path.is_file():
            return None
        return json.loads(self._result_path.read_text(encoding="utf-8"))

    def finish(self, result: dict[str, Any]) -> None:
        """Writes what the run came to: its last act."""
        files.write_text(self._result_path, json.dumps(result, indent=2) + "\n")

    def config(self) -> dict[str, str]:
        """The settings that the run was made with, as text by their names.

        A setting that is younger than the run had its default's effect.
        """
        defaults = parse(TrainingConfig().as_flags())
        return _making({**defaults, **settings(self.path)})

    def class_names(self) -> tuple[str, ...]:
        """Names of the classes that the run tells apart."""
        return tuple(self._data()["class_names"])

    def _data(self) -> dict[str, Any]:
        return json.loads(self._data_path.read_text(encoding="utf-8"))


def _encoded(source: Source, image: tf.Tensor) -> bytes:
    """A picture of a source as a file; records may hold bare pixels."""
    if source.encoding == "raw":
        side = source.size
        pixels = tf.reshape(tf.io.decode_raw(image, tf.uint8), [side, side, 3])
        image = tf.io.encode_jpeg(pixels, quality=95)
    return image.numpy()


def _making(settings: dict[str, str]) -> dict[str, str]:
    """The settings that make a run what it is."""
    return {name: value for name, value in settings.items() if name not in _FREE}
