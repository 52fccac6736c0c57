"""What the tests of weights share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _own_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither this machine's proxies nor its own choice of a mirror."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("KERAS_ALEXNET_WEIGHTS", raising=False)
