"""The pictures in the directory of a run, drawn from what is in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from matplotlib.figure import Figure

from keras_alexnet import files
from keras_alexnet.evaluation import Confusion
from keras_alexnet.reasons import reason
from keras_alexnet.seeing import confusion, curves, figures, filters
from keras_alexnet.weights import run_weights, runs


def draw(run: Path, names: Iterable[str] = runs.PICTURES) -> list[str]:
    """Draws pictures of a run into its directory.

    Args:
        run: The directory of a run that has a checkpoint.
        names: Which of `runs.PICTURES` to draw.

    Returns:
        A line for each picture that could not be drawn, with the reason.

    Example:

    >>> draw(Path("runs/quickstart"))  # doctest: +SKIP
    []
    """
    faults = []
    with figures.drawing():
        for name in names:
            try:
                files.write_bytes(run / name, figures.png(_DRAWN[name](run)))
            except Exception as error:  # whatever it is, the run itself is good
                faults.append(f"{name} was not drawn: {reason(error)}")
    return faults


def _curves(run: Path) -> Figure:
    return curves.draw(runs.metrics(run))


def _confusion(run: Path) -> Figure:
    names = runs.class_names(run)
    return confusion.draw(Confusion.read(run / runs.CONFUSION, len(names)), names)


def _filters(run: Path) -> Figure:
    return filters.draw(
        run_weights.first_kernels(run),
        runs.architecture(run).towers,
        runs.recipe(run).preprocessing.channel_order,
    )


_DRAWN: dict[str, Callable[[Path], Figure]] = {
    runs.CURVES: _curves,
    runs.CONFUSION_PICTURE: _confusion,
    runs.FILTERS: _filters,
}
