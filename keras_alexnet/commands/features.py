"""`features`: the outputs of layers for many pictures, in an HDF5 file."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from rich.console import Console

from keras_alexnet.classifier import Classifier
from keras_alexnet.commands.data_options import SplitOptions
from keras_alexnet.commands.named_pictures import NamedPictures
from keras_alexnet.commands.opening import ModelOptions
from keras_alexnet.extraction import Pictures, PicturesOfFiles, write_features
from keras_alexnet.extraction.features_file import DTYPES
from keras_alexnet.live_line import PictureCount
from keras_alexnet.settings import setting
from keras_alexnet.terminal import new_console, say

_SHOWN = 3  # names of pictures in a message
_ALL = "all"
USAGE = "[PICTURE... (files, folders with all that is below, patterns)]"
WRITES = True
NEXT = (("retrieve build", "--model=MODEL", "--data=SPEC", "--index=DIR"),)


@dataclasses.dataclass(frozen=True)
class Config(SplitOptions, ModelOptions):
    """The flags of `features`; all other arguments are pictures."""

    layers: str = setting(
        "fc7", "Layers by name, with commas between them: conv1,pool5,fc7; or all."
    )
    out: str | None = setting(None, "The HDF5 file to write.", path=True)
    dtype: str = setting("float32", "Type of the values.", choices=DTYPES)
    batch_size: int = setting(32, "Pictures at a time.")

    def check(self) -> None:
        """Raises ValueError for values out of range, or that do not fit together."""
        super().check()
        self.at_least(1, "batch_size")
        self.require("out", bool(self.out), "the name of a file, as --out=features.h5")
        self.require("layers", all(self.named()), "names of layers, or all")

    def named(self) -> list[str]:
        """The layers as they were named."""
        return [each.strip() for each in self.layers.split(",")]


def main(config: Config, rest: list[str]) -> None:
    """Writes the file, continues it, or says that it is complete."""
    if config.data and rest:
        raise ValueError(
            "--data must not be given beside pictures; give one of them. Received: "
            f"--data={config.data}, {len(rest)} pictures"
        )
    console, errors = new_console(), new_console(stderr=True)
    named = NamedPictures(rest) if rest else None
    classifier = config.open()
    pictures: Pictures
    if named is None:
        pictures, notes = config.pictures(classifier.origin)
    else:
        pictures, notes = PicturesOfFiles(named.paths), named.skipped_lines()
    for line in notes:
        say(errors, f"features: {line}")
    with PictureCount(errors) as progress:
        written = write_features(
            classifier,
            pictures,
            str(config.out),
            _layers(config, classifier),
            dtype=config.dtype,
            batch_size=config.batch_size,
            watch=progress.update,
        )
    if written.resumed == len(pictures):
        say(console, f"{written.path} is complete: nothing to do")
    elif written.resumed:
        say(console, f"continued after {written.resumed:,} pictures")
    for name, shape in written.shapes.items():
        say(console, f"{name:8}  {'×'.join(map(str, shape))}  {config.dtype}")
    _say_unreadable(errors, written.unreadable, len(pictures))


def _layers(config: Config, classifier: Classifier) -> Sequence[str]:
    return classifier.layers if config.named() == [_ALL] else config.named()


def _say_unreadable(console: Console, names: tuple[str, ...], count: int) -> None:
    if names:
        more = ", …" if len(names) > _SHOWN else ""
        say(
            console,
            f"features: {len(names)} of {count} pictures cannot be read; their rows "
            f"are NaN, and valid is 0 ({', '.join(names[:_SHOWN])}{more})",
        )
