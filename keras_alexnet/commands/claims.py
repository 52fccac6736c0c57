"""`claims`: reruns what the paper claims at a size for a laptop, and judges."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from keras_alexnet.claims import registry, rerunning, text
from keras_alexnet.claims.records import CIFAR10, Claim
from keras_alexnet.claims.report_directory import ReportDirectory
from keras_alexnet.claims.result import Result
from keras_alexnet.claims.statistics import check_installed
from keras_alexnet.commands.running import show_next
from keras_alexnet.data import Source, open_source
from keras_alexnet.data.opening import GRAMMAR
from keras_alexnet.settings import Settings, setting
from keras_alexnet.terminal import new_console, say

WRITES = True
USAGE = "[NAME...], or all"
ALL = "all"
NEXT = (
    ("claims", "relu", "--quick", "--report=runs/claims/report"),
    ("claims", ALL, "--quick", "--report=runs/claims/report"),
)


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """The flags of `claims`."""

    quick: bool = setting(
        False, "Take the quick form, of some ten minutes on two cores, for a claim."
    )
    seeds: int | None = setting(
        None, "Seeds of each arm; those of the form if not given."
    )
    sweep: bool = setting(
        False,
        "Choose learning rates anew, by training pictures that are held out; else those "
        "that our sweep chose are taken.",
    )
    report: str | None = setting(
        None,
        "Directory for NAME.json, a picture of each claim and a page over all: a new "
        "one, or that of an earlier report.",
        path=True,
    )
    cifar10: str = setting(
        "tfds:cifar10", f"The small pictures of the claims: {GRAMMAR}."
    )
    photos: str = setting(
        "tfds:imagenette/320px-v2",
        f"The photos of those claims that need larger pictures: {GRAMMAR}.",
    )
    data_dir: str | None = setting(
        None, "Where tensorflow-datasets keeps its data.", path=True
    )
    runs: str = setting(
        "runs/claims",
        "Directory for the trained networks: a claim that was stopped resumes there.",
        path=True,
    )

    def check(self) -> None:
        """Raises ValueError for values that are out of range."""
        self.at_least(1, "seeds")
        for name in ("cifar10", "photos", "runs"):
            self.require(name, getattr(self, name) != "", "a name, not empty")
        self.require("report", self.report != "", "a directory, not empty")


def main(config: Config, rest: list[str]) -> None:
    """Reruns the claims that are named, or lists all."""
    console = new_console()
    check_installed()
    if not rest:
        say(console, text.listed([registry.get(name) for name in registry.names()]))
        show_next(console, NEXT)
        return
    names = registry.names() if rest == [ALL] else tuple(dict.fromkeys(rest))
    claims = [registry.get(name) for name in names]
    report = None if config.report is None else ReportDirectory(Path(config.report))
    if report is not None:
        report.check()
    for claim in claims:
        result = _rerun(config, claim)
        say(console, "\n".join(text.of_result(result)))
        if report is not None:
            page = report.write([result])
    if report is not None:
        say(console, f"\nopen in a browser: {page.absolute().as_uri()}")
    elif console.is_terminal:
        show_next(console, [("claims", *rest, "--report=runs/claims/report")])
