"""The pictures of a page: each small, and no more of them than a page can hold."""

from __future__ import annotations

from typing import Any

import numpy as np

from keras_alexnet.inspection import filter_grid
from keras_alexnet.inspection.findings import (
    Answered,
    Attribution,
    Findings,
    KernelColours,
    LayerActivity,
    Patch,
    Shown,
    Unit,
)
from keras_alexnet.seeing import embedded, page_text, sheets
from keras_alexnet.seeing.charts import decimals, percent

# Sides in pixels, and numbers. With the largest of all a page stays below 8 MB.
_PHOTO, _NEIGHBOUR, _WHOLE, _PATCH, _MAP, _HEAT = 192, 88, 72, 60, 55, 168
_UNITS, _KERNELS, _COMPARED, _EXAMPLES, _ATTRIBUTIONS = 10, 192, 16, 5, 4
_SMALL = 40  # pixels of a patch up to which they are shown as squares


class PagePictures:
    """Makes the pictures of a page, and keeps what its script shows of each.

    Args:
        found: The findings.

    Attributes:
        known: By the id of each picture: `src`, `label` and `name`.
    """

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._ids: dict[tuple[str, bytes], str] = {}
        self.known: dict[str, dict[str, str]] = {}

    def answered(self, each: Answered) -> dict[str, Any]:
        """A picture with its likeliest classes."""
        found = self._found
        return {
            "picture": self.shown(each.picture, _PHOTO),
            "label": self._label(each.picture),
            "right": each.right,
            "classes": [
                {
                    "name": page_text.named(found.classes[output], 28),
                    "score": percent(score, 1),
                    "width": f"{100 * score:.1f}",
                    "own": page_text.is_right(found, each.picture.label, output),
                }
                for output, score in each.classes[:5]
            ],
        }

    def neighbours(self) -> list[dict[str, Any]]:
        """A row for each picture that was asked, with both kinds of neighbours."""
        if not self._found.retrieval:
            return []
        examples = [each.examples for each in self._found.retrieval]
        return [
            {
                "picture": self.shown(row[0].picture, _PHOTO),
                "label": self._label(row[0].picture),
                "spaces": [
                    {
                        "name": retrieval.space,
                        "same": sum(
                            p.label == each.picture.label for p in each.nearest
                        ),
                        "pictures": [
                            {
                                **self.shown(near, _NEIGHBOUR, place),
                                "same": near.label == each.picture.label,
                            }
                            for place, near in enumerate(each.nearest[:6], 1)
                        ],
                    }
                    for retrieval, each in zip(self._found.retrieval, row, strict=True)
                ],
            }
            for row in list(zip(*examples, strict=False))[:_EXAMPLES]
        ]

    def layer(self, each: LayerActivity) -> dict[str, Any]:
        """The maps of a layer, and some of its units with their patches."""
        highest = float(each.example.max())
        dense = len(each.shape) == 1
        towers = []
        for tower in range(each.towers):
            maps = [
                _map(each, unit, values, highest, tower)
                for unit, values in sheets.strongest(each, tower)
            ]
            title = f"tower {tower + 1}" if each.towers > 1 else ""
            towers.append({"title": title, "maps": maps})
        return {
            "name": each.layer,
            "text": page_text.layer(each),
            "dense": dense,
            "towers": towers,
            "units": [self._unit(each, unit) for unit in each.units[:_UNITS]],
        }

    def attribution(self, each: Attribution) -> dict[str, Any]:
        """The maps of a picture, each beside that of the randomised network."""
        picture = each.picture.picture
        output = page_text.named(self._found.classes[each.output], 40)
        return {
            "picture": self.shown(picture, _PHOTO),
            "output": output,
            "maps": [
                {
                    "method": one.method,
                    "correlation": page_text.correlation(one.correlation),
                    "src": _heat(picture, one.values),
                    "random_src": _heat(picture, one.randomised),
                    "alt": f"{one.method} for {output}: {page_text.peak(one.values)}",
                    "random_alt": f"{one.method} with random weights: "
                    f"{page_text.peak(one.randomised)}; "
                    f"{page_text.correlation(one.correlation)}",
                }
                for one in each.maps
            ],
        }

    def shown(self, picture: Shown, side: int, place: int = 0) -> dict[str, str]:
        """A picture, which the script finds again by its id."""
        label = self._label(picture)
        before = f"nearest number {place}: " if place else ""
        return {
            "id": self._id(picture),
            "src": embedded.photo(picture.pixels, side),
            "alt": f"{before}a picture of {label}",
        }

    def _label(self, picture: Shown) -> str:
        return page_text.named(self._found.data_classes[picture.label], 40)

    def _id(self, picture: Shown) -> str:
        # By its pixels too: names need not be unique.
        key = picture.name, picture.pixels.tobytes()
        if key not in self._ids:
            self._ids[key] = f"p{len(self._ids)}"
            self.known[self._ids[key]] = {
                "src": embedded.photo(picture.pixels, _WHOLE),
                "label": self._label(picture),
                "name": page_text.named(picture.name, 48),
            }
        return self._ids[key]

    def _unit(self, layer: LayerActivity, unit: Unit) -> dict[str, Any]:
        name = page_text.unit_name(unit.layer, unit.unit)
        tower = f", tower {unit.tower + 1}" if layer.towers > 1 else ""
        return {
            "name": name,
            "anchor": f"unit-{unit.layer}-{unit.unit}",
            "title": f"{name}{tower}",
            "patches": [
                self._patch(name, place, each)
                for place, each in enumerate(unit.patches[:9], 1)
            ],
        }

    def _patch(self, name: str, place: int, patch: Patch) -> dict[str, Any]:
        pixels = embedded.cut(patch.picture, patch.box)
        top, left, bottom, right = (
            100 * each / side
            for each, side in zip(
                patch.box, patch.picture.pixels.shape[:2] * 2, strict=True
            )
        )
        label = self._label(patch.picture)
        return {
            "id": self._id(patch.picture),
            "src": embedded.photo(pixels, _PATCH),
            "small": max(pixels.shape) <= _SMALL,
            "box": f"{left:.1f} {top:.1f} {right - left:.1f} {bottom - top:.1f}",
            "alt": f"patch {place} of {name}, from a picture of {label}: "
            f"{patch.value:.3g}",
        }


