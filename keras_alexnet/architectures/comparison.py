"""How architectures differ: number by number, with the source of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from keras_alexnet.architectures.records import (
    ELU,
    Architecture,
    BatchNorm,
    Convolution,
    LeakyReLU,
    Pool,
    ReLU,
    Stage,
    Tanh,
)
from keras_alexnet.normalizations import LRN, WithinChannelLRN

_NONE = "–"
_DERIVED = "computed from the record"
_WORDS = {
    ReLU: "ReLU",
    Tanh: "tanh",
    LeakyReLU: "leaky ReLU",
    ELU: "ELU",
    BatchNorm: "batch norm",
    LRN: "LRN",
    WithinChannelLRN: "LRN within a map",
    Pool: "pool",
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One number of several variants.

    Args:
        name: What it is, for example `conv1.filters`.
        values: Its value by variant, as text; an en dash where it has none.
        sources: The source of each value, by variant.
    """

    name: str
    values: dict[str, str]
    sources: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The numbers in which variants differ.

    Args:
        variants: Their names.
        rows: What differs, in the order of the network.
    """

    variants: tuple[str, ...]
    rows: tuple[Row, ...]

    def __str__(self) -> str:
        """A table in Markdown, with numbered sources below."""
        cited: dict[str, int] = {}
        lines = [
            f"| | {' | '.join(self.variants)} |",
            "|---" * (len(self.variants) + 1) + "|",
        ]
        for row in self.rows:
            cells = [self._cell(row, variant, cited) for variant in self.variants]
            lines.append(f"| {row.name} | {' | '.join(cells)} |")
        lines.append("")
        lines += [f"{number}. {source}" for source, number in cited.items()]
        return "\n".join(lines)

    def _repr_markdown_(self) -> str:
        """What a notebook shows."""
        return str(self)

    @staticmethod
    def _cell(row: Row, variant: str, cited: dict[str, int]) -> str:
        value = row.values[variant]
        if value == _NONE or row.sources[variant] == _DERIVED:
            return value
        number = cited.setdefault(row.sources[variant], len(cited) + 1)
        return f"{value} [{number}]"


def compare_records(records: Sequence[Architecture]) -> Comparison:
    """The rows of all numbers that are not equal in all records."""
    shown = {record.name: numbers(record) for record in records}
    names = dict.fromkeys(name for each in shown.values() for name in each)
    rows = []
    for name in sorted(names, key=_position):
        values = {variant: each.get(name, _NONE) for variant, each in shown.items()}
        if len(set(values.values())) > 1:
            sources = {
                record.name: _DERIVED if name in _DERIVATIONS else record.source(name)
                for record in records
            }
            rows.append(Row(name, values, sources))
    return Comparison(tuple(shown), tuple(rows))


_ORDER = (
    "input",
    "towers",
    "conv",
    "leaky",
    "elu",
    "lrn",
    "pool",
    "averaged",
    "fc",
    "dropout",
)
_DERIVATIONS = ("sides of the maps", "parameters at 1000 classes")


def _position(name: str) -> int:
    """Rows go from the picture to the classes; derived numbers come last."""
    found = [index for index, start in enumerate(_ORDER) if name.startswith(start)]
    return found[0] if found else len(_ORDER) + (name in _DERIVATIONS)


def numbers(record: Architecture) -> dict[str, str]:
    """All numbers of a record, by the names that its `sources` use."""
    colours = record.preprocessing
    rows = {
        "input.size": f"{record.input_size}",
        "input.channels": colours.channel_order,
        "input.mean": ", ".join(f"{value:.6g}" for value in colours.mean),
        "input.scale": ", ".join(f"{value:.6g}" for value in colours.scale),
        "towers": f"{record.towers}",
    }
    for index, convolution in enumerate(record.convolutions, start=1):
        rows |= _convolution(f"conv{index}", convolution)
    rows |= _all_constants(record)
    averaged = record.averaged_size
    rows["averaged to"] = f"{averaged}×{averaged}" if averaged else _NONE
    rows |= _dense(record) if record.dense else {"fc.units": _NONE}
    rows["default start"] = record.initialization
    rows[_DERIVATIONS[0]] = "-".join(map(str, _sides(record)))
    rows[_DERIVATIONS[1]] = f"{record.parameters():,}"
    return rows


def _convolution(name: str, record: Convolution) -> dict[str, str]:
    before, after = record.padding
    return {
        f"{name}.filters": f"{record.filters}",
        f"{name}.kernel": f"{record.kernel_size}×{record.kernel_size}",
        f"{name}.stride": f"{record.strides}",
        f"{name}.padding": f"{before} and {after}",
        f"{name}.reads": "all maps" if record.groups == 1 else "half of the maps",
        f"{name}.stages": ", ".join(_WORDS[type(stage)] for stage in record.stages),
    }


def _dense(record: Architecture) -> dict[str, str]:
    place = "before" if record.dropout_before else "after"
    return {
        "fc.units": ", ".join(map(str, record.dense)),
        "fc.activation": _WORDS[type(record.dense_activation)],
        "dropout.rate": f"{record.dropout:g}",
        "dropout.place": f"{place} fc6 and fc7",
    }


def _all_constants(record: Architecture) -> dict[str, str]:
    stages = [stage for each in record.convolutions for stage in each.stages]
    stages += [record.dense_activation] if record.dense else []
    rows: dict[str, str] = {}
    for stage in stages:
        rows |= _constants(stage)
    if any(isinstance(stage, LRN) for stage in stages):
        rows["lrn.reach"] = "its tower" if record.towers > 1 else "all maps"
    return rows


def _constants(stage: Stage) -> dict[str, str]:
    if isinstance(stage, Pool):
        return {"pool": f"{stage.size}×{stage.size}, stride {stage.strides}"}
    if isinstance(stage, LeakyReLU):
        return {"leaky.slope": f"{stage.slope:g}"}
    if isinstance(stage, ELU):
        return {"elu.alpha": f"{stage.alpha:g}"}
    if not isinstance(stage, (LRN, WithinChannelLRN)):
        return {}
    name = "lrn" if isinstance(stage, LRN) else "lrn within a map"
    return {
        f"{name}.size": f"{stage.size}",
        f"{name}.k": f"{stage.k:g}",
        f"{name}.scale": f"{stage.scale:g}",
        f"{name}.beta": f"{stage.beta:g}",
    }


def _sides(record: Architecture) -> list[int]:
    """Sides of the maps that each convolution returns, and of those that enter fc6."""
    sides, side = [], record.input_size
    for each in record.convolutions:
        sides.append(each.convolved_size(side))
        side = each.output_size(side)
    return [*sides, side]
