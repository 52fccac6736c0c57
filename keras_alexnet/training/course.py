"""How many epochs a run has, and had before it was given others.

With the schedule `cosine` the rate of a step depends on the length of the run. Steps
that are done keep the rate that they had, even if they have to be repeated.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import zlib
from pathlib import Path
from typing import Annotated

from keras_alexnet import files, json_schema
from keras_alexnet.json_schema import COUNT, Within


@dataclasses.dataclass(frozen=True)
class Stretch:
    """Steps for which a run had another length.

    Args:
        epochs: How many epochs it had then.
        last_step: The last of these steps.
    """

    epochs: Annotated[int, Within(1, 2**31)]
    last_step: COUNT


@dataclasses.dataclass(frozen=True)
class Course:
    """The number of epochs of a run, and those that it had before.

    Args:
        epochs: How many it has now.
        before: The stretches before that, in the order of their steps.

    Example:

    >>> course = Course(14).continued(epochs=30, step=140)
    >>> course.epochs_at(140), course.epochs_at(141), course.begun_with
    (14, 30, 14)
    """

    epochs: int
    before: tuple[Stretch, ...] = ()

    def epochs_at(self, step: int) -> int:
        """The length of the run that the rate of a step is for."""
        for stretch in self.before:
            if step <= stretch.last_step:
                return stretch.epochs
        return self.epochs

    @property
    def begun_with(self) -> int:
        """The length that the run began with.

        What is over after the first steps, as a warm-up, is measured by it.
        """
        return self.epochs_at(1)

    @property
    def since(self) -> int:
        """After which step the run has its present length; 0 from the beginning."""
        return self.before[-1].last_step if self.before else 0

    def continued(self, epochs: int, step: int) -> Course:
        """The course with another number of epochs after a step.

        Args:
            epochs: The number of epochs from then on.
            step: How many steps are done.
        """
        if epochs == self.epochs:
            return self
        if step == 0:
            return Course(epochs)
        kept = tuple(each for each in self.before if each.last_step < step)
        return Course(epochs, (*kept, Stretch(self.epochs_at(step), step)))

    @property
    def checksum(self) -> int:
        """A number that differs for other courses."""
        return zlib.crc32(repr(self).encode())

    def write(self, path: Path) -> None:
        """Writes the stretches before the present one as JSON."""
        before = [dataclasses.asdict(stretch) for stretch in self.before]
        files.write_text(path, json.dumps({"before": before}, indent=2) + "\n")

    @classmethod
    def read(cls, path: Path, epochs: int) -> Course:
        """The course of a run of this many epochs; `path` need not exist.

        Raises:
            ValueError: If the file is damaged.
        """
        if not path.is_file():
            return cls(epochs)
        held = files.read_json(path, before=list)["before"]
        fault = json_schema.fault(held, list[Stretch], "before")
        steps = [0] if fault else [0, *(each["last_step"] for each in held)]
        if any(later <= earlier for earlier, later in itertools.pairwise(steps)):
            fault = "its steps do not grow"
        if fault is not None:
            raise ValueError(
                "course.json of a run must be as train wrote it; restore the file. "
                f"Received: {str(path)!r} ({fault})"
            )
        return cls(epochs, tuple(Stretch(**each) for each in held))
