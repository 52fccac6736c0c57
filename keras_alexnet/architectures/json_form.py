"""An architecture as JSON: written, read, and checked."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any, TypeVar

from keras_alexnet import files
from keras_alexnet.architectures.records import (
    ACTIVATIONS,
    Architecture,
    BatchNorm,
    Convolution,
    Pool,
    Stage,
)
from keras_alexnet.normalizations import LRN, WithinChannelLRN
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.reasons import shown

_KINDS = (*ACTIVATIONS, BatchNorm, LRN, WithinChannelLRN, Pool)
_STAGES = {kind.__name__: kind for kind in _KINDS}
Record = TypeVar("Record")


def to_json(architecture: Architecture) -> str:
    """Returns an architecture as JSON, for `read_json` and `train --architecture`.

    Args:
        architecture: Any record; `dataclasses.replace` makes others of the variants'.

    Returns:
        A JSON object with the fields of `Architecture`, without the sources; each
        stage, as the activation of the dense layers, is an object with its kind as
        `"stage"`.

    Example:

    >>> paper = architectures.get("paper")
    >>> small = dataclasses.replace(paper, name="small", dense=(256, 256))
    >>> json.loads(to_json(small))["dense"]
    [256, 256]
    """
    content = dataclasses.asdict(architecture)
    del content["sources"]
    for convolution, held in zip(
        architecture.convolutions, content["convolutions"], strict=True
    ):
        held["stages"] = [_content(stage) for stage in convolution.stages]
    content["dense_activation"] = _content(architecture.dense_activation)
    return json.dumps(content, indent=2) + "\n"


def _content(stage: Stage) -> dict[str, Any]:
    return {"stage": type(stage).__name__, **dataclasses.asdict(stage)}


def read_json(path: str | os.PathLike) -> Architecture:
    """Reads an architecture that `to_json`, or a person, has written.

    Args:
        path: Of the file; `configs/…` is the package's own, unless there is such a file
            here. Fields that it omits have the record's defaults.

    Returns:
        The `Architecture`.

    Raises:
        ValueError: If it is no such JSON, or no network can be built from it.
        OSError: If it cannot be read.

    Example:

    >>> read_json("small.json").dense  # doctest: +SKIP
    (256, 256)
    """
    path = files.recipe(files.expanded(path))
    content = files.read_json(path, name=str, convolutions=list)
    try:
        content["convolutions"] = _convolutions(content["convolutions"])
        if "preprocessing" in content:
            content["preprocessing"] = _made(Preprocessing, content["preprocessing"])
        if "dense_activation" in content:
            content["dense_activation"] = _stage(content["dense_activation"])
        return checked(_made(Architecture, content))
    except ValueError as error:
        raise ValueError(f"{error} in {str(path)!r}") from None


def checked(architecture: Architecture) -> Architecture:
    """Returns an architecture if its parts fit together, so that it can be built.

    Args:
        architecture: Any record.

    Raises:
        ValueError: If a part does not fit; the message names it.

    Example:

    >>> checked(architectures.get("paper")).name
    'paper'
    """
    _check("name", architecture.name, isinstance(architecture.name, str))
    _check("convolutions", architecture.convolutions, bool(architecture.convolutions))
    maps = 3
    for index, convolution in enumerate(architecture.convolutions, start=1):
        _check_convolution(f"conv{index}", convolution, maps, architecture.towers)
        maps = convolution.filters
    for each, kind in (("initialization", str), ("dropout_before", bool)):
        value = getattr(architecture, each)
        _check(each, value, isinstance(value, kind))
    activation = architecture.dense_activation
    _check("dense_activation", activation, isinstance(activation, ACTIVATIONS))
    left = architecture.final_map_size(architecture.input_size)
    _check("input_size", architecture.input_size, left >= 1)
    return architecture


def _check_convolution(
    name: str, convolution: Convolution, maps: int, towers: int
) -> None:
    groups, filters = convolution.groups, convolution.filters
    _check(f"{name}.groups", groups, not maps % groups and not filters % groups)
    stages = convolution.stages
    _check(f"{name}.stages", stages, isinstance(stages, (tuple, list)))
    for stage in stages:
        _check(f"{name}.stages", stage, isinstance(stage, _KINDS))
        if isinstance(stage, LRN):  # within each tower
            _check(f"{name}.filters", filters, not filters % towers)


def _check(name: str, value: Any, holds: bool) -> None:
    if not holds:
        raise ValueError(
            f"{name} of an architecture must be in range; see "
            "keras_alexnet.architectures.Architecture. Received: "
            f"{name}={shown(value)}"
        )


def _convolutions(contents: list[Any]) -> tuple[Convolution, ...]:
    found = []
    for index, content in enumerate(contents, start=1):
        try:
            found.append(_convolution(content))
        except ValueError as error:
            raise ValueError(f"{error} (conv{index})") from None
    return tuple(found)


def _convolution(content: Any) -> Convolution:
    if isinstance(content, dict) and isinstance(content.get("stages"), list):
        content = {**content, "stages": tuple(map(_stage, content["stages"]))}
    return _made(Convolution, content)


def _stage(content: Any) -> Any:
    kind = content.get("stage") if isinstance(content, dict) else None
    if not isinstance(kind, str) or kind not in _STAGES:
        raise ValueError(
            f"a stage of an architecture must be one of {sorted(_STAGES)}. "
            f"Received: {shown(content)}"
        )
    own = {name: value for name, value in content.items() if name != "stage"}
    return _made(_STAGES[kind], own)


def _made(kind: type[Record], content: Any) -> Record:
    """A record from its fields; lists become tuples."""
    fields = {each.name: each for each in dataclasses.fields(kind)}  # type: ignore[arg-type]
    needed = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    }
    given = set(content) if isinstance(content, dict) else set()
    if not isinstance(content, dict) or given - set(fields) or needed - given:
        raise ValueError(
            f"a {kind.__name__} must be an object with {sorted(needed)} and some of "
            f"{sorted(set(fields) - needed - {'sources'})}. Received: {shown(content)}"
        )
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in content.items()}
    return kind(**values)
