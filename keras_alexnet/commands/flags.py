"""absl flags made from the fields of a dataclass, and the dataclass from them."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from typing import Any, TypeVar

from absl import flags

from keras_alexnet import files
from keras_alexnet.commands.flagfiles import Flags

Config = TypeVar("Config")

_DEFINERS: dict[type, Callable[..., Any]] = {
    str: flags.DEFINE_string,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_bool,
}


def option(default: Any, help: str, path: bool = False) -> Any:
    """A dataclass field that is a flag.

    Args:
        default: Its value if it is not given.
        help: What it is.
        path: Whether it names a file or a directory, where `~` is the home.
    """
    return dataclasses.field(default=default, metadata={"help": help, "path": path})


def parse(
    kind: type[Config], arguments: list[str], usage: str = ""
) -> tuple[Config, list[str]]:
    """Makes a `kind` from command-line arguments.

    Args:
        kind: A dataclass whose fields have metadata `help`, and `choices` or `path`
            perhaps. A field `tuple[str, ...]` is a flag that may be given several
            times.
        arguments: The program's name, flags (`--flagfile` among them), the rest.
        usage: What the rest is, for the help.

    Returns:
        The dataclass, and what is no flag.

    Raises:
        absl.flags.Error: If a flag is unknown or its value not of its type.
        ValueError: If the dataclass refuses a value, or a flagfile is none.
        SystemExit: With code 0 and the flags on standard output, for `--help`.
    """
    values = Flags()
    values.set_gnu_getopt()  # flags may stand behind the rest: a.jpg --top_k=1
    types = typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        _define(values, field, types[field.name])
    flags.DEFINE_bool("help", False, "Show this.", flag_values=values, short_name="h")
    rest = values(arguments)[1:]
    if values["help"].value:
        print(f"usage: {arguments[0]} [flags] {usage}\n{values.get_help()}")
        raise SystemExit(0)
    given = {name: values[name].value for name in types if name in values}
    several = {n for n, each in types.items() if typing.get_origin(each) is tuple}
    given |= {name: tuple(given[name] or ()) for name in several & given.keys()}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        value: Any = given[field.name]
        if field.metadata.get("path") and value:
            given[field.name] = _expanded(value)
    return kind(**given), rest


def _expanded(given: str | tuple[str, ...]) -> str | tuple[str, ...]:
    if isinstance(given, tuple):
        return tuple(map(files.expanded, given))
    return files.expanded(given)


def _define(values: flags.FlagValues, field: Any, annotation: Any) -> None:
    if typing.get_origin(annotation) is tuple:  # of strings: given once for each
        flags.DEFINE_multi_string(
            field.name,
            list(field.default) or None,
            field.metadata["help"],
            flag_values=values,
        )
        return
    optional = [each for each in typing.get_args(annotation) if each is not type(None)]
    kind = optional[0] if optional else annotation
    if field.metadata.get("choices"):
        flags.DEFINE_enum(
            field.name,
            field.default,
            list(field.metadata["choices"]),
            field.metadata["help"],
            flag_values=values,
        )
        return
    _DEFINERS[kind](
        field.name, field.default, field.metadata["help"], flag_values=values
    )
