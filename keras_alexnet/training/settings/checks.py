"""How a setting is written down once, and how its value is judged."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from keras_alexnet import files


def setting(
    default: Any,
    help: str,
    choices: tuple[str, ...] | None = None,
    path: bool = False,
) -> Any:
    """A dataclass field that is a flag.

    Args:
        default: Its value if it is not given.
        help: What it is.
        choices: The values that are allowed; any if None.
        path: Whether it names a file or a directory, where `~` is the home.
    """
    metadata = {"help": help, "choices": choices, "path": path}
    return dataclasses.field(default=default, metadata=metadata)


class Settings:
    """What all groups of settings share: checks that name the setting."""

    def expand(self) -> None:
        """Puts home directories into the paths."""
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            given = getattr(self, field.name)
            if field.metadata["path"] and given:
                object.__setattr__(self, field.name, files.expanded(given))

    def check(self) -> None:
        """Raises ValueError for text that is not one of its choices, or not a line."""
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            choices, chosen = field.metadata["choices"], getattr(self, field.name)
            if choices is not None:
                self.require(field.name, chosen in choices, f"one of {choices}")
            if isinstance(chosen, str):
                self._check_text(field.name, chosen)

    def _check_text(self, name: str, value: str) -> None:
        """Refuses what a line of a flagfile cannot hold, or TensorFlow cannot name."""
        try:
            value.encode()
            whole = value.splitlines() in ([], [value]) and value == value.strip()
        except UnicodeEncodeError:  # bytes of a file name that are not UTF-8
            whole = False
        if not whole:
            raise ValueError(
                f"{name} must be one line of UTF-8, without spaces around it. "
                f"Received: {name}={value!r}"
            )

    def require(self, name: str, holds: bool, expected: str) -> None:
        """Raises ValueError, with the setting and its value, unless `holds`."""
        if not holds:
            raise ValueError(
                f"{name} must be {expected}. Received: {name}={getattr(self, name)}"
            )

    def at_least_one(self, *names: str) -> None:
        """Refuses values below 1; None means that a setting was not given."""
        for name in names:
            value = getattr(self, name)
            self.require(name, value is None or value >= 1, "at least 1")

    def not_negative(self, *names: str) -> None:
        """Refuses values below 0 and those that are not finite."""
        for name in names:
            holds = 0 <= getattr(self, name) < math.inf
            self.require(name, holds, "0 or more, and finite")

    def positive(self, *names: str) -> None:
        """Refuses values that are not above 0, or not finite."""
        for name in names:
            value = getattr(self, name)
            holds = value is None or (value > 0 and math.isfinite(value))
            self.require(name, holds, "above 0")

    def below_one(self, *names: str) -> None:
        """Refuses values outside of [0, 1)."""
        for name in names:
            self.require(name, 0 <= getattr(self, name) < 1, "from 0 to below 1")
