"""What an export says of itself, in `assets.extra/keras_alexnet.json`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import keras
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet._version import __version__
from keras_alexnet.export.heads import DISTRIBUTION
from keras_alexnet.export.recipe import Recipe
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.reasons import reason

EXTRA = "assets.extra"  # TensorFlow Serving leaves what is in it alone
_NAME = "keras_alexnet.json"


@dataclasses.dataclass(frozen=True)
class Card:
    """What was exported, and how.

    Args:
        recipe: How a picture becomes the network's input.
        classes: How many the network tells apart.
        top_k: How many an answer names.
        precision: What the kernels are stored in.
        scores: What the scores are, as `heads.scores_of` says; exports from before
            there was a choice are distributions.
    """

    recipe: Recipe
    classes: int
    top_k: int
    precision: str
    scores: str = DISTRIBUTION

    def write(self, export: Path) -> None:
        """Writes it into an export."""
        versions = {
            "keras_alexnet": __version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        }
        text = json.dumps({**dataclasses.asdict(self), "made_by": versions}, indent=2)
        (export / EXTRA).mkdir(exist_ok=True)
        (export / EXTRA / _NAME).write_text(f"{text}\n", encoding="utf-8")

    @classmethod
    def read(cls, export: Path) -> Card:
        """Reads that of an export.

        Raises:
            ValueError: If there is none.
        """
        path = export / EXTRA / _NAME
        try:
            values = files.read_json(path, recipe=dict)
            recipe = values["recipe"]
            recipe["preprocessing"] = Preprocessing(**recipe["preprocessing"])
            return cls(
                Recipe(**recipe),
                values["classes"],
                values["top_k"],
                values["precision"],
                values.get("scores", DISTRIBUTION),
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ValueError(
                "an export must be what export_saved_model wrote. "
                f"Received: {str(export)!r}, without a readable {EXTRA}/{_NAME} "
                f"({reason(error)})"
            ) from error
