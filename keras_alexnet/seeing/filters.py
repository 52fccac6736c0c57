"""The kernels of the first convolution, tower by tower (paper, figure 3)."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from keras_alexnet.inspection import filter_grid
from keras_alexnet.seeing.figures import new_figure

MARGIN = 24  # pixels around each tower
TITLE = 30  # pixels above each tower
_SIDE = 40  # pixels of a kernel, at least


def draw(
    kernels: np.ndarray,
    towers: int = 1,
    channel_order: str = "RGB",
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Draws each tower's kernels below a line that names it.

    All have one scale of grey. Weights are squares of whole pixels.

    Args:
        kernels: `[height, width, 3, count]`, tower after tower.
        towers: Number of towers.
        channel_order: Of the channels that they read: `"RGB"` or `"BGR"`.
        limits: The weights that are black and white; the smallest and the largest if
            not given, as in the source.
    """
    scale = -(-_SIDE // kernels.shape[0])
    limits = limits or (float(kernels.min()), float(kernels.max()))
    parts = np.split(kernels, towers, axis=-1)
    grids = [filter_grid(part, scale, limits, channel_order) for part in parts]
    height = sum(TITLE + grid.shape[0] for grid in grids) + MARGIN * (towers + 1)
    figure = new_figure(grids[0].shape[1] + 2 * MARGIN, height)
    top = height - MARGIN  # from the bottom, as matplotlib counts
    for tower, grid in enumerate(grids):
        title = _title(tower, towers, parts[tower].shape[-1])
        figure.text(
            MARGIN / figure.bbox.width, (top - TITLE / 2) / height, title, va="center"
        )
        top -= TITLE + grid.shape[0]
        # At its own pixels: an image in axes would be scaled a little.
        figure.figimage(grid, MARGIN, top, origin="upper")
        top -= MARGIN
    return figure


def _title(tower: int, towers: int, count: int) -> str:
    first = tower * count
    kernels = f"kernels conv1:{first} to conv1:{first + count - 1}"
    return f"tower {tower + 1}: {kernels}" if towers > 1 else kernels
