"""`train`: a run from flags, and what to do with it."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from keras_alexnet import files
from keras_alexnet.commands.running import no_arguments, sibling
from keras_alexnet.training import Trainer
from keras_alexnet.training import TrainingConfig as Config
from keras_alexnet.training.run_settings import config_of_run
from keras_alexnet.training.stopping import STOPPED, Stopped
from keras_alexnet.weights import runs

WRITES = True


def configured(**given: Any) -> Config:
    """The settings: those that are given, and else those of the run in `model_dir`."""
    run = given.pop("model_dir", None)
    if run is None:
        return Config(**given)
    if runs.is_run(Path(files.expanded(run))):
        return config_of_run(run, **given)
    return Config(model_dir=run, **given)


def main(config: Config, rest: list[str]) -> None:
    """Trains, resumes a run, or reports that it is finished.

    Exits with the code `STOPPED` if a signal ended it, after its state was saved.
    """
    no_arguments(rest)
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
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
        done = "it was exported now" if result.exported else "nothing to do"
        console.print(f"{config.model_dir} holds this run, finished: {done}")
    _report(console, config, result.values)


def _report(console: Console, config: Config, values: dict) -> None:
    run, validated = config.model_dir, bool(values["val_pictures"])
    scores = "trained without validation pictures"
    if validated:
        scores = (
            f"val top-1 {values['val_top1']:.3f}, top-5 {values['val_top5']:.3f}, "
            f"loss {values['val_loss']:.3f} on {values['val_pictures']} pictures"
        )
    console.print(
        f"{scores}{_of_epochs(run, values)}\n"
        f"\n"
        f"result       {run}/{runs.RESULT}\n"
        f"each epoch   {run}/{runs.METRICS}\n"
        f"settings     {run}/{runs.SETTINGS}\n"
        f"checkpoints  {run}/{runs.CHECKPOINTS}\n"
        f"TensorBoard  tensorboard --logdir={run}/{runs.EVENTS}"
    )
    if values.get("export") is not None:
        console.print(f"SavedModel   {values['export']}")
    data = [f"--data={config.data}"]
    if config.data_dir is not None:
        data.append(f"--data_dir={config.data_dir}")
    model = f"--model={run}"
    console.print("\nnext:")
    for command, *arguments in (
        ("predict", model, f"{run}/{runs.EXAMPLE}"),
        *([("evaluate", model, *data)] if validated else []),
        ("export", model, "--export_dir=exports/mine"),
    ):
        console.print(f"  {sibling(command)} {shlex.join(arguments)}")


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
