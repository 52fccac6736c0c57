"""Packages that only some uses need, each with the extra that installs it."""

from __future__ import annotations

import importlib
from typing import Any


def needed(module: str, extra: str, what: str) -> Any:
    """Imports a package that `what` needs.

    Args:
        module: The module, as it is imported.
        extra: The extra of this package that installs it.
        what: What needs it, for the message.

    Returns:
        The module.

    Raises:
        ValueError: If it cannot be imported; the message has pip's command.

    Example:

    >>> needed("no_such_module", "onnx", "an ONNX file")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: an ONNX file must have no_such_module; install it with pip install...
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"{what} must have {module.partition('.')[0]}; install it with "
            f"pip install 'keras-alexnet[{extra}]'. Received: {error}"
        ) from error
