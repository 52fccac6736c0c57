"""Findings about a network that does not exist, of any size, drawn from a seed."""

from __future__ import annotations

import dataclasses

import numpy as np

from keras_alexnet.inspection.findings import (
    Answered,
    Attribution,
    Compared,
    Findings,
    KernelColours,
    LayerActivity,
    Map,
    Neighbours,
    Patch,
    Reliability,
    Retrieval,
    Shown,
    Split,
    Unit,
)

SCRIPT = "<script>alert(1)</script>"
# What people name their classes, and what a page may not fall for.
ODD_CLASSES = (
    SCRIPT,
    "\u202eright to left\u2066",
    "x" * 300,
    "蓝色的花",
    '"quoted" & so',
)
LAYERS = {
    "conv1": (55, 96, 11),
    "conv2": (27, 256, 51),
    "conv3": (13, 384, 99),
    "conv4": (13, 384, 131),
    "conv5": (13, 256, 163),
    "fc6": (0, 512, 224),
    "fc7": (0, 512, 224),
}


def findings(
    classes: int = 6,
    *,
    side: int = 64,
    towers: int = 2,
    compared: int = 0,
    units: int = 4,
    conv1: int = 96,
    validated: bool = True,
    pictures: int = 40,
) -> Findings:
    """Findings of the shapes that a real network gives.

    Args:
        classes: Number of classes; the first have the names of `ODD_CLASSES`.
        side: Of the pictures, in pixels.
        towers: Number of towers.
        compared: Number of other models.
        units: Units of each layer that have patches.
        conv1: Number of kernels of `conv1`.
        validated: Whether there are validation pictures of several kinds of answers.
        pictures: Number of different pictures.
    """
    return _Maker(classes, side, towers, conv1, pictures).findings(
        compared, units, validated
    )


