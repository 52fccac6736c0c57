"""absl flags made from the fields of a dataclass, and the dataclass from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from absl import flags

from keras_alexnet.commands import suggestions
from keras_alexnet.commands.flagfiles import Flags
from keras_alexnet.reasons import near
from keras_alexnet.settings import kinds

Config = TypeVar("Config")
_VERSION = "version"

_DEFINERS: dict[type, Callable[..., Any]] = {
    str: flags.DEFINE_string,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_bool,
    tuple: flags.DEFINE_multi_string,
}


def parse(
    kind: type[Config],
    arguments: list[str],
    usage: str = "",
    make: Callable[..., Config] | None = None,
    help_end: str = "",
) -> tuple[Config, list[str]]:
    """Makes a `kind` from command-line arguments.

    Args:
        kind: A dataclass whose fields are made by `keras_alexnet.settings.setting`.
        arguments: The program's name, flags (`--flagfile` among them), the rest.
        usage: What the rest is, for the help.
        make: Makes it from the settings that are given, on the command line or in a
            flagfile; `kind` itself if None, with its defaults for the others.
        help_end: The last lines of the help.

    Returns:
        The dataclass, and the arguments that are no flags.

    Raises:
        absl.flags.Error: If the value of a flag is not of its type.
        ValueError: If a flag is unknown, the dataclass refuses a value, or a flagfile
            is damaged.
        SystemExit: With code 0, after the flags or the versions were printed, for
            `--help` and `--version`.
    """
    values = Flags()
    values.set_gnu_getopt()  # flags may come after the rest: a.jpg --top_k=1
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        _define(values, field, kinds(kind)[field.name])
    flags.DEFINE_bool("help", False, "Show this.", flag_values=values, short_name="h")
    if _VERSION not in values:  # that of an export is another one
        text = "Show the versions of the package, TensorFlow and Keras."
        flags.DEFINE_bool(_VERSION, False, text, flag_values=values, short_name="V")
    try:
        rest = values(arguments)[1:]
    except flags.UnrecognizedFlagError as error:
        raise suggestions.unknown_flag(error.flagname, values) from error
    if values["help"].value:
        usage = f"usage: {arguments[0]} [flags] {usage}".rstrip()
        print(f"{usage}\n{values.get_help()}{help_end}")
        raise SystemExit(0)
    if _VERSION not in kinds(kind) and values[_VERSION].value:
        # Here, since it imports TensorFlow, without which `anatomy` does.
        from keras_alexnet import doctor

        print(doctor.versions())
        raise SystemExit(0)
    given = {name: values[name] for name in kinds(kind) if values[name].present}
    make = make or kind
    return make(**{name: flag.value for name, flag in given.items()}), rest


def _define(values: flags.FlagValues, field: Any, kind: type) -> None:
    define, more = _DEFINERS[kind], {}
    if field.metadata["choices"]:
        define, more = flags.DEFINE_enum, {"enum_values": field.metadata["choices"]}
    define(
        name=field.name,
        default=None if field.default == () else field.default,
        help=field.metadata["help"],
        flag_values=values,
        **more,
    )
    if field.metadata["choices"]:
        values[field.name].parser = _Choice(field.metadata["choices"])


class _Choice(flags.EnumParser):
    """One of a few values; the message about another names the nearest."""

    def parse(self, argument: str) -> str:
        try:
            return super().parse(argument)
        except ValueError as error:
            raise ValueError(f"{error}{near(argument, self.enum_values)}") from error
