"""`prepare`: writes every picture once, in its final size, to sharded records."""

from __future__ import annotations

import dataclasses

from rich.console import Console

from keras_alexnet.commands.running import no_arguments, show_next
from keras_alexnet.data import open_source, preparation
from keras_alexnet.data.division import VAL_SHARE
from keras_alexnet.data.opening import GRAMMAR
from keras_alexnet.data.record_files import Description
from keras_alexnet.data.sources import TRAIN, VALIDATION
from keras_alexnet.live_line import PictureCount
from keras_alexnet.settings import Settings, setting
from keras_alexnet.terminal import new_console, say

WRITES = True
NEXT = (("train", "--data=records:DIR", "--model_dir=RUN"),)
# The paper cuts 224 out of 256 (section 4.1); other sizes keep the proportion.
_CROP = 224 / 256


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """The flags of `prepare`."""

    data: str | None = setting(None, f"{GRAMMAR}.")
    split: str | None = setting(
        None,
        "Which pictures the validation records are made of, as in test; by default "
        "those for validation.",
    )
    val_share: float = setting(
        VAL_SHARE,
        "Which part of each class validates, in a folder where no pictures are kept "
        "apart for that; 0 to prepare none for validation.",
    )
    seed: int = setting(0, "Seed of that division.")
    out: str | None = setting(None, "The directory to write to.", path=True)
    size: int = setting(256, "Side of the stored squares, in pixels.")
    quality: int = setting(95, "Quality of the JPEGs, 1 to 100.")
    format: str = setting(
        "jpeg", "What is stored of each picture.", choices=preparation.ENCODINGS
    )
    max_bad: int = setting(100, "How many unreadable pictures may be skipped.")
    processes: int | None = setting(
        None, "How many processes to use; one for each core if not given."
    )
    data_dir: str | None = setting(
        None, "Where tensorflow-datasets keeps its data.", path=True
    )
    manual_dir: str | None = setting(
        None,
        "Directory of archives that tensorflow-datasets cannot fetch, as ImageNet's.",
        path=True,
    )

    def check(self) -> None:
        """Raises ValueError for values that are out of range."""
        self.settings()
        self.require("data", bool(self.data), f"{GRAMMAR}")
        self.require("out", bool(self.out), "a directory, as --out=DIR")
        self.at_least(0, "max_bad", "seed")
        self.below_one("val_share")
        self.at_least(1, "processes")

    def settings(self) -> preparation.Settings:
        """Those of the preparation; ValueError if one is out of range."""
        return preparation.Settings(self.size, self.quality, self.format)


def main(config: Config, rest: list[str]) -> None:
    """Prepares the data, unless they are, and prints what to do with them."""
    no_arguments(rest)
    console = new_console()
    source = open_source(
        str(config.data),
        config.data_dir,
        config.manual_dir,
        check_pictures=False,
        split=config.split,
        val_share=config.val_share,
        seed=config.seed,
    )
    for line in source.notes:
        say(console, line)
    out = str(config.out)
    with PictureCount(console) as progress:
        description, fresh = preparation.prepare(
            source,
            out,
            config.settings(),
            processes=config.processes,
            max_bad=config.max_bad,
            watch=progress.update,
        )
    if not fresh:
        say(console, f"{out} holds these data, prepared: nothing to do")
    _report(console, out, description)


def _report(console: Console, out: str, description: Description) -> None:
    sizes, size = description.sizes, description.identity["size"]
    files = sum(map(len, description.shards.values()))
    say(
        console,
        f"{sizes[TRAIN]:,} training and {sizes[VALIDATION]:,} validation pictures of "
        f"{len(description.class_names)} classes, {size}×{size}, in {files} files\n"
        f"\n"
        f"records       {out}/*.tfrecord\n"
        f"description   {out}/dataset.json\n"
        f"mean picture  {out}/mean_picture.npy\n"
        f"skipped       {out}/skipped.csv ({description.skipped} pictures)",
    )
    arguments = [f"--data=records:{out}"]
    if not sizes[VALIDATION]:
        arguments.append("--val_share=0")
    if round(size * _CROP) != 224:
        arguments.append(f"--image_size={round(size * _CROP)}")
    show_next(console, [("train", *arguments)])
