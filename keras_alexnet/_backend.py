"""Refuses, before Keras is imported, a Keras that is not set to TensorFlow."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path


def require_tensorflow() -> None:
    """Raises ImportError with one clear line where Keras uses another backend.

    The choice is read as Keras 3 reads it (a loaded Keras first, then
    `KERAS_BACKEND`, then `keras.json`), because importing a Keras that is set
    to a framework which is not installed fails with that framework's name only.
    """
    backend = _loaded_backend() or os.environ.get("KERAS_BACKEND") or _saved_backend()
    if backend != "tensorflow":
        raise ImportError(
            "keras_alexnet runs on Keras with the TensorFlow backend; set "
            "KERAS_BACKEND=tensorflow before Keras is imported. "
            f"Received: backend={backend!r}"
        )


def _loaded_backend() -> str | None:
    keras = sys.modules.get("keras")
    return keras.backend.backend() if keras is not None else None


def _keras_home() -> Path:
    """Where Keras looks for its settings."""
    named = os.environ.get("KERAS_HOME")
    if named:
        return Path(os.path.expanduser(named))
    # Not Path.home(), which fails for a user without a name in the system. Keras
    # uses /tmp then, and also where the home directory is not writable.
    home = os.path.expanduser("~")
    return Path(home if os.access(home, os.W_OK) else "/tmp") / ".keras"


def _saved_backend() -> str:
    try:
        text = (_keras_home() / "keras.json").read_text(encoding="utf-8-sig")
        return json.loads(text).get("backend", "tensorflow")
    except (OSError, ValueError, AttributeError):
        return "tensorflow"
