"""A network that is looked into: a classifier taken apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from keras_alexnet import files
from keras_alexnet.classifier import Classifier
from keras_alexnet.data import Source
from keras_alexnet.evaluation.judging import output_names
from keras_alexnet.inspection.layer_facts import LayerFacts, layer_facts
from keras_alexnet.inspection.observing import Observed, observe
from keras_alexnet.inspection.pictures import Pictures
from keras_alexnet.model_data import other_data
from keras_alexnet.models import variants_like
from keras_alexnet.recipe import Recipe
from keras_alexnet.two_towers.conversion import convert_towers
from keras_alexnet.two_towers.placement import OnDevice
from keras_alexnet.weights import runs
from keras_alexnet.weights.formats.keras_files import body


@dataclasses.dataclass(frozen=True)
class Network:
    """A network with what is needed to look into it.

    Args:
        name: Its name, for people.
        model: Packed: its towers in one tensor.
        recipe: How its pictures are prepared, the central view alone.
        classes: Name of each output.
        facts: Its layers by name.
        outputs: The output of each class of the data; None if it has not all of them.
        notes: Lines for people.
        seen_before: Why it may have been trained on some of the data's validation
            pictures; empty if it was not.
    """

    name: str
    model: keras.Model
    recipe: Recipe
    classes: tuple[str, ...]
    facts: dict[str, LayerFacts]
    outputs: list[int] | None
    notes: tuple[str, ...]
    seen_before: str

    @classmethod
    def of(cls, classifier: Classifier, source: Source) -> Network:
        """A classifier taken apart, for the pictures of a data set.

        Raises:
            ValueError: If it is an export, or no AlexNet with its top.
        """
        refuse_export(classifier)
        assert classifier.recipe is not None
        model = classifier.model
        if any(isinstance(layer, OnDevice) for layer in model.layers):
            model = convert_towers(model)
        taken = f": {classifier.taken}" if classifier.taken else ""
        name = f"{classifier.origin}{taken}"
        known = output_names(classifier.class_names, classifier.named, source)
        missing = [each for each in source.class_names if each not in known]
        notes: tuple[str, ...] = ()
        if missing:
            notes = (
                f"{classifier.origin} has no class {missing[0]!r}: its answers for "
                "these data are neither right nor wrong",
            )
        places = {each: place for place, each in enumerate(known)}
        return cls(
            name,
            model,
            classifier.recipe.centre(),
            classifier.class_names,
            layer_facts(model),
            None if missing else [places[each] for each in source.class_names],
            notes,
            _seen_before(classifier.origin, source),
        )

    @property
    def variant(self) -> str:
        """Its variant; empty for a network that was changed."""
        return next(iter(variants_like(body(self.model))), "")

    def observed(
        self,
        pictures: Pictures,
        layers: Sequence[str],
        grey: Sequence[str] = (),
        advance: Callable[[int], object] | None = None,
    ) -> tuple[dict[str, Observed], np.ndarray]:
        """What layers give for pictures, and the probabilities; see `observe`."""
        return observe(
            self.model,
            self.recipe.preprocessing,
            pictures.pixels,
            layers,
            grey,
            advance=advance,
        )


def refuse_export(classifier: Classifier) -> None:
    """Raises ValueError for an export, whose layers Keras does not know."""
    if classifier.is_export:
        raise ValueError(
            "model must be a run, a checkpoint or a file of weights: an export "
            f"cannot be taken apart. Received: {classifier.origin!r}"
        )


def _seen_before(origin: str, source: Source) -> str:
    """Why a model may have been trained on validation pictures of a data set."""
    may = "it may have been trained on some of these pictures"
    run = runs.run_of(Path(files.expanded(origin)))
    if run is None:
        return f"what it was trained on is not known: {may}"
    if other_data(origin, source.spec):
        return f"its data are others: {may}"
    if runs.division(run) != source.division:
        return f"its division of the data is another one: {may}"
    return ""
