"""`export`: a SavedModel from a run, a `.keras` file or a weights file."""

from __future__ import annotations

import dataclasses

from keras_alexnet.commands.flags import option
from keras_alexnet.commands.opening import ModelOptions, open_model
from keras_alexnet.commands.running import no_arguments, sibling
from keras_alexnet.export import export_saved_model


@dataclasses.dataclass(frozen=True)
class Config(ModelOptions):
    """The flags of `export`."""

    export_dir: str = option("exports/alexnet", "Where the versions are written.")
    version: int | None = option(None, "The version; the next free one if not given.")
    top_k: int = option(5, "How many classes an answer names.")

    def __post_init__(self) -> None:
        if not self.export_dir:
            raise ValueError("export_dir must be a name. Received: export_dir=''")


def main(config: Config, rest: list[str]) -> None:
    """Writes the export and says where."""
    no_arguments(rest)
    opened = open_model(config)
    path = export_saved_model(
        opened.model,
        config.export_dir,
        class_names=opened.class_names,
        preprocessing=opened.preprocessing,
        top_k=config.top_k,
        version=config.version,
    )
    print(f"SavedModel  {path}\n\nnext:\n  {sibling('predict')} --model={path} PICTURE")
