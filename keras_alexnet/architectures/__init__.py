"""The variants of AlexNet: a record of each, and how they differ."""

from __future__ import annotations

from keras_alexnet.architectures import variants
from keras_alexnet.architectures.comparison import Comparison, compare_records
from keras_alexnet.architectures.json_form import checked, read_json, to_json
from keras_alexnet.architectures.records import (
    ELU,
    Architecture,
    BatchNorm,
    Convolution,
    LeakyReLU,
    Pool,
    ReLU,
    Tanh,
)
from keras_alexnet.reasons import near, shown

__all__ = [
    "ELU",
    "Architecture",
    "BatchNorm",
    "Comparison",
    "Convolution",
    "LeakyReLU",
    "Pool",
    "ReLU",
    "Tanh",
    "checked",
    "compare",
    "get",
    "names",
    "read_json",
    "to_json",
]

_ARCHITECTURES = {
    record.name: record
    for record in (
        variants.PAPER,
        variants.ORIGINAL,
        variants.CAFFE,
        variants.CAFFENET,
        variants.OWT,
        variants.ONE_COLUMN,
        variants.SIX_CONV,
        variants.MODERN,
    )
}


def names() -> tuple[str, ...]:
    """The names of all variants."""
    return tuple(_ARCHITECTURES)


def get(variant: str) -> Architecture:
    """Returns the record of a variant.

    Args:
        variant: One of `names()`.

    Returns:
        Its `Architecture`.

    Raises:
        ValueError: If there is no such variant.

    Example:

    >>> get("paper").smallest_input
    64
    """
    if not isinstance(variant, str) or variant not in _ARCHITECTURES:
        raise ValueError(
            f"variant must be one of {names()}{near(variant, names())}. "
            f"Received: variant={shown(variant)}"
        )
    return _ARCHITECTURES[variant]


def compare(*chosen: str) -> Comparison:
    """Shows every number in which variants differ, with its source.

    Args:
        *chosen: Names of two variants or more; all of them if none is given.

    Returns:
        A `Comparison`; printed, it is a table in Markdown.

    Raises:
        ValueError: If there is no such variant, or only one is named.

    Example:

    >>> compare("caffe", "caffenet").rows[0].name
    'conv1.stages'
    """
    if len(chosen) == 1:
        raise ValueError(
            f"compare needs two variants or more, or none for all. Received: {chosen}"
        )
    return compare_records([get(name) for name in chosen or names()])
