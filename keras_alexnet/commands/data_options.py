"""The flags that name a data set to describe, and its pictures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from keras_alexnet import files
from keras_alexnet.commands.opening import ModelOptions
from keras_alexnet.data import open_source
from keras_alexnet.data.division import Division
from keras_alexnet.data.opening import GRAMMAR
from keras_alexnet.data.sources import TRAIN, VALIDATION
from keras_alexnet.extraction import PicturesOfData
from keras_alexnet.settings import setting
from keras_alexnet.weights import runs


@dataclasses.dataclass(frozen=True)
class DataOptions(ModelOptions):
    """The flags of a model and of the data whose pictures it describes."""

    data: str | None = setting(None, f"{GRAMMAR}.")
    split: str = setting(
        TRAIN,
        "Which of the data's pictures: train, validation, or as in evaluate --split.",
    )
    data_dir: str | None = setting(
        None, "Where tensorflow-datasets keeps its data.", path=True
    )
    manual_dir: str | None = setting(
        None, "Where tensorflow-datasets finds what was downloaded by hand.", path=True
    )
    val_share: float | None = setting(
        None,
        "How a folder is divided where no pictures are kept apart for validation; as "
        "the run was, or 0.2, by default.",
    )
    seed: int | None = setting(
        None, "Seed of that division; the run's, or 0, by default."
    )

    def check(self) -> None:
        """Raises ValueError for values that are out of range."""
        self.at_least(0, "seed")
        if self.val_share is not None:
            self.below_one("val_share")
        self.require("split", bool(self.split), "train, validation or another name")

    def pictures(self, origin: str) -> tuple[PicturesOfData, list[str]]:
        """The pictures that were named, and lines for people about the data.

        Args:
            origin: The model, by name or path: a folder is divided as its run did.

        Raises:
            ValueError: If they cannot be opened.
        """
        division = self._division(origin)
        training = self.split == TRAIN
        source = open_source(
            str(self.data),
            self.data_dir,
            self.manual_dir,
            check_pictures=False,
            split=None if training else self.split,
            training=training,
            val_share=division.val_share,
            seed=division.seed,
        )
        title = f"{self.data}, {self.split}"
        part = TRAIN if training else VALIDATION
        return PicturesOfData(source, part, title), source.notes

    def _division(self, origin: str) -> Division:
        run = runs.run_of(Path(files.expanded(origin)))
        known = (None if run is None else runs.division(run)) or Division()
        return Division(
            known.val_share if self.val_share is None else self.val_share,
            known.seed if self.seed is None else self.seed,
        )
