"""The directory of a run: what it contains, and which run it belongs to."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import filelock
import tensorflow as tf

from keras_alexnet import architectures, files
from keras_alexnet.architectures import Architecture
from keras_alexnet.data import Source
from keras_alexnet.data.sources import TRAIN, VALIDATION
from keras_alexnet.evaluation import Confusion
from keras_alexnet.reasons import outside, shown
from keras_alexnet.recipe import Recipe
from keras_alexnet.settings import from_texts
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.course import Course
from keras_alexnet.training.run_settings import defining_settings
from keras_alexnet.weights import runs
from keras_alexnet.weights.checkpoint_files import (
    step_of,
    written_checkpoints,
    written_weights,
)


class RunDirectory:
    """The directory that a run writes to.

    `config.flags` holds its settings, `data.json` its classes, their colours, which
    pictures they are and the version of their order (written once, when the run
    begins), `recipe.json` what
    pictures go through, `metrics.csv` a line for each epoch, `result.json` the scores
    at the end, `confusion.csv` which classes were taken for which, the pictures of
    `runs.PICTURES` these numbers and the first kernels, `checkpoints/` its state,
    `events/` what TensorBoard shows, `example.jpg` the first validation picture, to try
    `predict` on, and `course.json` how many epochs it had before it was given others.
    (Without validation pictures the example is the first to train on, and the scores
    are null.)

    Args:
        path: The directory; it need not exist.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.metrics_path = self.path / runs.METRICS
        self.events_path = self.path / runs.EVENTS
        self.flags_path = self.path / runs.SETTINGS
        self.example_path = self.path / runs.EXAMPLE
        self._result_path = self.path / runs.RESULT

    def check(
        self, config: TrainingConfig, architecture: Architecture | None = None
    ) -> None:
        """Raises ValueError unless the directory is this run's, or free.

        Args:
            config: The run's settings.
            architecture: The record to train, if it is none of the variants.
        """
        files.check_directory("model_dir", self.path)
        if not runs.is_run(self.path):
            if self._foreign():
                raise ValueError(
                    "model_dir must be new, empty, or hold this run. "
                    f"Received: {str(self.path)!r}, which holds something else"
                )
            return
        theirs, ours = defining_settings(self.path, config)
        if runs.data(self.path)[runs.FINGERPRINT] is None:  # of an older version
            theirs["data"] = runs.settings(self.path)["data"]
            ours["data"] = config.data
        for name in sorted(theirs.keys() | ours.keys()):
            if theirs.get(name) != ours.get(name):
                raise ValueError(
                    "model_dir must hold a run of the same configuration; leave out "
                    f"--{outside(name)} to continue this run, or {self._elsewhere}. "
                    f"Received: {str(self.path)!r}, whose run has {outside(name)}="
                    f"{outside(theirs.get(name))}, not {ours.get(name)}"
                )
        own = runs.has_own_architecture(self.path)
        if architecture != (runs.architecture(self.path) if own else None):
            raise ValueError(
                "model_dir must hold a run of the same architecture; give the same "
                f"one, or {self._elsewhere}. Received: {str(self.path)!r}, which "
                f"trains {'a record of its own' if own else 'a variant'}, "
                f"{runs.architecture(self.path).name!r}"
            )
        if config.epochs != self.epochs:
            self._check_epochs(config)

    @property
    def begun(self) -> bool:
        """Whether the directory holds a run."""
        return runs.is_run(self.path)

    @property
    def _elsewhere(self) -> str:
        return (
            f"begin a new one with its weights: --init_from={self.path} and another "
            "--model_dir"
        )

    def _check_epochs(self, config: TrainingConfig) -> None:
        """Raises ValueError unless the run can have this other number of epochs."""
        result, newest = self.result or {}, self.newest_step()
        if result and not newest:
            raise ValueError(
                "a run that has ended must have its checkpoints; restore them, or give "
                f"another --model_dir. Received: {str(self.path)!r}, which has none"
            )
        steps = max(newest, result.get("steps") or 0)
        pictures = runs.data(self.path)["sizes"][TRAIN]
        one_pass = math.ceil(pictures / config.batch_size)
        begun = math.ceil(steps / (config.steps_per_epoch or one_pass))
        if config.epochs < begun:
            raise ValueError(
                f"epochs must be at least {begun}, which the run has begun; give more, "
                f"or {self._elsewhere}. Received: epochs={config.epochs}, "
                f"model_dir={str(self.path)!r}"
            )

    def newest_step(self) -> int:
        """The step after which the run would be resumed; 0 without a checkpoint."""
        directory = self.path / runs.CHECKPOINTS
        written = written_checkpoints(directory) or written_weights(directory)
        return step_of(written[-1]) if written else 0

    def course(self, epochs: int) -> Course:
        """The course of the run with this number of epochs from now on."""
        if not runs.is_run(self.path):
            return Course(epochs)
        course = Course.read(self.path / runs.COURSE, self.epochs)
        return course.continued(epochs, self.newest_step())

    @property
    def epochs(self) -> int:
        """How many epochs the run has, or had before it is given others."""
        held = from_texts(TrainingConfig, runs.settings(self.path))
        return held.get("epochs", TrainingConfig.epochs)

    def _foreign(self) -> bool:
        """Whether there is anything that a run of ours does not begin with."""
        own = {runs.EXAMPLE, runs.DATA, runs.RECIPE, runs.ARCHITECTURE}
        there = self.path.iterdir() if self.path.exists() else ()
        names = [each.name for each in there]
        return any(name not in own and not name.startswith(".") for name in names)

    def check_data(self, source: Source) -> None:
        """Raises ValueError unless these are the data that the run began with."""
        if not runs.is_run(self.path):
            return
        changed = _changed(runs.data(self.path), _described(source))
        if changed is not None:
            raise ValueError(
                "data must be those that the run began with; restore them, or "
                f"give another --model_dir. Received: data={source.spec!r}, where "
                f"{changed}, with model_dir={str(self.path)!r}"
            )

    def keep_order(self, source: Source) -> None:
        """Lets data have the order that the run began with; new runs have theirs."""
        if runs.is_run(self.path):
            source.order = runs.order(self.path)

    def claim(
        self,
        config: TrainingConfig,
        source: Source,
        recipe: Recipe,
        architecture: Architecture | None = None,
        course: Course | None = None,
    ) -> None:
        """Makes the directory this run's, and removes what a killed run left.

        Args:
            config: The run's settings.
            source: Its data.
            recipe: What its pictures go through.
            architecture: The record to train, if it is none of the variants.
            course: How many epochs it has, and had before.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        files.remove_leftovers(self.path)
        for begun in self.path.glob(f"{runs.CHECKPOINTS}/*_temp"):
            shutil.rmtree(begun)
        if not self.example_path.is_file():
            shown = VALIDATION if source.validates else TRAIN
            for example in source.ordered(shown).take(1):
                files.write_bytes(self.example_path, _encoded(source, example["image"]))
        self._claim_data(source)
        text = json.dumps(recipe.as_dict(), indent=2)
        files.write_text(self.path / runs.RECIPE, text + "\n")
        if architecture is not None:
            text = architectures.to_json(architecture)
            files.write_text(self.path / runs.ARCHITECTURE, text)
        self._claim_course(course or Course(config.epochs))
        files.write_text(self.flags_path, config.as_flags())

    def _claim_course(self, course: Course) -> None:
        """Records what the run was before it was given other epochs.

        It comes before the settings: a run that is killed between the two still has
        its former length, and without a result it ends again.
        """
        if course.before:
            course.write(self.path / runs.COURSE)
        # A run that has ended is longer now: it has no result yet.
        if self._result_path.is_file():
            former = f"result_{course.epochs_at(course.since)}_epochs.json"
            self._result_path.rename(self.path / former)

    def _claim_data(self, source: Source) -> None:
        """Records which data these are, unless the run has done so before."""
        described = _described(source)
        if runs.is_run(self.path):
            theirs = runs.data(self.path)
            if theirs[runs.FINGERPRINT] is not None:
                return
            described = {**theirs, runs.FINGERPRINT: described[runs.FINGERPRINT]}
        files.write_text(self.path / runs.DATA, json.dumps(described, indent=2) + "\n")

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes of this machine from training in the directory.

        The system releases the lock when the process ends, however it ends.

        Raises:
            ValueError: If another process is training there.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        # Several people may resume a run; the default of older filelocks is 0o644.
        mode = files.new_file_mode()
        lock = filelock.FileLock(self.path / runs.LOCK, timeout=0, mode=mode)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise ValueError(
                "model_dir must be no other process's; wait for it, or give "
                f"another one. Received: {str(self.path)!r}, which one trains in"
            ) from error
        except NotImplementedError as error:  # newer versions of filelock find a way
            raise ValueError(
                "model_dir must be on a file system that has locks; give another one, "
                f"or upgrade filelock. Received: {str(self.path)!r}"
            ) from error
        try:
            yield
        finally:
            lock.release()

    @property
    def result(self) -> dict[str, Any] | None:
        """The content of `result.json`, or None as long as the run is not finished."""
        return runs.result(self.path) if self._result_path.is_file() else None

    def finish(self, result: dict[str, Any]) -> None:
        """Writes `result.json`, after which only pictures are drawn."""
        files.write_text(self._result_path, json.dumps(result, indent=2) + "\n")

    def write_confusion(self, confusion: Confusion, class_names: Sequence[str]) -> None:
        """Writes `confusion.csv`: which classes were taken for which."""
        text = confusion.as_csv(class_names)
        files.write_text(self.path / runs.CONFUSION, text)


def _described(source: Source) -> dict[str, Any]:
    """The description of a data set in `data.json`."""
    return {
        "spec": source.spec,
        "sizes": source.sizes,
        "class_names": list(source.class_names),
        "statistics": dataclasses.asdict(source.statistics),
        runs.DIVISION: source.division and source.division.as_dict(),
        runs.ORDER: source.order,
        runs.FINGERPRINT: source.fingerprint(),
    }


def _changed(theirs: dict[str, Any], ours: dict[str, Any]) -> str | None:
    """How one data set differs from the other, in words; None if it does not."""
    before, now = theirs["class_names"], ours["class_names"]
    if before != now:
        gone = [name for name in before if name not in now]
        new = [name for name in now if name not in before]
        words = [
            f"{what} {shown(names)}"
            for what, names in (("gone", gone), ("new", new))
            if names
        ]
        if not gone and not new:
            return f"the classes have another order: {shown(now)}, not {shown(before)}"
        return f"the classes are others: {', '.join(words)}"
    for split, size in ours["sizes"].items():
        if theirs["sizes"].get(split) != size:
            return f"{split} has {size} pictures, not {theirs['sizes'].get(split)}"
    if theirs[runs.FINGERPRINT] not in (None, ours[runs.FINGERPRINT]):
        return "there are as many pictures, but other ones"
    return None


def _encoded(source: Source, image: tf.Tensor) -> bytes:
    """A picture of a source as a file; records may hold bare pixels."""
    if source.encoding == "raw":
        side = source.size
        pixels = tf.reshape(tf.io.decode_raw(image, tf.uint8), [side, side, 3])
        image = tf.io.encode_jpeg(pixels, quality=95)
    return image.numpy()
