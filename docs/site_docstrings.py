"""Gives the site's API reference our docstrings as Griffe expects them.

An extension of Griffe, named in `mkdocs.yml`. In our docstrings examples are as
indented as the word above them, as Keras has them; Griffe knows a section by its
indentation, and Markdown takes `>>>` for quotations. And Griffe knows the arguments
of dataclasses, but not those of named tuples.
"""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe

EXAMPLE = re.compile(r"^Example:\n\n(?P<code>(?:.+\n|\n(?=>>> ))+)", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Indents examples, and gives named tuples their arguments."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Makes the examples a section."""
        if obj.docstring:
            text = obj.docstring.value + "\n"
            obj.docstring.value = EXAMPLE.sub(_section, text).rstrip("\n")

    def on_class_members(self, *, cls: griffe.Class, **_: Any) -> None:
        """Makes the fields of a named tuple arguments."""
        if not any(str(base).endswith("NamedTuple") for base in cls.bases):
            return
        kind = griffe.ParameterKind.positional_or_keyword
        fields = [
            griffe.Parameter(
                each.name, annotation=each.annotation, kind=kind, default=each.value
            )
            for each in cls.attributes.values()
            if each.annotation is not None
        ]
        made = griffe.Function("__init__", parameters=griffe.Parameters(*fields))
        cls.set_member("__init__", made)


def _section(match: re.Match[str]) -> str:
    return "Examples:\n" + textwrap.indent(match["code"], "    ")
