"""`evaluate`: loss, accuracy and errors on validation pictures."""

from __future__ import annotations

import dataclasses

from keras_alexnet.commands.data_options import DataOptions
from keras_alexnet.commands.opening import MODEL, OpeningOptions
from keras_alexnet.commands.running import no_arguments, show_next
from keras_alexnet.data import Source
from keras_alexnet.data.sources import VALIDATION
from keras_alexnet.evaluation import Member, judge, judge_export
from keras_alexnet.live_line import PictureCount
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
