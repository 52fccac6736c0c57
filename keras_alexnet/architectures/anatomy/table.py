"""A network's anatomy as text, for a terminal of 80 columns."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterable, Sequence

from keras_alexnet.architectures.anatomy.layers import DENSE, SEAM, UNEVEN, Layer
from keras_alexnet.architectures.anatomy.network import FLOAT, Network, tower_name
from keras_alexnet.architectures.anatomy.questions import answered

_WIDTH = 80
_SEPARATOR = "  "
_MB = 1e6


def text(network: Network) -> str:
    """Layers, memory, towers, and the questions that learners ask."""
    size = network.image_size
    parts = [
        f"{network.architecture.name}: pictures of {size}×{size}, "
        f"{network.classes:,} classes",
        _layers(network),
        *_seams(network),
        _memory(network),
        *_towers(network),
        _questions(network),
    ]
    return "\n\n".join(parts)


def _layers(network: Network) -> str:
    totals = network.totals
    head = (
        "layer",
        "maps",
        "neurons",
        "parameters",
        "multiply-adds",
        "field",
        "stride",
        "reads",
    )
    end = (
        "total",
        "",
        f"{totals.neurons:,}",
        f"{totals.parameters:,}",
        f"{totals.multiply_adds:,}",
        *("",) * 3,
    )
    rows = [_row(network, each) for each in network.steps]
    return "\n".join(
        [
            _columns([head, *rows, end], left=(0, 1, 7)),
            "",
            _wrapped(
                "field: side, in pixels, of the square of the picture that a value "
                "depends on; stride: the pixels between the squares of neighbours"
                + _not_shown(network)
            ),
        ]
    )


def _not_shown(network: Network) -> str:
    """The parameters that are in the total and in no row."""
    rest = network.totals.parameters - sum(each.parameters for each in network.steps)
    return f"; the total has {rest:,} of batch normalisation besides" if rest else ""


def _row(network: Network, layer: Layer) -> tuple[str, ...]:
    side, _, maps = layer.maps
    numbers = (layer.neurons, layer.parameters, layer.multiply_adds)
    counts = (f"{number:,}" if layer.neurons else "" for number in numbers)
    dense = layer.kind == DENSE
    return (
        layer.name,
        f"{maps}" if dense else f"{side}×{side}×{maps}",
        *counts,
        f"{layer.receptive_field}",
        "" if dense else f"{layer.stride or UNEVEN}",
        network.reads(layer) if layer.neurons else "",
    )


def _seams(network: Network) -> list[str]:
    """Which stages are one layer of the model."""
    said = []
    for seam in network.layers:
        if seam.kind == SEAM:
            stages = [each.name for each in network.layers if each.seam == seam.name]
            said.append(f"{seam.name} is {', '.join(stages)}")
    if not said:
        return []
    return [_wrapped("In the model one layer computes several: " + "; ".join(said))]


def _memory(network: Network) -> str:
    memory = network.memory
    sums = list(itertools.accumulate(each.total for each in memory))
    head = ("layer", "maps", "their gradients", "weights", "sum", "so far")
    rows = []
    for each, so_far in zip(memory, sums, strict=True):
        sizes = (each.maps, each.gradients, each.weights, each.total, so_far)
        rows.append((each.name, *(f"{b / _MB:,.1f}" if b else "" for b in sizes)))
    return "\n".join(
        [
            f"Memory in training, {network.batch_size:,} pictures, float32, MB",
            _columns([head, *rows], left=(0,)),
            "",
            _wrapped(
                "weights: with their gradients and momentum, three numbers each; "
                "activations overwrite what they read"
            ),
        ]
    )


def _towers(network: Network) -> list[str]:
    if network.towers == 1:
        return []
    rows = [("tower", "parameters", "multiply-adds", "memory, MB")]
    for tower in range(network.towers):
        shares = [each.shares[tower] for each in network.layers]
        rows.append(
            (
                tower_name(tower),
                f"{sum(share.parameters for share in shares):,}",
                f"{sum(share.multiply_adds for share in shares):,}",
                f"{network.tower_memory(tower) / _MB:,.1f}",
            )
        )
    crossing = [("crosses before", "values of a picture", "MB of a batch", "from")]
    for (name, values), sources in _by_layer(network).items():
        size = values * network.batch_size * FLOAT / _MB
        crossing.append((name, f"{values:,}", f"{size:.2f}", ", ".join(sources)))
    return [
        _columns(rows, left=(0,)),
        "\n".join(
            [
                _columns(crossing, left=(0, 3)),
                "",
                _wrapped("and in training a gradient of the same size returns"),
            ]
        ),
    ]


def _by_layer(network: Network) -> dict[tuple[str, int], list[str]]:
    """The towers that send, by the reading layer and the size of what each sends."""
    found: dict[tuple[str, int], list[str]] = {}
    for each in network.crossings:
        names = found.setdefault((each.layer, each.values), [])
        if tower_name(each.source) not in names:
            names.append(tower_name(each.source))
    return {key: sorted(names) for key, names in found.items()}


def _questions(network: Network) -> str:
    return "\n\n".join(
        f"{question}\n{_wrapped(answer, '  ')}"
        for question, answer in answered(network)
    )


def _wrapped(line: str, indent: str = "") -> str:
    return textwrap.fill(
        line,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )


def _columns(rows: Sequence[Sequence[str]], left: Iterable[int]) -> str:
    """Columns as wide as they need to be; those of `left` begin at the left."""
    left = set(left)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        _SEPARATOR.join(
            cell.ljust(width) if index in left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
