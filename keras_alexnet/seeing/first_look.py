"""What to look at first on a page: sentences on what is most worth a look."""

from __future__ import annotations

import math

import numpy as np

from keras_alexnet.inspection.filters import smoothness
from keras_alexnet.inspection.findings import Findings
from keras_alexnet.seeing.charts import decimals, is_clear, p_value, percent
from keras_alexnet.seeing.page_text import (
    correlation,
    counted,
    excited_by_none,
    pairs,
)

# Random starts of 96 kernels are within 0.01 of 0; learnt kernels are far above.
_SMOOTH = 0.1


def first(found: Findings) -> list[tuple[str, str]]:
    """Sentences on what is most worth a look, each with the section that shows it."""
    rows = [_kernels(found), _neighbours(found), _separation(found), _dead(found)]
    rows += [_mistakes(found), _maps(found)]
    return [each for each in rows if each is not None]


def _kernels(found: Findings) -> tuple[str, str] | None:
    own = next((each for each in found.colours if each.layer == "conv1"), None)
    if own is None:
        return None
    smooth = math.nan if own.kernels is None else smoothness(own.kernels)
    if smooth < _SMOOTH:
        return "figure-3", (
            "The kernels of conv1 still look like the random start: this layer has "
            f"hardly learnt (neighbouring weights correlate by {decimals(smooth)}; "
            "random ones do by 0, edges and blobs by 0.3 and more)."
        )
    split = own.splits.get("colourfulness")
    if split is None or own.towers == 1:
        median = float(np.median(own.colourfulness))
        return (
            "figure-3",
            f"The kernels of conv1: their median colourfulness is {decimals(median)}.",
        )
    facts = (
        f"area under the curve {split.area:.2f}, 0.5 if they were alike, "
        f"{p_value(split.p)}"
    )
    if not is_clear(split.p):
        return "figure-3", f"The towers of conv1 do not split by colour ({facts})."
    more = 1 if split.area > 0.5 else 2
    return "figure-3", (
        "The towers of conv1 split by colour, as in the paper’s figure 3: tower "
        f"{more} is the coloured one ({facts})."
    )


def _neighbours(found: Findings) -> tuple[str, str] | None:
    pixels = next((each for each in found.retrieval if each.space == "pixels"), None)
    # The last layer before the classes; a network of one's own may lack fc7.
    fc7 = next((each for each in found.retrieval if each.space != "pixels"), None)
    if fc7 is None:
        return None
    beside = ""
    if pixels is not None:
        beside = f", of those nearest in pixels {percent(pixels.precision, 1)}"
    return "neighbours", (
        f"Of the six training pictures nearest in {fc7.space}, "
        f"{percent(fc7.precision, 1)} are of the picture’s class{beside}, by chance "
        f"{percent(fc7.chance, 1)}."
    )


def _separation(found: Findings) -> tuple[str, str] | None:
    known = [each for each in found.layers if math.isfinite(each.separation)]
    if len(known) < 2:
        return None
    one, last = known[0], known[-1]
    return "layers", (
        f"Classes come apart layer by layer: the nearest centroid is right for "
        f"{percent(one.separation)} of the pictures in {one.layer}, for "
        f"{percent(last.separation)} in {last.layer}."
    )


def _dead(found: Findings) -> tuple[str, str] | None:
    most = max(found.layers, key=lambda each: float(np.mean(each.dead)), default=None)
    if most is None or not most.dead.any():
        return None
    return "layers", (
        f"{int(most.dead.sum()):,} of the {len(most.dead):,} units of {most.layer} "
        f"are dead: {excited_by_none(found)} excites them."
    )


def _mistakes(found: Findings) -> tuple[str, str] | None:
    most = pairs(found, 2)
    if not most:
        return None
    label, output, count = most[0]
    if len(most) == count == 1:
        return "run", f"It takes “{label}” for “{output}” once: its only mistake."
    if len(most) > 1 and most[1][2] == count:
        times = "once" if count == 1 else f"{count:,} times"
        return "run", f"No two classes are confused more than {times}."
    return "run", (
        f"It most often takes “{label}” for “{output}”: {counted(count, 'picture')}."
    )


def _maps(found: Findings) -> tuple[str, str] | None:
    every = [
        each
        for one in found.attributions
        for each in one.maps
        if math.isfinite(each.correlation)
    ]
    if not every:
        return None
    least = min(every, key=lambda each: abs(each.correlation))
    return "maps", (
        f"Where in the picture: {least.method} depends most on what was learnt; with "
        f"random weights its map is another one ({correlation(least.correlation)})."
    )
