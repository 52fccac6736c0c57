"""What a network is made of, counted from its architecture, without a model."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from keras_alexnet import architectures
from keras_alexnet.architectures.anatomy import drawing, questions, table
from keras_alexnet.architectures.anatomy.layers import Layer, Share, layers_of
from keras_alexnet.architectures.anatomy.network import (
    Crossing,
    Memory,
    Network,
    Totals,
)
from keras_alexnet.architectures.records import Architecture
from keras_alexnet.whole_numbers import whole_number

__all__ = ["Anatomy", "Crossing", "Layer", "Memory", "Share", "Totals", "anatomy"]


@dataclasses.dataclass(frozen=True)
class Anatomy(Network):
    """A network layer by layer; printed, it is a table with the usual questions.

    A notebook shows it as a drawing.
    """

    def __str__(self) -> str:
        """The table, at most 80 columns wide."""
        return table.text(self)

    @property
    def questions(self) -> tuple[tuple[str, str], ...]:
        """What learners ask most, each with its answer for this network."""
        return questions.answered(self)

    def to_svg(self) -> str:
        """The drawing, as the text of an SVG file."""
        return drawing.svg(self)

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return self.to_svg()

    def to_json(self) -> str:
        """A JSON object with `layers` and `totals`, on several lines."""
        content = {
            "variant": self.architecture.name,
            "image_size": self.image_size,
            "classes": self.classes,
            "layers": [_content(each) for each in self.layers],
            "totals": dataclasses.asdict(self.totals),
            "memory": {
                "batch_size": self.batch_size,
                "layers": [dataclasses.asdict(each) for each in self.memory],
            },
            "crossings": [dataclasses.asdict(each) for each in self.crossings],
        }
        return json.dumps(content, indent=1) + "\n"


def anatomy(
    variant: str | Architecture = "paper",
    image_size: int | None = None,
    *,
    classes: int = 1000,
    batch_size: int = 128,
) -> Anatomy:
    """Counts what a network is made of, layer by layer, without building it.

    Args:
        variant: A name of `keras_alexnet.architectures.names()`, or an `Architecture`
            of your own.
        image_size: Side of the pictures in pixels; the variant's own by default. It
            must leave a last map of 1×1 or more.
        classes: Units of `fc8`.
        batch_size: Pictures in a step of training, for the memory.

    Returns:
        An `Anatomy`: `layers`, `totals`, `memory`, `crossings`, `questions`. `print`
        shows a table; `to_json()` and `to_svg()` are its other forms.

    Raises:
        ValueError: If there is no such variant, or a number is out of range.

    Example:

    >>> paper = anatomy("paper")
    >>> paper.totals
    Totals(parameters=60965224, multiply_adds=724406816, neurons=659272)
    >>> paper.layer("pool5").maps, paper.layer("pool5").receptive_field
    ((6, 6, 256), 195)

    Reference:
        - Krizhevsky et al. 2012, section 3.5 and figure 2.
    """
    if isinstance(variant, Architecture):
        record = architectures.checked(variant)
    else:
        record = architectures.get(variant)
    image_size = _image_size(record, image_size)
    classes = whole_number("classes", classes)
    batch_size = whole_number("batch_size", batch_size)
    layers = layers_of(record, image_size, classes)
    return Anatomy(record, image_size, classes, batch_size, layers)


def _image_size(record: Architecture, given: int | None) -> int:
    if given is None:
        return record.input_size
    least = record.smallest_input
    wanted = f"a whole number, at least {least} for variant={record.name!r}"
    return whole_number("image_size", given, least, expected=wanted)


def _content(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "kind": layer.kind,
        "maps": list(layer.maps),
        "neurons": layer.neurons,
        "parameters": layer.parameters,
        "multiply_adds": layer.multiply_adds,
        "receptive_field": layer.receptive_field,
        "stride": layer.stride,
        "seam": layer.seam,
        "towers": [dataclasses.asdict(share) for share in layer.shares],
    }
