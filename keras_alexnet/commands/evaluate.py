"""`evaluate`: loss, accuracy and errors on validation pictures."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from keras_alexnet import files
from keras_alexnet.commands.opening import MODEL, OpeningOptions
from keras_alexnet.commands.running import no_arguments, show_next
from keras_alexnet.data import Source, open_source
from keras_alexnet.data.division import Division
from keras_alexnet.data.folder import ALL
from keras_alexnet.data.opening import GRAMMAR
from keras_alexnet.data.sources import VALIDATION
from keras_alexnet.evaluation import Member, judge, judge_export
from keras_alexnet.live_line import PictureCount
from keras_alexnet.settings import setting
from keras_alexnet.terminal import new_console, say
from keras_alexnet.weights import runs

WRITES = False
NEXT = (
    ("predict", "--model=MODEL", "PICTURE..."),
    ("export", "--model=MODEL", "--export_dir=DIR"),
)


@dataclasses.dataclass(frozen=True)
class Config(OpeningOptions):
    """The flags of `evaluate`."""

    model: tuple[str, ...] = setting(
        (), f"{MODEL} Several are judged together, too.", path=True
    )
    data: str = setting("shapes", f"{GRAMMAR}.")
    data_dir: str | None = setting(
        None, "Where tensorflow-datasets keeps its data.", path=True
    )
    manual_dir: str | None = setting(
        None, "Where tensorflow-datasets finds what was downloaded by hand.", path=True
    )
    split: str | None = setting(
        None,
        "Which of the data's pictures, as in test; by default those for validation. "
        "Where a folder is divided, also train or all.",
    )
    val_share: float | None = setting(
        None,
        "How a folder is divided where no pictures are kept apart for validation; as "
        "the run was, or 0.2, by default.",
    )
    seed: int | None = setting(
        None, "Seed of that division; the run's, or 0, by default."
    )
    batch_size: int = setting(64, "Pictures at a time.")
    views: int = setting(1, "1, the centre, or 10: corners, centre and their mirrors.")

    def check(self) -> None:
        """Raises ValueError for values that are out of range."""
        self.at_least(1, "batch_size")
        self.at_least(0, "seed")
        if self.val_share is not None:
            self.below_one("val_share")
        self.require("views", self.views in (1, 10), "1 or 10")


def main(config: Config, rest: list[str]) -> None:
    """Prints the scores."""
    no_arguments(rest)
    classifiers = [config.opened(each) for each in config.model or (None,)]
    of_runs = {each.origin: _of_run(each.origin) for each in classifiers}
    division = _division(config, of_runs)
    source = open_source(
        config.data,
        config.data_dir,
        config.manual_dir,
        split=config.split,
        training=False,
        val_share=division.val_share,
        seed=division.seed,
    )
    if source.division is not None and config.split != ALL:
        _check_alike(config, of_runs)
    console = new_console()
    for line in source.notes:
        say(console, line)
    if source.division is not None and config.split is None:
        number = source.sizes[VALIDATION]
        say(console, f"evaluated: these {number}; all with --split=all")
    # On standard error, so that the output is the scores alone.
    with PictureCount(new_console(stderr=True)) as progress:
        watch = progress.update
        if len(classifiers) == 1 and classifiers[0].is_export:
            _check_views(config)
            found = [judge_export(classifiers[0], source, config.batch_size, watch)]
        else:
            members = [Member.of(each, source) for each in classifiers]
            for line in _notes(members, source):
                say(console, line)
            found = judge(members, source, config.batch_size, config.views, watch)
    for judged in found:
        say(console, judged.line(len(classifiers)))
    if console.is_terminal and len(classifiers) == 1:
        model = f"--model={(*config.model, config.model_dir)[0]}"
        export = [] if classifiers[0].is_export else [("export", model)]
        show_next(console, [("predict", model, "PICTURE"), *export])


def _division(config: Config, of_runs: dict[str, Division | None]) -> Division:
    """How to divide a folder: as the runs did, so that no picture was trained on."""
    known = next(filter(None, of_runs.values()), Division())
    return Division(
        known.val_share if config.val_share is None else config.val_share,
        known.seed if config.seed is None else config.seed,
    )


def _check_alike(config: Config, of_runs: dict[str, Division | None]) -> None:
    known = set(filter(None, of_runs.values()))
    if len(known) > 1 and None in (config.val_share, config.seed):
        raise ValueError(
            "runs that are evaluated together must have divided their folder alike, or "
            f"--val_share and --seed must be given. Received: {of_runs}"
        )


def _of_run(origin: str) -> Division | None:
    run = runs.run_of(Path(files.expanded(origin)))
    return None if run is None else runs.division(run)


def _check_views(config: Config) -> None:
    if config.views != 1:
        raise ValueError(
            "--views must be 1 for an export, which has its own views. "
            f"Received: --views={config.views} with {config.model or config.model_dir}"
        )


def _notes(members: list[Member], source: Source) -> list[str]:
    known, outputs = len(source.class_names), len(members[0].outputs)
    if known >= outputs:
        return []
    return [
        f"the data have {known} of the model's {outputs} classes; the other "
        f"{outputs - known} still compete"
    ]
