"""The flags that name a model, the same in every command, and the model they name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from keras_alexnet import files
from keras_alexnet.classifier import Classifier
from keras_alexnet.commands.flags import option
from keras_alexnet.weights import published


@dataclasses.dataclass(frozen=True)
class ModelOptions:
    """The flags that name a model."""

    model: str | None = option(
        None,
        "A run, an export, a .keras file, a weights file (.weights.h5, .caffemodel, "
        f".npy, .pth) or published weights by name ({', '.join(published.names())}).",
        path=True,
    )
    model_dir: str | None = option(None, "A run: the same as --model=RUN.", path=True)
    variant: str | None = option(
        None, "Variant of a .keras or a weights file that leaves it open."
    )
    image_size: int | None = option(
        None, "Side of the input, for a weights file; the variant's own by default."
    )
    class_names: str | None = option(
        None,
        "File with a class name a line; ImageNet's for 1000 classes by default.",
        path=True,
    )
    preprocessing: str | None = option(
        None,
        "What the pictures go through: as a variant's, as published weights' by name, "
        "or as a run's; what belongs to the model by default.",
    )

    def named(self) -> str:
        """What was named; ValueError if nothing was, or two things."""
        given = [each for each in (self.model, self.model_dir) if each is not None]
        if len(given) != 1 or not given[0]:
            raise ValueError(
                "exactly one of --model and --model_dir must be given. "
                f"Received: --model={self.model}, --model_dir={self.model_dir}"
            )
        return given[0]

    def open(self) -> Classifier:
        """Opens what was named.

        Raises:
            ValueError: If it is nothing of the kind.
        """
        return Classifier(
            self.named(),
            class_names=_read_names(self.class_names),
            variant=self.variant,
            image_size=self.image_size,
            preprocessing=self.preprocessing,
        )


def _read_names(path: str | None) -> tuple[str, ...] | None:
    if path is None:
        return None
    return tuple(files.read_text(Path(path)).splitlines())
