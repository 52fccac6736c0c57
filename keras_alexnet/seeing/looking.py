"""`look`: what a network has learnt and how it works, as a page and as drawings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from keras_alexnet import files, inspection
from keras_alexnet.classifier import Classifier
from keras_alexnet.data import Source
from keras_alexnet.inspection import Findings
from keras_alexnet.inspection.networks import refuse_export
from keras_alexnet.model_data import open_model_data
from keras_alexnet.seeing.report_directory import ReportDirectory
from keras_alexnet.weights import runs

Watch = Callable[[int, int], object]
_PACKAGES = {"matplotlib": "matplotlib", "jinja2": "Jinja2"}


def look(
    model: str | os.PathLike | Classifier,
    out: str | os.PathLike,
    data: str | Source | None = None,
    *,
    units: Sequence[str] = (),
    compare: Sequence[str | os.PathLike | Classifier] = (),
    limit: int = 1000,
    seed: int = 0,
    watch: Watch | None = None,
    drawing: Watch | None = None,
) -> Path:
    """Looks into a network, and writes what is to be seen into a directory.

    `report.html` is one page that needs no network; `numbers.json` has all numbers; and
    each drawing is a PNG and an SVG file.

    Args:
        model: The network, as `keras_alexnet.Classifier` takes it, but no export.
        out: The directory: a new or an empty one, or that of an earlier look, whose
            files are replaced.
        data: The pictures, as `--data` names them; a run's own if not given.
        units: Which units of their layers to show, as `"conv5:12"`; a few of every
            other layer.
        compare: Other networks to set beside it.
        limit: At most as many training and as many validation pictures are drawn.
        seed: Of all that is drawn at random.
        watch: Called with how much is done and how much there is, in pictures.
        drawing: Called likewise when that is done, in drawings.

    Returns:
        The path of the page.

    Raises:
        ValueError: If matplotlib or Jinja is not installed, `out` is not such a
            directory, there are no data, or as `keras_alexnet.inspection.look` raises
            it.

    Example:

    >>> import keras_alexnet.seeing
    >>> keras_alexnet.seeing.look("runs/quickstart", "look")  # doctest: +SKIP
    PosixPath('look/report.html')
    """
    check_installed()
    directory = ReportDirectory(files.given_path("out", out))
    directory.check()
    classifier = _opened(model)
    refuse_export(classifier)
    run = runs.run_of(Path(files.expanded(classifier.origin)))
    rows = [] if run is None else runs.metrics(run)
    if not isinstance(data, Source):
        data = open_model_data([classifier.origin], data)
    found = inspection.look(
        classifier,
        data,
        units=units,
        compare=[_opened(each) for each in compare],
        limit=limit,
        seed=seed,
        watch=watch,
    )
    return write(found, directory.path, rows, drawing)


def write(
    found: Findings,
    out: Path,
    rows: Sequence[Mapping[str, Any]] = (),
    drawing: Watch | None = None,
) -> Path:
    """Writes a report of findings into a directory.

    Args:
        found: The findings.
        out: The directory, as for `look`.
        rows: The lines of a run's `metrics.csv`; none for other models.
        drawing: Called with how many drawings are done, the page for one, and how many
            there are.

    Returns:
        The path of the page.
    """
    check_installed()
    # Here, since no other command needs matplotlib.
    from keras_alexnet.seeing import drawings, figures
    from keras_alexnet.seeing.page import page

    directory = ReportDirectory(out)
    directory.check()
    with figures.drawing():
        drawn = dict(drawings.of_findings(found, rows))
        directory.begin(inspection.numbers(found), drawn)
        for done, (name, draw) in enumerate(drawn.items()):
            if drawing is not None:
                drawing(done, len(drawn) + 1)
            directory.write_drawing(name, draw())
        if drawing is not None:
            drawing(len(drawn), len(drawn) + 1)
        html = page(found, rows)
    return directory.end(html)


def check_installed() -> None:
    """Raises ValueError if a package that draws is not installed."""
    lacking = [name for package, name in _PACKAGES.items() if not find_spec(package)]
    if lacking:
        raise ValueError(
            "a report needs matplotlib and Jinja2: pip install "
            f"'keras-alexnet[seeing]'. Received: no {' and no '.join(lacking)}"
        )


def _opened(model: str | os.PathLike | Classifier) -> Classifier:
    return model if isinstance(model, Classifier) else Classifier(model)
