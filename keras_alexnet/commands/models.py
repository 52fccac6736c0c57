"""`models`: the networks and the published weights that there are, as a table."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from keras_alexnet import architectures
from keras_alexnet.architectures.anatomy import anatomy
from keras_alexnet.commands.running import no_arguments, show_next
from keras_alexnet.reasons import printable
from keras_alexnet.settings import Settings, setting
from keras_alexnet.terminal import new_console, say, say_table
from keras_alexnet.weights import cache, published

WRITES = False
NEXT = (
    ("anatomy", "--variant=paper"),
    ("predict", "--model=imagenet", "PICTURE..."),
)
_CLASSES = 1000


@dataclasses.dataclass(frozen=True)
class Config(Settings):
    """The flags of `models`."""

    json: bool = setting(False, "Print a JSON object in place of the tables.")


def main(config: Config, rest: list[str]) -> None:
    """Prints the variants and the weight sets."""
    no_arguments(rest)
    variants = [_variant(name) for name in architectures.names()]
    weights = [_weights(name) for name in published.names()]
    if config.json:
        print(json.dumps({"variants": variants, "weights": weights}, indent=2))
        return
    console = new_console()
    _say_variants(console, variants)
    _say_weights(console, weights)
    if console.is_terminal:
        show_next(console, NEXT)


def _variant(name: str) -> dict[str, Any]:
    counted = anatomy(architectures.get(name), classes=_CLASSES)
    return {
        "name": name,
        "parameters": counted.totals.parameters,
        "multiply_adds": counted.totals.multiply_adds,
        "input": counted.image_size,
        "weights": [
            each for each in published.names() if published.get(each).variant == name
        ],
    }


def _weights(name: str) -> dict[str, Any]:
    record = published.get(name)
    path = cache.location(record)
    return {
        "name": name,
        "is": record.name,
        "variant": record.variant,
        "parameters": record.parameters,
        "input": record.image_size,
        "top1": record.top1,
        "top5": record.top5,
        "measured_on": record.protocol,
        "licence": record.licence,
        "cached": str(path) if path.is_file() else None,
    }


def _say_variants(console: Console, variants: Sequence[dict[str, Any]]) -> None:
    table = _table("variant", ("parameters", "multiply-adds", "input"), ("weights",))
    for each in variants:
        table.add_row(
            each["name"],
            f"{each['parameters']:,}",
            f"{each['multiply_adds']:,}",
            _square(each["input"]),
            ", ".join(each["weights"]) or "–",
        )
    say_table(console, table)
    say(console, f"For {_CLASSES} classes; multiply-adds of one picture, forward.\n")


def _say_weights(console: Console, weights: Sequence[dict[str, Any]]) -> None:
    numbers, texts = ("top-1 / top-5", "input"), ("variant", "licence", "cached")
    table = _table("weights", numbers, texts)
    for each in weights:
        alias = "" if each["is"] == each["name"] else f" = {each['is']}"
        table.add_row(
            f"{each['name']}{alias}",
            f"{each['top1'] or '–'} / {each['top5'] or '–'}",
            _square(each["input"]),
            each["variant"],
            each["licence"],
            printable(each["cached"] or "no"),
        )
    say_table(console, table)
    say(
        console,
        "Accuracies in per cent are the publishers'; – where none is stated in words.",
    )


def _square(side: int) -> str:
    return f"{side}×{side}"


def _table(first: str, numbers: Sequence[str], texts: Sequence[str]) -> Table:
    """A table with these columns, of which the texts may be broken."""
    table = Table(box=None, pad_edge=False)
    table.add_column(first, no_wrap=True)
    for title in numbers:
        table.add_column(title, justify="right", no_wrap=True)
    for title in texts:
        table.add_column(title, overflow="fold")
    return table
