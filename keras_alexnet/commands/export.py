"""`export`: a SavedModel for a server, and a TFLite file if one is asked for."""

from __future__ import annotations

import dataclasses

from keras_alexnet.classifier import Classifier
from keras_alexnet.commands.opening import ModelOptions
from keras_alexnet.commands.running import no_arguments, show_next
from keras_alexnet.export import check_saved_model, export_saved_model, export_tflite
from keras_alexnet.export.lite import PRECISIONS as LITE_PRECISIONS
from keras_alexnet.export.precision import PRECISIONS
from keras_alexnet.settings import setting
from keras_alexnet.terminal import new_console, say

WRITES = True
NEXT = (
    ("predict", "--model=DIR", "PICTURE..."),
    ("evaluate", "--model=DIR", "--data=SPEC"),
)


@dataclasses.dataclass(frozen=True)
class Config(ModelOptions):
    """The flags of `export`."""

    export_dir: str = setting(
        "exports/alexnet", "Where the versions are written.", path=True
    )
    version: int | None = setting(None, "The version; the next free one if not given.")
    top_k: int = setting(5, "How many classes an answer names.")
    views: int = setting(1, "1, the centre, or 10, the mean over the ten views.")
    precision: str = setting(
        "float32", "What kernels are stored in.", choices=PRECISIONS
    )
    warmup: bool = setting(True, "Write requests for a server's warm-up.")
    tflite: str | None = setting(None, "A TFLite file to write as well.", path=True)

    def check(self) -> None:
        """Raises ValueError for settings that do not fit together."""
        self.require("export_dir", self.export_dir != "", "a name, not empty")
        self.require("tflite", self.tflite != "", "a file's name, not empty")
        lite = self.tflite is None or self.precision in LITE_PRECISIONS
        expected = f"one of {LITE_PRECISIONS} for a TFLite file"
        self.require("precision", lite, expected)


def main(config: Config, rest: list[str]) -> None:
    """Writes the export, checks it, and prints its path."""
    no_arguments(rest)
    opened = config.open()
    if opened.recipe is None or opened.is_export:
        raise ValueError(
            "the model to export must be a Keras model. Received: "
            f"{opened.origin!r}, an export"
        )
    path = export_saved_model(
        opened.model,
        config.export_dir,
        class_names=opened.class_names,
        preprocessing=opened.recipe,
        top_k=config.top_k,
        version=config.version,
        warmup=config.warmup,
        views=config.views,
        precision=config.precision,
    )
    found = str(check_saved_model(path, opened.model)).replace("; ", f"\n{12 * ' '}")
    console = new_console()
    if opened.taken:
        say(console, f"weights     {opened.taken}")
    say(console, f"SavedModel  {path}\nchecked     {found}")
    if config.tflite is not None:
        say(console, f"TFLite      {_write_tflite(config, opened)}")
    show_next(console, [("predict", f"--model={path}", "PICTURE")])


def _write_tflite(config: Config, opened: Classifier) -> str:
    assert config.tflite is not None
    assert opened.recipe is not None
    path = export_tflite(
        opened.model,
        config.tflite,
        class_names=opened.class_names,
        preprocessing=opened.recipe,
        precision=config.precision,
    )
    return str(path)
