"""Which implementation of an op runs: the one setting `kernels=…` of them all."""

from __future__ import annotations

KERNELS = ("auto", "composite")


def check_kernels(kernels: str) -> str:
    """Returns `kernels`, or raises ValueError where it names no implementation.

    `"composite"` is the op in stock TensorFlow ops, differentiable on every
    device. `"auto"` takes the fastest that this installation has.
    """
    if kernels not in KERNELS:
        raise ValueError(f"kernels must be one of {KERNELS}. Received: {kernels=}")
    return kernels