class _Maker:
    def __init__(
        self, classes: int, side: int, towers: int, conv1: int, pictures: int
    ) -> None:
        self.rng = np.random.default_rng(0)
        more = (f"class {index}" for index in range(classes))
        self.names = (*ODD_CLASSES, *more)[:classes]
        self.side, self.towers, self.conv1 = side, towers, conv1
        self.pictures = [self.shown(index) for index in range(pictures)]

    def shown(self, index: int) -> Shown:
        rows, columns = np.mgrid[: self.side, : self.side] / self.side
        waves = np.sin(self.rng.uniform(3, 20) * (rows + columns)) * 40
        pixels = self.rng.uniform(60, 200, 3) + waves[..., None]
        pixels = pixels + self.rng.normal(0, 12, (self.side, self.side, 3))
        name = f"{SCRIPT}/{index}.jpg" if index == 1 else f"val/flower/{index:03d}.jpg"
        label = index % len(self.names)
        return Shown(name, label, np.clip(pixels, 0, 255).astype(np.uint8))

    def answered(self, index: int) -> Answered:
        picture = self.pictures[index]
        count = len(self.names) if len(self.names) < 6 else 5
        right = index % 3 != 0
        first = picture.label if right else (picture.label + 1) % len(self.names)
        others = [each for each in range(len(self.names)) if each != first]
        chosen = [first, *others[: count - 1]]
        scores = np.sort(self.rng.dirichlet(np.full(count, 0.4)))[::-1]
        pairs = zip(chosen, map(float, scores), strict=True)
        return Answered(picture, tuple(pairs), right)

    def retrieval(self, space: str) -> Retrieval:
        examples = tuple(
            Neighbours(
                self.pictures[index],
                tuple(self.pictures[10 + (index * 3 + step) % 25] for step in range(6)),
                tuple(float(10 + step) for step in range(6)),
            )
            for index in range(5)
        )
        precision = 0.812 if space == "fc7" else 0.31
        return Retrieval(space, examples, precision, 1 / len(self.names), 500, 2000)

    def colours(self, layer: str, split: float) -> KernelColours:
        count = self.conv1 if layer == "conv1" else 256
        half = count // max(self.towers, 2)  # of one tower the halves: a control
        colourful = self.rng.beta(2, 5, count)
        if self.towers > 1:
            colourful[half:] = np.clip(colourful[half:] + split, 0, 1)
        kernels = None
        if layer == "conv1":
            grey = self.rng.normal(0, 0.1, (11, 11, 1, count))
            hue = self.rng.normal(0, 0.1, (1, 1, 3, count))
            kernels = (grey + colourful * hue * 2).astype(np.float32)
        selectivity = np.clip(colourful + self.rng.normal(0, 0.1, count), 0, 1)
        selectivity[3] = np.nan
        area = float(np.mean(colourful[:half, None] > colourful[None, half:]))
        halves = (0.39, 0.5, 0.61)
        splits = {
            "colourfulness": Split(area, 0.0005, halves, 2000),
            "selectivity": Split(area + 0.05, 0.012, halves, 2000),
        }
        return KernelColours(
            layer, self.towers, kernels, colourful, selectivity, splits
        )

    def unit(self, layer: str, unit: int, field: int, count: int) -> Unit:
        tower = unit * self.towers // count
        patches = []
        for place in range(9):
            picture = self.pictures[self.rng.integers(len(self.pictures))]
            size = min(field, self.side)
            top, left = self.rng.integers(0, self.side - size + 1, 2)
            box = (int(top), int(left), int(top) + size, int(left) + size)
            patches.append(Patch(picture, box, 9.0 - place * 0.5))
        return Unit(layer, unit, tower, () if unit == 0 else tuple(patches))

    def layer(self, name: str, units: int) -> LayerActivity:
        size, count, field = LAYERS[name]
        if name == "conv1":
            count = self.conv1
        shape = (size, size, count) if size else (count,)
        example = np.maximum(self.rng.normal(0, 1, shape), 0).astype(np.float32)
        depth = list(LAYERS).index(name)
        dead = np.zeros(count, bool)
        dead[: 3 * depth : 3] = True
        separation = 0.35 + 0.08 * depth
        step = max(1, count // max(units, 1))
        return LayerActivity(
            name,
            self.towers,
            shape,
            field,
            example,
            self.rng.uniform(1, 9, count) * ~dead,
            self.rng.uniform(0, 0.5, count) * ~dead,
            dead,
            separation,
            (separation - 0.1, separation - 0.04)[: self.towers]
            if self.towers > 1
            else (),
            tuple(
                self.unit(name, number, field, count)
                for number in range(0, count, step)[:units]
            ),
        )

    def attribution(self, index: int) -> Attribution:
        picture = self.answered(index)
        rows, columns = np.mgrid[: self.side, : self.side] / self.side
        maps = []
        for method, correlation in (
            ("occlusion", 0.21),
            ("input gradient", 0.05),
            ("Grad-CAM", -0.11),
        ):
            hill = np.exp(-((rows - 0.4) ** 2 + (columns - 0.6) ** 2) / 0.03)
            noise = self.rng.normal(0, 1, (2, self.side, self.side))
            values = (hill + 0.2 * noise[0]).astype(np.float32)
            maps.append(Map(method, values, noise[1].astype(np.float32), correlation))
        return Attribution(picture, picture.classes[0][0], tuple(maps))

    def reliability(self) -> Reliability:
        edges = np.linspace(0, 1, 11)
        counts = np.array([0, 0, 3, 12, 30, 45, 60, 90, 120, 140])
        middle = (edges[1:] + edges[:-1]) / 2
        seen = counts > 0
        confidence = np.where(seen, middle, np.nan)
        accuracy = np.where(seen, np.clip(middle - 0.07, 0, 1), np.nan)
        return Reliability(edges, counts, confidence, accuracy, 0.07)

    def confused(self) -> tuple[tuple[int, int, int], ...]:
        count = len(self.names)
        right = [(label, label, 30) for label in range(count)]
        wrong = [(label, (label + 1) % count, 5 + label % 7) for label in range(count)]
        return tuple(sorted(right + wrong))

    def findings(self, compared: int, units: int, validated: bool) -> Findings:
        few = 8 if validated else 0
        return Findings(
            model="runs/made-up, epoch 14, the last",
            variant="paper",
            data="folder:made up",
            classes=self.names,
            data_classes=self.names,
            sizes={"train": 2000, "validation": 500},
            accuracy=0.904,
            top5=0.991 if len(self.names) > 5 else float("nan"),
            loss=0.412,
            colours=(self.colours("conv1", 0.3), self.colours("conv2", 0.05)),
            sign_free={
                f"{layer} {value}": (0.31, 0.0005)
                for layer in ("conv1", "conv2")
                for value in ("colourfulness", "selectivity")
            }
            if compared and self.towers > 1
            else {},
            retrieval=(self.retrieval("fc7"), self.retrieval("pixels")),
            examples=tuple(map(self.answered, range(few))),
            worst=tuple(map(self.answered, range(0, few, 3))),
            example=self.answered(2),
            layers=tuple(self.layer(name, units) for name in LAYERS),
            attributions=tuple(map(self.attribution, (2, 4)[: 2 if few else 0])),
            reliability=self.reliability(),
            confused=self.confused(),
            compared=tuple(
                Compared(
                    f"runs/other {number}",
                    (self.colours("conv1", -0.2), self.colours("conv2", 0.0)),
                    0.9 - number / 100,
                )
                for number in range(compared)
            ),
            notes=("selectivity of conv2 was measured on 400 pictures",),
            outputs=tuple(range(len(self.names))),
        )


def without(found: Findings, **changes: object) -> Findings:
    """The findings with some of them replaced."""
    return dataclasses.replace(found, **changes)
