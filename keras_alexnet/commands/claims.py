"""`claims`: reruns what the paper claims at a size for a laptop, and judges."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from keras_alexnet.claims import registry, statistics, text
from keras_alexnet.claims.records import CIFAR10, PHOTOS, Claim
from keras_alexnet.claims.rerunning import rerun
from keras_alexnet.claims.result import Result
from keras_alexnet.commands.running import show_next
from keras_alexnet.data import Source, open_source
from keras_alexnet.data.opening import GRAMMAR
from keras_alexnet.seeing.looking import check_installed
from keras_alexnet.settings import Settings, setting
from keras_alexnet.terminal import new_console, say, say_table
from keras_alexnet.training.stopping import STOPPED, Stopped

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
        False, "Take the quick form, meant for ten minutes a claim on two cores."
    )
    seeds: int | None = setting(
        None, "Seeds of each arm; those of the form if not given."
    )
    sweep: bool = setting(
        False,
        "Choose learning rates anew, by training pictures that are held out; if not, "
        "those of an earlier sweep are taken.",
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
    """Reruns the claims that are named, or lists all.

    Exits with the code `STOPPED` if a signal ended it, after the state of the run was
    saved.
    """
    console = new_console()
    if not rest:
        _list(console)
        return
    statistics.check_installed()
    names = registry.names() if ALL in rest else tuple(dict.fromkeys(rest))
    claims = [registry.get(name) for name in names]
    report = None if config.report is None else Path(config.report)
    if report is not None:
        check_installed()
        from keras_alexnet.claims import report_directory  # imports matplotlib

        report_directory.check(report)
    results = []
    for result in _rerun(config, claims, console):
        text.say(console, result)
        results.append(result)
        if report is not None:
            page = report_directory.write([result], report)
    if len(results) > 1:
        say(console, "")
        text.say_all(console, results)
    if report is not None:
        say(console, f"\nopen in a browser: {page.absolute().as_uri()}")
    elif console.is_terminal:
        show_next(console, [("claims", *rest, "--report=runs/claims/report")])


def _list(console: Console) -> None:
    table = Table(box=None, pad_edge=False)
    for title in ("claim", "section", "statement"):
        table.add_column(title, no_wrap=title != "statement")
    for name in registry.names():
        claim = registry.get(name)
        table.add_row(name, claim.section or "–", claim.statement)
    say_table(console, table)
    show_next(console, NEXT)


def _rerun(config: Config, claims: list[Claim], console: Console) -> Iterator[Result]:
    """What comes of each claim, as soon as it is there."""
    sources = _Sources(config)
    working = console.status if console.is_terminal else contextlib.nullcontext
    for claim in claims:
        try:
            yield rerun(
                claim,
                Path(config.runs),
                sources.of(claim),
                quick=config.quick,
                seeds=config.seeds,
                sweep=config.sweep,
                command=_command(config, claim),
                say=lambda line: say(console, line),
                working=working,
            )
        except Stopped as stopped:
            print(
                f"claims: {claim.name}: {stopped}; the same command resumes it",
                file=sys.stderr,
            )
            raise SystemExit(STOPPED) from stopped


class _Sources:
    """The data of claims, each opened once, when it is needed."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._open: dict[str, Source] = {}

    def of(self, claim: Claim) -> Source | None:
        """The data of a claim; None if it reads none."""
        if not claim.data:
            return None
        if claim.data not in self._open:
            spec = getattr(self._config, claim.data)
            try:
                self._open[claim.data] = open_source(spec, self._config.data_dir)
            except ValueError as error:
                raise ValueError(f"--{claim.data}={spec}: {error}") from error
        return self._open[claim.data]


def _command(config: Config, claim: Claim) -> list[str]:
    """The command that gives the result again: what is not a default."""
    flags = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        other = field.name in (CIFAR10, PHOTOS) and field.name != claim.data
        shown = field.name not in ("report", "runs", "data_dir") and not other
        if shown and value != field.default:
            flags.append(
                f"--{field.name}" if value is True else f"--{field.name}={value}"
            )
    return ["keras-alexnet", "claims", claim.name, *flags]
