"""The flags that name a model, the same in every command, and the model they name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from keras_alexnet import files
from keras_alexnet.classifier import Classifier
from keras_alexnet.reasons import must_be
from keras_alexnet.settings import Settings, setting
from keras_alexnet.weights import published
from keras_alexnet.weights.recipes import SUFFIXES

_MODEL = (
    "A run, RUN/best for its best epoch,{} a .keras file, a weights file "
    f"({', '.join(SUFFIXES)}), hf://OWNER/REPOSITORY/FILE or published weights by name "
    f"({', '.join(published.names())})."
)
MODEL, NO_EXPORT = _MODEL.format(" an export,"), _MODEL.format("")


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
        if not given:
            raise ValueError(
                "--model is missing: it must be a run, a file of weights or published "
                f"weights by name, as --model=RUN or --model={published.names()[0]}"
            )
        if len(given) > 1:
            raise ValueError(
                "only one of --model and --model_dir must be given, which mean the "
                f"same. Received: --model={model}, --model_dir={self.model_dir}"
            )
        if not given[0]:
            raise must_be("--model", "a name or a path, not empty", "")
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
    return tuple(files.read_given_text(Path(path)).splitlines())
