"""`export`: a network in the form that a server, a phone or another program reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from keras_alexnet.classifier import Classifier
from keras_alexnet.commands.data_options import DataOptions
from keras_alexnet.commands.opening import ModelOptions
from keras_alexnet.commands.running import no_arguments, show_next
from keras_alexnet.evaluation.judging import output_names
from keras_alexnet.export import (
    check_saved_model,
    export_keras,
    export_onnx,
    export_openvino,
    export_safetensors,
    export_saved_model,
    export_tflite,
)
from keras_alexnet.export.comparing import (
    BATCHES,
    accuracy_kept,
    check_difference,
    difference,
)
from keras_alexnet.export.lite import CALIBRATION_PICTURES
from keras_alexnet.export.lite import PRECISIONS as LITE_PRECISIONS
from keras_alexnet.export.onnx_file import INPUTS
from keras_alexnet.export.precision import PRECISIONS
from keras_alexnet.export.runtimes import opened as opened_file
from keras_alexnet.live_line import PictureCount
from keras_alexnet.settings import setting
from keras_alexnet.terminal import new_console, say

WRITES = True
NEXT = (
    ("predict", "--model=DIR", "PICTURE..."),
    ("evaluate", "--model=DIR", "--data=SPEC"),
)

# Where each form is written, unless that is given.
_DIRECTORIES = {"saved_model": "exports/alexnet", "openvino": "exports/openvino"}
_FILES = {
    "tflite": "exports/alexnet.tflite",
    "onnx": "exports/alexnet.onnx",
    "safetensors": "exports/alexnet.safetensors",
    "keras": "exports/alexnet.keras",
}
FORMATS = ("saved_model", "tflite", "onnx", "openvino", "safetensors", "keras")
# The formats that a setting is for; the others refuse it.
_OF = {
    "export_dir": (*_DIRECTORIES,),
    "version": (*_DIRECTORIES,),
    "out": (*_FILES,),
    "top_k": ("saved_model",),
    "views": ("saved_model",),
    "warmup": ("saved_model",),
    "tflite": ("saved_model",),
    "precision": ("saved_model", "tflite"),
    "inputs": ("onnx", "openvino"),
    "calibrate": ("tflite",),
}
Lines = Iterator[tuple[str, Any]]


@dataclasses.dataclass(frozen=True)
class Config(ModelOptions, DataOptions):
    """The flags of `export`."""

    format: str = setting("saved_model", "What to write.", choices=FORMATS)
    export_dir: str | None = setting(
        None,
        "Where the versions are written, of saved_model and openvino; exports/alexnet "
        "and exports/openvino by default.",
        path=True,
    )
    out: str | None = setting(
        None,
        "The file that is written, of the other formats; exports/alexnet.onnx and so "
        "on by default.",
        path=True,
    )
    version: int | None = setting(None, "The version; the next free one if not given.")
    top_k: int = setting(5, "How many classes an answer names.")
    views: int = setting(1, "1, the centre, or 10, the mean over the ten views.")
    precision: str = setting(
        "float32", "What kernels are stored in.", choices=PRECISIONS
    )
    warmup: bool = setting(True, "Write requests for a server's warm-up.")
    tflite: str | None = setting(None, "A TFLite file to write as well.", path=True)
    inputs: str = setting(
        "pictures",
        "What an ONNX or OpenVINO network takes: pictures, RGB in uint8 and channels "
        "last, or prepared, what the model takes but channels first.",
        choices=INPUTS,
    )
    calibrate: bool = setting(
        False,
        "Compute the layers of an int8 TFLite file in int8 too, with ranges by "
        f"{CALIBRATION_PICTURES} training pictures of --data, and show what that "
        "costs on validation pictures.",
    )

    def check(self) -> None:
        """Raises ValueError for settings that do not fit together."""
        super().check()
        self.require("export_dir", self.export_dir != "", "a name, not empty")
        self.require("out", self.out != "", "a file's name, not empty")
        self.require("tflite", self.tflite != "", "a file's name, not empty")
        defaults = {each.name: each.default for each in dataclasses.fields(Config)}
        for name, formats in _OF.items():
            fits = self.format in formats or getattr(self, name) == defaults[name]
            self.require(name, fits, f"left out with --format={self.format}")
        no_lite = self.format != "tflite" and self.tflite is None
        expected = f"one of {LITE_PRECISIONS} for a TFLite file"
        fits = no_lite or self.precision in LITE_PRECISIONS
        self.require("precision", fits, expected)
        fits = not self.calibrate or self.precision == "int8"
        self.require("precision", fits, "int8 with --calibrate")
        for name in ("data", "data_dir", "manual_dir", "val_share", "seed"):
            fits = self.calibrate or getattr(self, name) is None
            self.require(name, fits, "left out without --calibrate")

    @property
    def target(self) -> str:
        """The directory of the versions, or the file."""
        given = self.export_dir if self.format in _DIRECTORIES else self.out
        return given or {**_DIRECTORIES, **_FILES}[self.format]


def main(config: Config, rest: list[str]) -> None:
    """Writes the export, checks it, and prints its path."""
    no_arguments(rest)
    opened = config.open()
    if opened.recipe is None or opened.is_export:
        raise ValueError(
            "the model to export must be a Keras model. Received: "
            f"{opened.origin!r}, an export"
        )
    lines = [*_WRITERS[config.format](config, opened)]
    console = new_console()
    if opened.taken:
        say(console, f"weights     {opened.taken}")
    for label, text in lines:
        say(console, f"{label:<12}{text}")
    if config.format in ("saved_model", "safetensors", "keras"):
        show_next(console, [("predict", f"--model={lines[0][1]}", "PICTURE")])


def _saved_model(config: Config, opened: Classifier) -> Lines:
    path = export_saved_model(
        opened.model,
        config.target,
        **_described(opened),
        top_k=config.top_k,
        version=config.version,
        warmup=config.warmup,
        views=config.views,
        precision=config.precision,
    )
    yield "SavedModel", path
    found = str(check_saved_model(path, opened.model))
    yield "checked", found.replace("; ", f"\n{12 * ' '}")
    if config.tflite is not None:
        yield from _lite(config, opened, config.tflite)


def _tflite(config: Config, opened: Classifier) -> Lines:
    return _lite(config, opened, config.target)


def _lite(config: Config, opened: Classifier, file: str) -> Lines:
    source = config.open_data([opened.origin]) if config.calibrate else None
    if source is not None:
        source.check_validates()
    path = export_tflite(
        opened.model,
        file,
        **_described(opened),
        precision=config.precision,
        calibration=source,
    )
    yield "TFLite", path
    if source is None:
        yield from _compared(config, opened, path)
        return
    assert opened.recipe is not None
    runtime = opened_file(path)
    outputs = output_names(opened.class_names, opened.named, source)
    with PictureCount(new_console(stderr=True)) as progress:
        kept = accuracy_kept(
            runtime, opened.model, opened.recipe, source, outputs, progress.update
        )
    yield "calibrated", f"with training pictures of {source.spec}"
    yield "checked", f"{kept}, by {runtime.name}"


def _onnx(config: Config, opened: Classifier) -> Lines:
    path = export_onnx(
        opened.model, config.target, **_described(opened), inputs=config.inputs
    )
    yield "ONNX", path
    yield from _compared(config, opened, path)


def _openvino(config: Config, opened: Classifier) -> Lines:
    path = export_openvino(
        opened.model,
        config.target,
        **_described(opened),
        inputs=config.inputs,
        version=config.version,
    )
    yield "OpenVINO", path
    yield from _compared(config, opened, path)


def _safetensors(config: Config, opened: Classifier) -> Lines:
    yield "safetensors", export_safetensors(opened.model, config.target)


def _keras(config: Config, opened: Classifier) -> Lines:
    yield "Keras", export_keras(opened.model, config.target)


def _described(opened: Classifier) -> dict[str, Any]:
    return {"class_names": opened.class_names, "preprocessing": opened.recipe}


def _compared(config: Config, opened: Classifier, path: Path) -> Lines:
    """The difference from the model, as its own runtime computes it."""
    try:
        runtime = opened_file(path)
    except ValueError as error:  # it is not installed
        yield "not run", error
        return
    assert opened.recipe is not None
    found = difference(runtime, opened.model, opened.recipe)
    if config.precision != "int8":  # TFLite rounds what layers read, too
        check_difference(found, config.precision, opened.model)
    batches = " and ".join(map(str, BATCHES))
    yield (
        "checked",
        f"within {found:.1g} of the model, for {batches} pictures, by {runtime.name}",
    )


_WRITERS: dict[str, Callable[[Config, Classifier], Lines]] = {
    "saved_model": _saved_model,
    "tflite": _tflite,
    "onnx": _onnx,
    "openvino": _openvino,
    "safetensors": _safetensors,
    "keras": _keras,
}
