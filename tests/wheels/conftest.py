"""The wheels of Linux and the modules that build them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(ROOT / "ops"))


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """By platform tag: those in KERAS_ALEXNET_WHEELS, if it is set; else new ones."""
    from wheels import build_wheels

    if "KERAS_ALEXNET_WHEELS" in os.environ:
        made = list(Path(os.environ["KERAS_ALEXNET_WHEELS"]).glob("*.whl"))
    else:
        made = build_wheels(
            tmp_path_factory.mktemp("wheels"), ["x86_64-linux", "aarch64-linux", "any"]
        )
    return {wheel.stem.split("-")[-1]: wheel for wheel in made}
