"""Settings: dataclass fields that are flags, and the checks that name the setting."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Callable, Mapping
from typing import Any

from keras_alexnet import files
from keras_alexnet.reasons import must_be, near
from keras_alexnet.whole_numbers import as_boolean, as_whole, number

_TRUTH = {"true": True, "false": False}
# What the text of a value must be, by the type of its setting.
TEXTS = {bool: "true or false", int: "a whole number", float: "a number"}


def setting(
    default: Any,
    help: str,
    *,
    choices: tuple[str, ...] | None = None,
    path: bool = False,
    defines_run: bool = True,
) -> Any:
    """A dataclass field that is a flag.

    The annotation of the field is the type of the flag: `str`, `int`, `float` or
    `bool`, with `| None` if the default is None; `tuple[str, ...]` for a flag that may
    be given several times.

    Args:
        default: Its value if it is not given.
        help: What it is.
        choices: The values that are allowed; any if None.
        path: Whether it names a file or a directory, where `~` is the home.
        defines_run: Whether a training run can be resumed only with the same value.
    """
    metadata = {
        "help": help,
        "choices": choices,
        "path": path,
        "defines_run": defines_run,
    }
    return dataclasses.field(default=default, metadata=metadata)


def kinds(holder: type) -> dict[str, type]:
    """The type of each setting of a dataclass: of `int | None` it is `int`.

    Example:

    >>> @dataclasses.dataclass(frozen=True)
    ... class Two(Settings):
    ...     rate: float = setting(0.1, "Learning rate.")
    ...     names: tuple[str, ...] = setting((), "Names of the classes.")
    >>> kinds(Two)
    {'rate': <class 'float'>, 'names': <class 'tuple'>}
    """
    hints = typing.get_type_hints(holder)
    return {each.name: _kind(hints[each.name]) for each in dataclasses.fields(holder)}


def from_texts(holder: type, texts: Mapping[str, str]) -> dict[str, Any]:
    """The values of settings that were written as text, as in a flagfile.

    Args:
        holder: The dataclass; texts of other names are left out.
        texts: The texts by the names of the settings.

    Raises:
        ValueError: If a text is not of its setting's type.

    Example:

    >>> @dataclasses.dataclass(frozen=True)
    ... class Two(Settings):
    ...     rate: float = setting(0.1, "Learning rate.")
    ...     fast: bool = setting(False, "Whether to hurry.")
    >>> from_texts(Two, {"rate": "1e-3", "fast": "true", "colour": "red"})
    {'rate': 0.001, 'fast': True}
    """
    types = kinds(holder)
    known = {name: text for name, text in texts.items() if name in types}
    return {name: _from_text(name, types[name], text) for name, text in known.items()}


def _from_text(name: str, kind: type, text: str) -> Any:
    convert = _TRUTH.__getitem__ if kind is bool else kind
    try:
        return convert(text)
    except (KeyError, ValueError) as error:
        raise must_be(name, TEXTS.get(kind, "a text"), text) from error


def _kind(hint: Any) -> type:
    if typing.get_origin(hint) is tuple:
        return tuple
    (kind,) = {*(typing.get_args(hint) or [hint])} - {type(None)}
    return kind


class Settings:
    """The base of a frozen dataclass of settings, which may override `check`.

    Numbers of NumPy and TensorFlow become Python's own, and `~` in paths becomes the
    home directory.

    Raises:
        ValueError: If a value is not of its type or not one of its choices, or if
            `check` refuses it.

    Example:

    >>> @dataclasses.dataclass(frozen=True)
    ... class One(Settings):
    ...     epochs: int = setting(90, "Number of epochs.")
    ...     def check(self):
    ...         self.at_least(1, "epochs")
    >>> One(epochs=np.int64(3))
    One(epochs=3)
    """

    def __post_init__(self) -> None:
        types = kinds(type(self))
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if value is not None or field.default is not None:
                self._keep(field, types[field.name], value)
        self.check()

    def _keep(self, field: Any, kind: type, value: Any) -> None:
        value = _plain(field.name, kind, value)
        if field.metadata["path"] and value:
            value = _expanded(value)
        object.__setattr__(self, field.name, value)
        choices = field.metadata["choices"]
        if choices is not None:
            expected = f"one of {choices}{near(value, choices)}"
            self.require(field.name, value in choices, expected)

    def check(self) -> None:
        """Raises ValueError for values that are out of range or do not fit together."""

    def require(self, name: str, holds: bool, expected: str) -> None:
        """Raises ValueError, with the setting and its value, unless `holds`.

        A setting without a value is said to be missing: `None` is Python's word for it.
        """
        if holds:
            return
        value = getattr(self, name)
        if value is None:
            raise ValueError(f"--{name} is missing: it must be {expected}")
        raise must_be(name, expected, value)

    def at_least(self, least: int, *names: str) -> None:
        """Refuses values below `least`; None, where a setting is not given, is fine."""
        for name in names:
            value = getattr(self, name)
            self.require(name, value is None or value >= least, f"at least {least}")

    def above_zero(self, *names: str) -> None:
        """Refuses values that are 0 or less; None is fine."""
        for name in names:
            value = getattr(self, name)
            self.require(name, value is None or value > 0, "above 0")

    def below_one(self, *names: str) -> None:
        """Refuses values outside of [0, 1)."""
        for name in names:
            self.require(name, 0 <= getattr(self, name) < 1, "from 0 to below 1")


def _plain(name: str, kind: type, value: Any) -> Any:
    """`value` as Python's own of this type; ValueError if it is of another."""
    if kind is tuple:
        return tuple(_plain(name, str, each) for each in value or ())
    if kind is float:
        return number(name, value)
    convert, expected = _KINDS[kind]
    found = convert(value)
    if found is None:
        raise must_be(name, expected, value)
    return found


def _as_text(value: Any) -> str | None:
    if not isinstance(value, str | bytes | os.PathLike):
        return None
    return str(os.fsdecode(value))


_KINDS: dict[type, tuple[Callable[[Any], Any], str]] = {
    bool: (as_boolean, "True or False"),
    int: (as_whole, "a whole number"),
    str: (_as_text, "a text"),
}


def _expanded(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(files.expanded, value))
    return files.expanded(value)
