"""`look`: what a network has learnt and how it works, as a page and as drawings."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from keras_alexnet.commands.data_options import NamedData
from keras_alexnet.commands.opening import NO_EXPORT, ModelOptions
from keras_alexnet.commands.running import no_arguments, show_next
from keras_alexnet.inspection.networks import refuse_export
from keras_alexnet.live_line import PictureCount
from keras_alexnet.model_data import open_model_data
from keras_alexnet.seeing import look
from keras_alexnet.seeing.looking import check_installed
from keras_alexnet.seeing.report_directory import ReportDirectory
from keras_alexnet.settings import setting
from keras_alexnet.terminal import new_console, say

WRITES = True
NEXT = (
    ("evaluate", "--model=MODEL", "--data=SPEC"),
    ("anatomy", "--variant=VARIANT"),
)


@dataclasses.dataclass(frozen=True)
class Config(NamedData, ModelOptions):
    """The flags of `look`."""

    model: str | None = setting(None, NO_EXPORT, path=True)
    out: str | None = setting(
        None,
        "Directory for the page, the numbers and the drawings: a new one, or that of "
        "an earlier look, whose files are replaced.",
        path=True,
    )
    units: str = setting(
        "",
        "Which units of their layers to show, with commas between, as in "
        "conv5:12,fc7:0; a few of every other layer.",
    )
    compare: tuple[str, ...] = setting(
        (),
        "Another model to set beside it, such as the same network from another seed; "
        "may be given several times.",
        path=True,
    )
    limit: int = setting(1000, "How many pictures of each split to look at, at most.")
    seed: int = setting(0, "Seed of all that is drawn at random.")

    def check(self) -> None:
        """Raises ValueError for values that are out of range."""
        super().check()
        self.require("out", bool(self.out), "a directory, as --out=RUN/report")
        self.at_least(1, "limit")
        self.at_least(0, "seed")
        self.require("units", all(self.named()), "names as conv5:12, or none")

    def named(self) -> list[str]:
        """The units as they were named."""
        return [each.strip() for each in self.units.split(",")] if self.units else []


def main(config: Config, rest: list[str]) -> None:
    """Writes the report, and says where it is."""
    no_arguments(rest)
    assert config.out is not None
    # Before anything is opened: what would be in vain.
    check_installed()
    ReportDirectory(Path(config.out)).check()
    classifier = config.open()
    refuse_export(classifier)
    source = open_model_data(
        [classifier.origin], config.data, config.data_dir, config.manual_dir
    )
    console = new_console()
    for line in source.notes:
        say(console, line)
    with PictureCount(new_console(stderr=True)) as progress:
        page = look(
            classifier,
            config.out,
            source,
            units=config.named(),
            compare=config.compare,
            limit=config.limit,
            seed=config.seed,
            watch=progress.update,
            drawing=lambda done, total: progress.show(
                [f"drawing {done:,}/{total:,}"], done, total
            ),
        )
    drawings = len(list(page.parent.glob("*.png")))
    say(
        console,
        f"page      {page}\n"
        f"numbers   {page.with_name('numbers.json')}\n"
        f"drawings  {drawings}, each as PNG and SVG, in {page.parent}\n"
        f"\n"
        f"open in a browser: {page.absolute().as_uri()}",
    )
    if console.is_terminal:
        show_next(console, [("evaluate", f"--model={classifier.origin}")])
