"""absl flags made from the fields of a dataclass, and the dataclass from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

from absl import flags

from keras_alexnet.commands import suggestions
from keras_alexnet.commands.flagfiles import Flags
from keras_alexnet.reasons import near
from keras_alexnet.settings import TEXTS, kinds

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
    except flags.Error as error:
        if type(error) is flags.Error:  # the only one: "Missing value for flag --name"
            name = str(error).split()[-1]
            raise ValueError(
                f"{name} must have a value: {name}=VALUE. Received: {name} alone"
            ) from error
        raise
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
    flag = values[field.name]
    flag.parser = _Parser(flag.parser, field.name, kind, field.metadata["choices"])


class _Parser(flags.ArgumentParser):
    """A parser of absl's that says in the package's words what a value must be.

    Args:
        parser: That of absl.
        name: Name of the flag.
        kind: Type of its values.
        choices: The values that are allowed; any of its type if None.
    """

    def __init__(
        self,
        parser: flags.ArgumentParser,
        name: str,
        kind: type,
        choices: tuple[str, ...] | None,
    ) -> None:
        self._parser, self._name = parser, name
        self._kind, self._choices = kind, choices
        self.syntactic_help = parser.syntactic_help  # for --help

    def parse(self, argument: Any) -> Any:
        try:
            return self._parser.parse(argument)
        except (TypeError, ValueError, OverflowError) as error:
            # absl would put its own words before those of a ValueError.
            raise flags.IllegalFlagValueError(
                f"--{self._name} must be {self._expected(argument)}. "
                f"Received: --{self._name}={argument}"
            ) from error

    def _expected(self, argument: Any) -> str:
        if self._choices is None:
            return TEXTS.get(self._kind, "a text")
        return f"one of {', '.join(self._choices)}{near(argument, self._choices)}"

    def flag_type(self) -> str:
        return str(self._parser.flag_type())
