"""`train`: a run from flags, and what to do with it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from keras_alexnet import files
from keras_alexnet.commands.running import no_arguments, show_next
from keras_alexnet.evaluation import shows_top5
from keras_alexnet.seeing.looking import check_installed
from keras_alexnet.terminal import new_console, say
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.training.run_settings import config_of_run
from keras_alexnet.training.stopping import STOPPED, Stopped
from keras_alexnet.weights import runs

WRITES = True
Config = TrainingConfig
NEXT = (
    ("predict", "--model=RUN", "PICTURE..."),
    ("evaluate", "--model=RUN", "--data=SPEC"),
    ("look", "--model=RUN", "--out=DIR"),
    ("export", "--model=RUN", "--export_dir=DIR"),
)


def configured(**given: Any) -> TrainingConfig:
    """The settings: those that are given, and else those of the run in `model_dir`.

    Raises:
        ValueError: If they do not fit, or neither data nor a run are given: a typing
            error in the name of a run would begin another one, of many hours.
    """
    run = given.get("model_dir")
    if run is not None and runs.is_run(Path(files.expanded(run))):
        return config_of_run(**given)
    config = TrainingConfig(**given)
    if "data" not in given:
        raise ValueError(_without_data(run))
    return config


def _without_data(run: str | None) -> str:
    what = "no --data" if run is None else f"--model_dir={run}, where no run is"
    return (
        "what to train on must be given: --data=folder:DIR, photos in DIR/CLASS/; or "
        "--flagfile=configs/quickstart.flags for a first run on drawn pictures (some 4 "
        f"minutes). Received: {what}"
    )


def main(config: TrainingConfig, rest: list[str]) -> None:
    """Trains, resumes a run, or reports that it is finished.

    Exits with the code `STOPPED` if a signal ended it, after its state was saved.
    """
    no_arguments(rest)
    console = new_console()
    trainer = Trainer(config, console)
    if config.dry_run:
        trainer.dry_run()
        return
    try:
        result = trainer.fit()
    except Stopped as stopped:
        print(f"train: {stopped}; the same command resumes it", file=sys.stderr)
        raise SystemExit(STOPPED) from stopped
    if not result.fresh:
        now = [
            f"{done} now"
            for done, holds in (
                ("it was exported", result.exported),
                ("its pictures were drawn", result.drawn),
                ("its report was made", result.reported),
            )
            if holds
        ]
        what = " and ".join(now) or "nothing to do"
        say(console, f"{config.model_dir} holds this run, finished: {what}")
    _report(console, config, result.values)


def _report(console: Console, config: TrainingConfig, values: dict) -> None:
    run, validated = config.model_dir, bool(values["val_pictures"])
    scores = "trained without validation pictures"
    if validated:
        top5 = ""
        if shows_top5(len(runs.class_names(Path(run)))):
            top5 = f"top-5 {values['val_top5']:.3f}, "
        scores = (
            f"val top-1 {values['val_top1']:.3f}, {top5}loss {values['val_loss']:.3f} "
            f"on {values['val_pictures']} pictures"
        )
    say(
        console,
        f"{scores}{_of_epochs(run, values)}\n"
        f"\n"
        f"result       {run}/{runs.RESULT}\n"
        f"each epoch   {run}/{runs.METRICS}\n"
        f"settings     {run}/{runs.SETTINGS}\n"
        f"checkpoints  {run}/{runs.CHECKPOINTS}\n"
        f"TensorBoard  tensorboard {shlex.quote(f'--logdir={run}/{runs.EVENTS}')}",
    )
    drawn = [name for name in runs.PICTURES if (Path(run) / name).is_file()]
    if drawn:
        say(console, "pictures     " + "  ".join(f"{run}/{name}" for name in drawn))
    page = Path(run) / runs.REPORT / "report.html"
    if page.is_file():
        say(console, f"report       {page}")
    if values.get("export") is not None:
        say(console, f"SavedModel   {values['export']}")
    data = [f"--data={config.data}"]
    for name in ("data_dir", "manual_dir"):
        if getattr(config, name) is not None:
            data.append(f"--{name}={getattr(config, name)}")
    model = f"--model={run}"
    show_next(
        console,
        [
            ("predict", model, f"{run}/{runs.EXAMPLE}"),
            *([("evaluate", model, *data)] if validated else []),
            *(
                [("look", model, f"--out={run}/{runs.REPORT}")]
                if not page.is_file() and _can_look()
                else []
            ),
            ("export", model, f"--export_dir=exports/{Path(run).name}"),
        ],
    )


def _can_look() -> bool:
    """Whether the packages of `look` are installed, which draws."""
    try:
        check_installed()
    except ValueError:
        return False
    return True


def _of_epochs(run: str, values: dict) -> str:
    """Which epoch has these values, and which one is the best."""
    best = values.get("best")  # earlier versions wrote none
    if best is None:
        return ""
    if best["epoch"] == values["epochs"]:
        return f": epoch {values['epochs']}, the last and the best"
    kept = runs.best_checkpoint(Path(run)) is not None
    return (
        f": epoch {values['epochs']}, the last\n"
        f"best epoch {best['epoch']}: val top-1 {best['val_top1']:.3f}, "
        + (f"--model={run}/{runs.BEST}" if kept else "not kept (--keep)")
    )