def kernel_scales(found: Findings) -> list[dict[str, Any]]:
    """The kernels of conv1, tower by tower, in the source's scale and zero-centred."""
    own = next((each for each in found.colours if each.kernels is not None), None)
    if own is None:
        return []
    return [
        {"title": title, "text": text, "towers": _towers(own, centred)}
        for centred, title, text in (
            (
                False,
                "In the source’s scale",
                "As in the released source: black is the smallest weight of all "
                "kernels, white the largest, so that weak kernels look weak.",
            ),
            (
                True,
                "Zero-centred",
                "Here grey is 0: where a kernel is lighter, light in the picture adds "
                "to the unit’s value; where it is darker, light takes from it.",
            ),
        )
    ]


def _towers(own: KernelColours, centred: bool) -> list[dict[str, Any]]:
    assert own.kernels is not None
    limits = embedded.limits(own.kernels, centred)
    count = own.kernels.shape[-1] // own.towers
    towers = []
    for tower in range(own.towers):
        units = range(tower * count, (tower + 1) * count)
        shown = units[: _KERNELS // own.towers]
        title = f"tower {tower + 1}: " if own.towers > 1 else ""
        towers.append(
            {
                "title": f"{title}units {own.layer}:{units[0]} to {own.layer}:"
                f"{shown[-1]}",
                "kernels": [
                    {
                        "unit": page_text.unit_name(own.layer, unit),
                        "src": embedded.exact(
                            embedded.kernel_pixels(own.kernels[..., unit], limits)
                        ),
                        "alt": page_text.kernel(own, unit),
                    }
                    for unit in shown
                ],
            }
        )
    return towers


def hero(found: Findings) -> list[dict[str, Any]]:
    """The kernels of conv1 at a glance: a picture for each tower."""
    own = next((each for each in found.colours if each.kernels is not None), None)
    return [] if own is None else _sheets(own)


def compared(found: Findings) -> list[dict[str, Any]]:
    """The other models: their kernels as one picture for each tower."""
    cards = []
    control = any(each.towers > 1 for each in found.colours)
    for each in found.compared[:_COMPARED]:
        own = next((c for c in each.colours if c.kernels is not None), None)
        cards.append(
            {
                "name": each.name,
                "text": page_text.compared(each, control),
                "towers": [] if own is None else _sheets(own),
            }
        )
    return cards


def _sheets(own: KernelColours) -> list[dict[str, Any]]:
    assert own.kernels is not None
    kernels = own.kernels[..., :_KERNELS]
    limits = embedded.limits(kernels, centred=True)
    sheets_of = []
    for tower, part in enumerate(np.split(kernels, own.towers, axis=-1)):
        grid = filter_grid(part, 1, limits)
        count = part.shape[-1]
        colours = own.colourfulness[tower * count : (tower + 1) * count]
        sheets_of.append(
            {
                "src": embedded.exact(grid),
                "width": grid.shape[1],
                "height": grid.shape[0],
                "alt": f"kernels of {own.layer}, tower {tower + 1}, grey is 0: median "
                f"colourfulness {decimals(np.median(colours))}",
            }
        )
    return sheets_of


def _map(
    layer: LayerActivity, unit: int, values: np.ndarray, highest: float, tower: int
) -> dict[str, str]:
    step = -(-max(values.shape) // _MAP) if unit >= 0 else 1
    pixels = embedded.activation(values, highest)[::step, ::step]
    if unit < 0:
        active = f"{percent(float(np.mean(values > 0)))} of the units are above 0"
        alt = f"{layer.layer}, tower {tower + 1}: {active}"
        return {"unit": "", "src": embedded.exact(pixels), "alt": alt}
    name = page_text.unit_name(layer.layer, unit)
    active = f"{percent(float(np.mean(values > 0)))} of its places above 0"
    alt = f"map of {name}: at most {values.max():.3g}, {active}"
    return {"unit": name, "src": embedded.exact(pixels), "alt": alt}


def _heat(picture: Shown, values: np.ndarray) -> str:
    return embedded.photo(embedded.heat(picture.pixels, values), _HEAT)
