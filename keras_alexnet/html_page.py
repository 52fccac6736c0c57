"""Pages of HTML that are one file: they load nothing, and names in them are text."""

from __future__ import annotations

import base64
import hashlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any


def rendered(
    part: Callable[[str], str],
    name: str,
    style: str,
    script: str = "",
    filters: Mapping[str, Callable[..., str]] = {},
    **content: Any,
) -> str:
    """A page of a template.

    Args:
        part: Gives the text of a template by its name.
        name: Of the page's template. It has `<style>{{ style | safe }}</style>`, and
            `{{ policy | safe }}` in a meta element: its content security policy.
        style: The style sheet.
        script: The script; without it none runs.
        filters: Of the templates, by their names.
        **content: What else the templates read.

    Raises:
        ValueError: If Jinja is not installed.

    Example:

    >>> parts = {"page": "<style>{{ style | safe }}</style><h1>{{ title }}</h1>"}
    >>> rendered(parts.get, "page", "h1 {}", title="<script>")
    '<style>h1 {}</style><h1>&lt;script&gt;</h1>'
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import jinja2  # only here: a page alone needs it
    except ImportError as error:
        raise ValueError(
            "a page must have jinja2; install it with pip install "
            f"'keras-alexnet[seeing]'. Received: {error}"
        ) from error
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(part),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(filters)
    return environment.get_template(name).render(
        **content, style=style, script=script, policy=_policy(style, script)
    )


def _policy(style: str, script: str) -> str:
    """The page loads nothing, and runs only the style and the script that it has."""
    policy = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_hash(style)}'"
    )
    return f"{policy}; script-src '{_hash(script)}'" if script else policy


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
