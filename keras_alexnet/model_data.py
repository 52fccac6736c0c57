"""The data of a model: a run's own by default, and divided as the run divided them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from keras_alexnet import files
from keras_alexnet.data import Source, open_source
from keras_alexnet.data.division import VAL_SHARE, Division
from keras_alexnet.data.folder import ALL
from keras_alexnet.weights import runs


def open_model_data(
    models: Sequence[str],
    data: str | None = None,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    *,
    split: str | None = None,
    training: bool = True,
    check_pictures: bool = True,
    val_share: float | None = None,
    seed: int | None = None,
) -> Source:
    """Opens the data of models.

    Where nobody kept pictures apart for validation, they are divided as the runs did,
    so that none was trained on.

    Args:
        models: Each by name or path, as `keras_alexnet.Classifier` takes it.
        data: What to open, as `open_source` takes it; by default that of the runs
            among the models.
        data_dir: As for `open_source`; the runs' own by default, with their data.
        manual_dir: Likewise.
        split: As for `open_source`.
        training: As for `open_source`.
        check_pictures: As for `open_source`.
        val_share: In place of the runs' own.
        seed: In place of the runs' own.

    Raises:
        ValueError: If there are no data, or the models had different ones; or as
            `open_source` raises it.

    Example:

    >>> open_model_data(["runs/quickstart"]).spec  # doctest: +SKIP
    'shapes'
    """
    of_models = {each: runs.run_of(Path(files.expanded(each))) for each in models}
    found = {name: run for name, run in of_models.items() if run is not None}
    default = Division()
    named = data is not None
    if data is None:
        own = _own_data(models, found)
        data = own["data"]
        # With 0 the run did without validation pictures.
        default = Division(float(own.get("val_share", VAL_SHARE)))
        data_dir = data_dir or own.get("data_dir")
        manual_dir = manual_dir or own.get("manual_dir")
    divisions = {name: runs.division(run) for name, run in found.items()}
    known = next(filter(None, divisions.values()), default)
    try:
        source = open_source(
            data,
            data_dir,
            manual_dir,
            check_pictures=check_pictures,
            split=split,
            training=training,
            val_share=known.val_share if val_share is None else val_share,
            seed=known.seed if seed is None else seed,
        )
    except ValueError as error:
        if named:
            raise
        # A relative path is one from where the run was trained.
        raise ValueError(
            f"{error} (the data of {', '.join(found)}; --data names others)"
        ) from error
    if source.division is not None and split != ALL and None in (val_share, seed):
        _check_alike(divisions)
    return source


def trained_on_others(models: Sequence[str], spec: str) -> list[str]:
    """A line for each run that was trained on other data than these.

    Whether two data sets share pictures cannot be known by their names.

    Args:
        models: Each by name or path, as `keras_alexnet.Classifier` takes it.
        spec: The data, as `open_source` takes them.
    """
    others = {name: other_data(name, spec) for name in models}
    return [
        f"{name} was trained on other data ({own}): some of these pictures may be "
        "among them"
        for name, own in others.items()
        if own
    ]


def other_data(model: str, spec: str) -> str:
    """The data that a run was trained on, if they are not these; else empty.

    Args:
        model: By name or path, as `keras_alexnet.Classifier` takes it.
        spec: The data, as `open_source` takes them; paths are compared as a whole.
    """
    run = runs.run_of(Path(files.expanded(model)))
    own = "" if run is None else runs.settings(run).get("data", "")
    return own if _place(own) != _place(spec) else ""


def _place(spec: str) -> str:
    """A data set's name with the whole path, if it has one."""
    kind, _, path = spec.partition(":")
    if kind not in ("folder", "records"):
        return spec
    return f"{kind}:{os.path.realpath(files.expanded(path))}"


def _own_data(models: Sequence[str], found: dict[str, Path]) -> dict[str, str]:
    """The settings of the runs, which have the same data."""
    own = [runs.settings(run) for run in found.values()]
    if not own:
        raise ValueError(
            "--data must be given for a model that is no run. Received: "
            f"--model={', '.join(models)}"
        )
    for run, each in zip(found.values(), own, strict=True):
        if not each.get("data"):
            raise ValueError(
                "the settings of a run must be as train wrote them; restore the file, "
                f"or give --data. Received: {str(run / runs.SETTINGS)!r}, without data"
            )
    specs = {each["data"] for each in own}
    if len(specs) > 1:
        raise ValueError(
            "--data must be given for runs of different data. Received: "
            f"{', '.join(sorted(specs))}"
        )
    return own[0]


def _check_alike(divisions: dict[str, Division | None]) -> None:
    if len(set(filter(None, divisions.values()))) > 1:
        raise ValueError(
            "runs that are evaluated together must have divided their folder alike, or "
            f"--val_share and --seed must be given. Received: {divisions}"
        )
