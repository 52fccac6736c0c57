"""`prepare`: every picture once in its final size, into sharded records."""

from __future__ import annotations

import dataclasses
import shlex
import time
from typing import Any

from rich.console import Console

from keras_alexnet.commands.flags import option
from keras_alexnet.commands.running import no_arguments, sibling
from keras_alexnet.data import open_source
from keras_alexnet.data.opening import GRAMMAR
from keras_alexnet.data.preparation import ENCODINGS, Settings, prepare
from keras_alexnet.data.record_files import Description
from keras_alexnet.data.sources import TRAIN, VALIDATION
from keras_alexnet.live_line import LiveLine, clock

WRITES = True
# The paper cuts 224 out of 256 (section 4.1); other sizes keep the proportion.
_CROP = 224 / 256


def _format() -> Any:
    metadata = {"help": "What is stored of each picture.", "choices": ENCODINGS}
    return dataclasses.field(default="jpeg", metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Config:
    """The flags of `prepare`."""

    data: str = option("shapes", f"{GRAMMAR}.")
    split: str | None = option(
        None,
        "Which pictures the validation records are made of, as in test; by default "
        "those for validation.",
    )
    out: str | None = option(None, "The directory to write to.", path=True)
    size: int = option(256, "Side of the stored squares, in pixels.")
    quality: int = option(95, "Quality of the JPEGs, 1 to 100.")
    format: str = _format()
    max_bad: int = option(100, "How many unreadable pictures may be skipped.")
    processes: int | None = option(
        None, "How many processes work; one for each core if not given."
    )
    data_dir: str | None = option(
        None, "Where tensorflow-datasets keeps its data.", path=True
    )
    manual_dir: str | None = option(
        None,
        "Where archives lie that tensorflow-datasets cannot fetch, as ImageNet's.",
        path=True,
    )

    def __post_init__(self) -> None:
        self.settings()
        if not self.out:
            raise ValueError(
                f"out must be a directory's name. Received: out={self.out}"
            )
        for name, least in (("max_bad", 0), ("processes", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(
                    f"{name} must be at least {least}. Received: {name}={value}"
                )

    def settings(self) -> Settings:
        """Those of the preparation; ValueError if one is out of range."""
        return Settings(self.size, self.quality, self.format)


def main(config: Config, rest: list[str]) -> None:
    """Prepares the data, or says that they are, and what to do with them."""
    no_arguments(rest)
    console = Console(highlight=False, soft_wrap=True, markup=False)
    source = open_source(
        config.data,
        config.data_dir,
        config.manual_dir,
        check_pictures=False,
        split=config.split,
    )
    out = str(config.out)
    with _Progress(console) as progress:
        description, fresh = prepare(
            source,
            out,
            config.settings(),
            processes=config.processes,
            max_bad=config.max_bad,
            watch=progress.update,
        )
    if not fresh:
        console.print(f"{out} holds these data, prepared: nothing to do")
    _tell(console, out, description)


def _tell(console: Console, out: str, description: Description) -> None:
    sizes, size = description.sizes, description.identity["size"]
    files = sum(map(len, description.shards.values()))
    console.print(
        f"{sizes[TRAIN]:,} training and {sizes[VALIDATION]:,} validation pictures of "
        f"{len(description.class_names)} classes, {size}×{size}, in {files} files\n"
        f"\n"
        f"records       {out}/*.tfrecord\n"
        f"description   {out}/dataset.json\n"
        f"mean picture  {out}/mean_picture.npy\n"
        f"skipped       {out}/skipped.csv ({description.skipped} pictures)"
    )
    arguments = [f"--data=records:{out}"]
    if round(size * _CROP) != 224:
        arguments.append(f"--image_size={round(size * _CROP)}")
    console.print(f"\nnext:\n  {sibling('train')} {shlex.join(arguments)}")


class _Progress(LiveLine):
    """Shows pictures, percent, pictures a second, and the time to go.

    Args:
        console: Where to show it.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._first: int | None = None
        self._began = time.monotonic()

    def update(self, done: int, total: int) -> None:
        """Shows that `done` of `total` pictures are finished."""
        now = time.monotonic()
        if self._first is None:  # An earlier call may have done these.
            self._first, self._began = done, now
        speed = (done - self._first) / max(now - self._began, 1e-9)
        text = f"{done:,}/{total:,} pictures {done / total:.0%}"
        if speed:
            text += f" {speed:.0f} pictures/s ETA {clock((total - done) / speed)}"
        self.show(text, done, total)
