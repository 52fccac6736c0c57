"""`evaluate`: loss, accuracy and errors on validation pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from keras_alexnet.commands.data_options import DataOptions
from keras_alexnet.commands.opening import MODEL, OpeningOptions
from keras_alexnet.commands.running import no_arguments, show_next
from keras_alexnet.data import Source
from keras_alexnet.data.sources import VALIDATION
from keras_alexnet.evaluation import Member, judge, judge_export
from keras_alexnet.evaluation.judging import check
from keras_alexnet.live_line import PictureCount
from keras_alexnet.model_data import trained_on_others
from keras_alexnet.settings import setting
from keras_alexnet.terminal import new_console, say

WRITES = False
NEXT = (
    ("predict", "--model=MODEL", "PICTURE..."),
    ("export", "--model=MODEL", "--export_dir=DIR"),
)


@dataclasses.dataclass(frozen=True)
class Config(DataOptions, OpeningOptions):
    """The flags of `evaluate`."""

    model: tuple[str, ...] = setting(
        (), f"{MODEL} Several are judged together, too.", path=True
    )
    split: str | None = setting(
        None,
        "Which of the data's pictures, as in test; by default those for validation. "
        "Where a folder is divided, also train or all.",
    )
    batch_size: int = setting(64, "Pictures at a time.")
    views: int = setting(1, "1, the centre, or 10: corners, centre and their mirrors.")

    def check(self) -> None:
        """Raises ValueError for values that are out of range."""
        super().check()
        self.at_least(1, "batch_size")
        self.require("views", self.views in (1, 10), "1 or 10")


def main(config: Config, rest: list[str]) -> None:
    """Prints the scores."""
    no_arguments(rest)
    classifiers = [config.opened(each) for each in config.model or (None,)]
    names = [each.origin for each in classifiers]
    source = config.open_data(names, config.split, training=False)
    console = new_console()
    members: list[Member] = []
    if len(classifiers) == 1 and classifiers[0].is_export:
        _check_views(config)
    else:
        members = [Member.of(each, source) for each in classifiers]
        check(members, source, config.views)
    # Only what will be evaluated is spoken of.
    for line in _notes(config, names, members, source):
        say(console, line)
    # On standard error, so that the output is the scores alone.
    with PictureCount(new_console(stderr=True)) as progress:
        watch = progress.update
        if members:
            found = judge(members, source, config.batch_size, config.views, watch)
        else:
            found = [judge_export(classifiers[0], source, config.batch_size, watch)]
    for judged in found:
        say(console, judged.line(len(classifiers)))
    if console.is_terminal and len(classifiers) == 1:
        model = f"--model={(*config.model, config.model_dir)[0]}"
        export = [] if classifiers[0].is_export else [("export", model)]
        show_next(console, [("predict", model, "PICTURE"), *export])


def _check_views(config: Config) -> None:
    if config.views != 1:
        raise ValueError(
            "--views must be 1 for an export, which has its own views. "
            f"Received: --views={config.views} with {config.model or config.model_dir}"
        )


def _notes(
    config: Config, models: list[str], members: list[Member], source: Source
) -> Iterator[str]:
    """What a person should know of these pictures and models, a line each."""
    yield from source.notes
    if source.division is not None and config.split is None:
        yield f"evaluated: these {source.sizes[VALIDATION]}; all with --split=all"
    if len(models) > 1 or source.division is not None:
        yield from trained_on_others(models, source.spec)
    known = len(source.class_names)
    outputs = len(members[0].outputs) if members else known
    if known < outputs:
        yield (
            f"the data have {known} of the model's {outputs} classes; the other "
            f"{outputs - known} still compete"
        )
