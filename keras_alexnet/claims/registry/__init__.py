"""All claims, in the order of the paper's sections."""

from __future__ import annotations

from keras_alexnet.claims.records import Claim
from keras_alexnet.claims.registry import architecture, learning, overfitting, today
from keras_alexnet.reasons import near

_CLAIMS = {
    claim.name: claim
    for module in (architecture, overfitting, learning, today)
    for claim in module.CLAIMS
}


def names() -> tuple[str, ...]:
    """The names of all claims."""
    return tuple(_CLAIMS)


def get(name: str) -> Claim:
    """Returns the claim of a name.

    Raises:
        ValueError: If there is none.

    Example:

    >>> get("relu").section
    '3.1'
    """
    if name not in _CLAIMS:
        raise ValueError(
            f"a claim must be one of {', '.join(names())}{near(name, names())}. "
            f"Received: {name!r}"
        )
    return _CLAIMS[name]
