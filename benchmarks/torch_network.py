"""The network of 2012 in PyTorch's own layers, for `run_peers.py`."""

from __future__ import annotations

import torch
from torch import nn


class TowerLRN(nn.Module):
    """Local response normalisation within each of two towers; alpha is divided by 5."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # PyTorch's has no kernel for bfloat16 on CPUs.
        halves = x.float().chunk(2, dim=1)
        return torch.cat([self.norm(half) for half in halves], dim=1).to(x.dtype)


def network(classes: int = 1000) -> nn.Module:
    """From pictures of 227×227, channels first, to logits."""

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2)

    return nn.Sequential(
        *(nn.Conv2d(3, 96, 11, 4), nn.ReLU(), TowerLRN(), pool()),
        *(nn.Conv2d(96, 256, 5, 1, 2, groups=2), nn.ReLU(), TowerLRN(), pool()),
        *(nn.Conv2d(256, 384, 3, 1, 1), nn.ReLU()),
        *(nn.Conv2d(384, 384, 3, 1, 1, groups=2), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, 1, 1, groups=2), nn.ReLU(), pool()),
        *(nn.Flatten(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout()),
        *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, classes)),
    )
