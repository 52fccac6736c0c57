"""An export's description of itself, in `assets.extra/keras_alexnet.json`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import keras
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet._version import __version__
from keras_alexnet.export.heads import DISTRIBUTION
from keras_alexnet.json_schema import Within
from keras_alexnet.reasons import reason
from keras_alexnet.recipe import Recipe
from keras_alexnet.weights.recipes import EXPORT_CARD

_FROM_ONE = Annotated[int, Within(1, 2**31)]


@dataclasses.dataclass(frozen=True)
class Card:
    """What was exported, and how.

    Args:
        recipe: How a picture becomes the network's input.
        classes: Number of classes.
        top_k: Number of classes in an answer.
        precision: The type in which the kernels are stored.
        scores: The kind of the scores, a result of `heads.scores_of`; older exports do
            not record it, and are distributions.
        class_names: Name of each class, in the order of the model's outputs; older
            exports do not record them here.
    """

    recipe: Recipe
    classes: int
    top_k: int
    precision: str
    scores: str = DISTRIBUTION
    class_names: tuple[str, ...] = ()

    def write(self, export: Path) -> None:
        """Writes the card into an export."""
        versions = {
            "keras_alexnet": __version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        }
        text = json.dumps({**dataclasses.asdict(self), "made_by": versions}, indent=2)
        path = export / EXPORT_CARD
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{text}\n", encoding="utf-8")

    @classmethod
    def read(cls, export: Path) -> Card:
        """Reads the card of an export.

        Raises:
            ValueError: If it has none, or a damaged one.
        """
        fields = {
            "recipe": dict,
            "classes": _FROM_ONE,
            "top_k": _FROM_ONE,
            "precision": str,
            "scores": str | None,
            "class_names": list[str] | None,
        }
        try:
            held = files.read_json(export / EXPORT_CARD, **fields)
            recipe = Recipe.from_dict(held["recipe"])
        except (OSError, ValueError) as error:
            raise ValueError(
                "an export must be written by export_saved_model. Received: "
                f"{str(export)!r}, without a readable {EXPORT_CARD} ({reason(error)})"
            ) from None
        return cls(
            recipe,
            held["classes"],
            held["top_k"],
            held["precision"],
            held["scores"] or DISTRIBUTION,
            tuple(held["class_names"] or ()),
        )
