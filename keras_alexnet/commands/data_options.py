"""The flags that name the data of a model, the same in every command."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from keras_alexnet.data import Source
from keras_alexnet.data.opening import GRAMMAR
from keras_alexnet.data.sources import TRAIN, VALIDATION
from keras_alexnet.extraction import PicturesOfData
from keras_alexnet.model_data import open_model_data
from keras_alexnet.settings import Settings, setting


@dataclasses.dataclass(frozen=True)
class NamedData(Settings):
    """The flags that say which data to open."""

    data: str | None = setting(None, f"{GRAMMAR}; a run's own by default.")
    data_dir: str | None = setting(
        None, "Where tensorflow-datasets keeps its data.", path=True
    )
    manual_dir: str | None = setting(
        None, "Where tensorflow-datasets finds what was downloaded by hand.", path=True
    )

    def check(self) -> None:
        """Raises ValueError for values that are out of range."""
        self.require("data", self.data != "", "a name, not empty")


@dataclasses.dataclass(frozen=True)
class DataOptions(NamedData):
    """The flags that say which data to open, and how a folder is divided."""

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
        super().check()
        self.at_least(0, "seed")
        if self.val_share is not None:
            self.below_one("val_share")

    def open_data(
        self,
        models: Sequence[str],
        split: str | None = None,
        training: bool = True,
        check_pictures: bool = True,
    ) -> Source:
        """The data that were named, or those of the models; as `open_model_data`."""
        return open_model_data(
            models,
            self.data,
            self.data_dir,
            self.manual_dir,
            split=split,
            training=training,
            check_pictures=check_pictures,
            val_share=self.val_share,
            seed=self.seed,
        )


@dataclasses.dataclass(frozen=True)
class SplitOptions(DataOptions):
    """The flags that name pictures of the data, to describe each of them."""

    split: str = setting(
        TRAIN,
        "Which of the data's pictures: train, validation, or as in evaluate --split.",
    )

    def check(self) -> None:
        """Raises ValueError for values that are out of range."""
        super().check()
        self.require("split", bool(self.split), "train, validation or another name")

    def pictures(self, model: str) -> tuple[PicturesOfData, list[str]]:
        """The pictures that were named, and lines for people about the data.

        Args:
            model: The model, by name or path.

        Raises:
            ValueError: If they cannot be opened.
        """
        training = self.split == TRAIN
        source = self.open_data(
            [model],
            split=None if training else self.split,
            training=training,
            check_pictures=False,
        )
        title = f"{source.spec}, {self.split}"
        part = TRAIN if training else VALIDATION
        notes = list(source.notes)
        if training and source.division is not None:
            notes.append(
                f"{source.sizes[TRAIN]:,} training pictures; all with --split=all"
            )
        return PicturesOfData(source, part, title), notes
