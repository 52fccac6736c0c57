"""The PyTorch side of `benchmarks/network.py`: runs a case once for each input line.

A line names a case: `inference eager`, `training compiled` and so on. After each run it
prints a line, so that the other process can measure the time.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

import torch
from torch import nn

BATCH, SIDE, CLASSES = 64, 227, 1000


class TowerLRN(nn.Module):
    """Local response normalisation within each of two towers; alpha is divided by 5."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.norm(half) for half in x.chunk(2, dim=1)], dim=1)


def network() -> nn.Module:
    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2)

    return nn.Sequential(
        *(nn.Conv2d(3, 96, 11, 4), nn.ReLU(), TowerLRN(), pool()),
        *(nn.Conv2d(96, 256, 5, 1, 2, groups=2), nn.ReLU(), TowerLRN(), pool()),
        *(nn.Conv2d(256, 384, 3, 1, 1), nn.ReLU()),
        *(nn.Conv2d(384, 384, 3, 1, 1, groups=2), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, 1, 1, groups=2), nn.ReLU(), pool()),
        *(nn.Flatten(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout()),
        *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, CLASSES)),
    )


@functools.cache
def case(name: str) -> Callable[[], object]:
    kind, way = name.split()
    x, labels = torch.randn(BATCH, 3, SIDE, SIDE) * 60, torch.randint(CLASSES, (BATCH,))
    model = network().train(kind == "training")
    called = torch.compile(model) if way == "compiled" else model
    optimizer = torch.optim.SGD(model.parameters(), 1e-4, 0.9, weight_decay=5e-4)
    loss = nn.CrossEntropyLoss()

    def infer() -> object:
        with torch.inference_mode():
            return called(x)

    def train() -> object:
        optimizer.zero_grad()
        value = loss(called(x), labels)
        value.backward()
        optimizer.step()
        return value.item()

    return infer if kind == "inference" else train


if __name__ == "__main__":
    for line in sys.stdin:
        case(line.strip())()
        print("done", flush=True)
