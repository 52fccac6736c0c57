"""The flags that name a model, the same in every command, and the model they name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from keras_alexnet import files
from keras_alexnet.classifier import Classifier
from keras_alexnet.settings import Settings, setting
from keras_alexnet.weights import published

MODEL = (
    "A run, RUN/best for its best epoch, an export, a .keras file, a weights file "
    "(.weights.h5, .caffemodel, .npy, .pth) or published weights by name "
    f"({', '.join(published.names())})."
)


@dataclasses.dataclass(frozen=True)
class OpeningOptions(Settings):
    """The flags that say how a model is opened; `--model` is each command's own."""

    model_dir: str | None = setting(None, "A run: the same as --model=RUN.", path=True)
    variant: str | None = setting(
        None, "Variant of a .keras or a weights file that may be of several."
    )
    image_size: int | None = setting(
        None, "Side of the input, for a weights file; the variant's own by default."
    )
    class_names: str | None = setting(
        None,
        "File with a class name a line; ImageNet's for 1000 classes by default.",
        path=True,
    )
    preprocessing: str | None = setting(
        None,
        "What the pictures go through: as a variant's, as published weights' by name, "
        "or as a run's; what belongs to the model by default.",
    )

    def opened(self, model: str | None) -> Classifier:
        """Opens `model`, or the run of `--model_dir`.

        Raises:
            ValueError: If neither or both are given, or it is not a model.
        """
        given = [each for each in (model, self.model_dir) if each is not None]
        if len(given) != 1 or not given[0]:
            raise ValueError(
                "exactly one of --model and --model_dir must be given. "
                f"Received: --model={model}, --model_dir={self.model_dir}"
            )
        return Classifier(
            given[0],
            class_names=_read_names(self.class_names),
            variant=self.variant,
            image_size=self.image_size,
            preprocessing=self.preprocessing,
        )


@dataclasses.dataclass(frozen=True)
class ModelOptions(OpeningOptions):
    """The flags that name one model."""

    model: str | None = setting(None, MODEL, path=True)

    def open(self) -> Classifier:
        """Opens the model that was named; ValueError as `opened` raises it."""
        return self.opened(self.model)


def _read_names(path: str | None) -> tuple[str, ...] | None:
    if path is None:
        return None
    return tuple(files.read_text(Path(path)).splitlines())
