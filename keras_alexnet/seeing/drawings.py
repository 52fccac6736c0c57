"""Every drawing of a report, by the name of its file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from keras_alexnet.evaluation import Confusion
from keras_alexnet.inspection.findings import Findings
from keras_alexnet.seeing import charts, confusion, curves, embedded, filters, sheets
from keras_alexnet.seeing.charts import Chart

VALUES = ("colourfulness", "selectivity")
UNITS = 12  # of a layer whose patches are drawn


def of_findings(
    found: Findings, rows: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """The name of each drawing, and what draws it.

    Args:
        found: The findings.
        rows: The lines of a run's `metrics.csv`; none for other models.
    """
    for name, chart in charts_of(found, rows).items():
        yield name, partial(_figure, chart)
    for each in found.colours:
        if each.kernels is not None:
            for ending, centred in (("", False), ("_zero_centred", True)):
                limits = embedded.limits(each.kernels, centred)
                yield (
                    f"figure3_{each.layer}{ending}",
                    partial(filters.draw, each.kernels, each.towers, limits=limits),
                )
    classes, data_classes = found.classes, found.data_classes
    for name, rows_of in (("figure4_answers", found.examples), ("worst", found.worst)):
        if rows_of:
            yield name, partial(sheets.answers, rows_of, classes, data_classes)
    for retrieval in found.retrieval:
        if retrieval.examples:
            yield (
                f"figure4_nearest_in_{retrieval.space}",
                partial(sheets.neighbours, retrieval, data_classes),
            )
    for layer in found.layers:
        yield f"activations_{layer.layer}", partial(sheets.activations, layer)
        if layer.units:
            units = layer.units[:UNITS]
            yield f"patches_{layer.layer}", partial(sheets.patches, layer, units)
    for number, attribution in enumerate(found.attributions, 1):
        yield f"maps_{number}", partial(sheets.attribution, attribution, classes)
    if in_order(found) and found.confused:
        yield "confusion", partial(confusion.draw, confusion_of(found), classes)


def _figure(chart: Chart) -> Figure:
    return chart.figure


def charts_of(found: Findings, rows: Sequence[Mapping[str, Any]]) -> dict[str, Chart]:
    """The charts, which are parts of the page too, by the names of their files."""
    drawn = {
        f"figure3_{value}_{each.layer}": charts.colours(each, value)
        for each in found.colours
        for value in VALUES
    }
    split = charts.splits(found)
    if split is not None:
        drawn["figure3_split"] = split
    if any(math.isfinite(each.separation) for each in found.layers):
        drawn["separation"] = charts.separation(found.layers, len(found.data_classes))
    if found.layers:
        drawn["dead_units"] = charts.dead(found.layers)
    if found.reliability is not None and found.reliability.counts.any():
        drawn["reliability"] = charts.reliability(found.reliability)
    for name, chart in curves.charts_of(rows).items():
        drawn[f"run_{name}"] = chart
    return drawn


def in_order(found: Findings) -> bool:
    """Whether the outputs are the classes of the data, in their order."""
    return found.outputs == tuple(range(len(found.classes)))


def confusion_of(found: Findings) -> Confusion:
    """The confusions as they are counted of a run."""
    counts = Confusion()
    for label, output, pictures in found.confused:
        counts.add([label] * pictures, [output] * pictures)
    return counts
