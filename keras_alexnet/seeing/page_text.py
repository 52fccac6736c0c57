"""What a page says: names, and numbers in words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_alexnet.inspection.findings import (
    Answered,
    Compared,
    Findings,
    KernelColours,
    LayerActivity,
)
from keras_alexnet.reasons import printable, shortened
from keras_alexnet.seeing.charts import are_cut, decimals, is_clear, p_value, percent

CAPTIONS = {
    "figure3_colourfulness_conv1": "Each point is a kernel: point at one.",
    "figure3_selectivity_conv1": "The same kernels by what excites them.",
    "figure3_colourfulness_conv2": "Of conv2, whose kernels read the maps of conv1.",
    "figure3_selectivity_conv2": "The units of conv2 by what excites them.",
    "separation": "Dashed: chance.",
    "dead_units": "The number of such units above each bar.",
    "reliability": "Bars: right answers. Dots: what the probability promises.",
    "run_loss": "Loss, natural logarithm.",
    "run_error": "Wrong answers: training crops, and validation pictures.",
    "run_rate": "Learning rate at the end of each epoch.",
    "run_speed": "Pictures that were trained on in a second.",
}
_TITLES = (
    ("kernel_scales", "figure-3", "The kernels of the first layer"),
    ("answers", "figure-4", "What it answers"),
    ("retrieval", "neighbours", "What it finds alike"),
    ("layers", "layers", "Layer by layer"),
    ("attributions", "maps", "Where in the picture"),
    ("run_charts", "run", "The run"),
)


def captions(found: Findings) -> dict[str, str]:
    """What is to be known for each chart, by its name."""
    texts = dict(CAPTIONS)
    towers = [c.towers for each in found.compared for c in each.colours]
    split = ["Blue: this model."]
    if any(each > 1 for each in towers):
        split.append("Orange: those compared.")
    if 1 in towers:
        split.append("Hollow: those compared of one tower, whose halves are a control.")
    texts["figure3_split"] = " ".join([*split, "Grey: random halves."])
    for each in found.colours:
        name = f"figure3_selectivity_{each.layer}"
        if np.nanmin(each.selectivity, initial=0) < 0:
            texts[name] += " Below 0: grey excites them more."
        if are_cut(each.selectivity):
            texts[name] += " Those at the dotted line are there or lower."
    return texts


def named(name: str, length: int = 40) -> str:
    """A name that a person chose, as text of one line.

    What cannot be printed, such as a sign that reverses what follows, is escaped.

    Example:

    >>> named("a\\u202eb")
    'a\\\\u202eb'
    """
    return shortened(printable(name), length)


def unit_name(layer: str, unit: int) -> str:
    """The name of a unit, as `--units` takes it."""
    return f"{layer}:{unit}"


def sizes(found: Findings) -> str:
    """How many pictures were read."""
    train, validation = found.sizes.get("train", 0), found.sizes.get("validation", 0)
    parts = [f"{validation:,} validation pictures"] if validation else []
    parts += [f"{train:,} training pictures"] if train else []
    return " and ".join(parts) or "no pictures"


def contents(content: dict[str, Any]) -> list[tuple[str, str]]:
    """The id and the title of each section that the page has."""
    rows = [("look-first", "What to look at first")]
    has = dict(content)
    has["answers"] = content["answers"] or content["worst"]
    mistakes = content["charts"].get("reliability") or content["matrix"]
    has["run_charts"] = content["run_charts"] or mistakes or content["pairs"]
    for key, anchor, title in _TITLES:
        if has[key]:
            alone = anchor == "run" and not content["run_charts"]
            rows.append((anchor, "Its mistakes" if alone else title))
    return [*rows, ("about", "About this page")]


def kernel_size(found: Findings) -> str:
    """As "11 × 11"."""
    for each in found.colours:
        if each.kernels is not None:
            return f"{each.kernels.shape[0]} × {each.kernels.shape[1]}"
    return ""


def kernel(own: KernelColours, unit: int) -> str:
    """A kernel in words."""
    tower = unit * own.towers // len(own.colourfulness) + 1
    place = f", tower {tower}" if own.towers > 1 else ""
    text = f"kernel {unit_name(own.layer, unit)}{place}: "
    text += f"colourfulness {decimals(own.colourfulness[unit])}"
    if math.isfinite(own.selectivity[unit]):
        text += f", selectivity {decimals(own.selectivity[unit])}"
    return text


def units(found: Findings) -> dict[str, str]:
    """What the script shows of a unit, by its name."""
    texts = {
        unit_name(each.layer, unit): kernel(each, unit)
        for each in found.colours
        for unit in range(len(each.colourfulness))
    }
    for layer in found.layers:
        if len(layer.shape) == 3:
            for unit in range(layer.shape[-1]):
                name = unit_name(layer.layer, unit)
                active = "dead" if layer.dead[unit] else _activity(layer, unit)
                texts[name] = f"{texts.get(name, name)}\n{active}"
    return texts


def _activity(layer: LayerActivity, unit: int) -> str:
    return (
        f"above 0 at {percent(float(layer.active[unit]), 1)} of the places, at most "
        f"{layer.highest[unit]:.3g}"
    )


def split_rows(found: Findings) -> list[tuple[str, ...]]:
    """The table of the split between towers; none for a network of one."""
    return [
        (
            each.layer,
            value,
            f"{split.area:.3f}",
            _unbroken(p_value(split.p).removeprefix("p ").removeprefix("= ")),
            f"{split.halves[0]:.2f} to {split.halves[2]:.2f}",
        )
        for each in found.colours
        for value, split in each.splits.items()
        if each.towers > 1
    ]


def _unbroken(text: str) -> str:
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def split_sentence(found: Findings) -> str:
    """What the split of conv1 says."""
    own = next((each for each in found.colours if each.layer == "conv1"), None)
    if own is None or "colourfulness" not in own.splits:
        return ""
    split = own.splits["colourfulness"]
    if not is_clear(split.p):
        return "Here chance alone can explain the difference in conv1."
    more = 1 if split.area > 0.5 else 2
    return f"Here chance hardly explains it: tower {more} of conv1 is the coloured one."


def sign_free(found: Findings) -> list[str]:
    """The split without its sign, over all models."""
    return [
        f"{name} {area:.3f} ({p_value(p)})"
        for name, (area, p) in found.sign_free.items()
    ]


def alike(found: Findings) -> int:
    """How many of the models have as many towers as this one, itself included."""
    towers = {each.layer: each.towers for each in found.colours}
    others = ({c.layer: c.towers for c in each.colours} for each in found.compared)
    return 1 + sum(each == towers for each in others)


def compared(each: Compared, control: bool) -> str:
    """Another model in a line.

    Args:
        each: The model.
        control: Whether the halves of one tower are a control, for a network of two.
    """
    parts = []
    if math.isfinite(each.accuracy):
        note = f" ({each.note})" if each.note else ""
        parts.append(f"{percent(each.accuracy, 1)} right{note}")
    for own in each.colours:
        split = own.splits.get("colourfulness")
        if split is not None and (own.towers > 1 or control):
            of = "area" if own.towers > 1 else "its halves, a control: area"
            parts.append(f"{own.layer}: {of} {split.area:.2f}, {p_value(split.p)}")
    return "; ".join(parts)


def layer(each: LayerActivity) -> str:
    """A layer in a line."""
    shape = " × ".join(f"{number:,}" for number in each.shape)
    parts = [shape, f"sees {each.receptive_field} px"]
    parts.append(f"{int(each.dead.sum()):,} of {each.shape[-1]:,} dead")
    if math.isfinite(each.separation):
        parts.append(f"nearest centroid right: {percent(each.separation)}")
    return ", ".join(parts)


def correlation(value: float) -> str:
    """The rank correlation of a map with that of random weights."""
    if not math.isfinite(value):
        return "no ρ"  # one of the two is the same everywhere
    return f"ρ = {decimals(value)}".replace("-", "−")


def peak(values: np.ndarray) -> str:
    """Where a map is strongest, in words."""
    row, column = np.unravel_index(int(np.argmax(values)), values.shape)
    height, width = values.shape
    if values.min() == values.max():
        return "the same everywhere"
    down = ("top", "middle", "bottom")[min(2, 3 * int(row) // height)]
    across = ("left", "centre", "right")[min(2, 3 * int(column) // width)]
    return f"strongest at the {down} {across}"


def is_right(found: Findings, label: int, output: int) -> bool:
    """Whether an output is the class of the data with that number."""
    return found.outputs is not None and found.outputs[label] == output


def pairs(found: Findings, most: int) -> list[tuple[str, str, int]]:
    """The classes that are confused most: class, taken for, pictures."""
    wrong = sorted(_wrong(found), key=lambda each: -each[2])
    return [
        (named(found.data_classes[label]), named(found.classes[output]), count)
        for label, output, count in wrong[:most]
    ]


def _wrong(found: Findings) -> list[tuple[int, int, int]]:
    return [each for each in found.confused if not is_right(found, *each[:2])]


def chosen(found: Findings) -> str:
    """How the examples were chosen."""
    rights = [each.right for each in found.examples]
    if not found.confused or None in rights:
        return "Chosen at random."
    wrong = sum(count for _, _, count in _wrong(found))
    right = sum(count for _, _, count in found.confused) - wrong
    return (
        "Right and wrong ones were chosen on purpose: of "
        f"{counted(right, 'right answer')} {rights.count(True):,} and of "
        f"{counted(wrong, 'wrong answer')} {rights.count(False):,} are shown."
    )


def worst(found: Findings) -> tuple[list[Answered], str]:
    """The worst answers that are not among the examples, and a word on the others."""
    above = {_key(each) for each in found.examples}
    left = [each for each in found.worst if _key(each) not in above]
    twice = len(found.worst) - len(left)
    if not twice:
        return left, ""
    number = f"{twice:,} of the {len(found.worst):,}"
    return left, f"{number} worst {'is' if twice == 1 else 'are'} shown above."


def _key(each: Answered) -> tuple[str, bytes]:
    return each.picture.name, each.picture.pixels.tobytes()


def counted(number: int, noun: str) -> str:
    """A number of things.

    Example:

    >>> counted(1, "picture"), counted(1200, "picture")
    ('1 picture', '1,200 pictures')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def excited_by_none(found: Findings) -> str:
    """As "none of the 800 validation pictures"."""
    count = found.sizes.get("validation", 0)
    return f"none of the {count:,} validation pictures"
