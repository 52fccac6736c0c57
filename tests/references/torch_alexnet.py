"""torchvision's AlexNet in PyTorch, of any widths. Needs PyTorch.

Written from torchvision's documentation and the numbers of its models/alexnet.py: the
places of the layers in the two Sequentials are what a state dict's names are made of.
"""

from __future__ import annotations

from typing import Any

FILTERS = (64, 192, 384, 256, 256)
KERNELS = ((11, 4, 2), (5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1))
POOLED = (0, 1, 4)


def network(
    filters: tuple[int, ...] = FILTERS, units: int = 4096, classes: int = 1000
) -> Any:
    """An `nn.Module` with `features`, `avgpool` and `classifier`, for evaluation."""
    from torch import nn

    features: list[Any] = []
    channels = 3
    for index, (width, kernel) in enumerate(zip(filters, KERNELS, strict=True)):
        features += [nn.Conv2d(channels, width, *kernel), nn.ReLU()]
        features += [nn.MaxPool2d(3, 2)] if index in POOLED else []
        channels = width
    classifier = [nn.Dropout(), nn.Linear(36 * channels, units), nn.ReLU()]
    classifier += [nn.Dropout(), nn.Linear(units, units), nn.ReLU()]
    classifier += [nn.Linear(units, classes)]

    class AlexNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Sequential(*features)
            self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
            self.classifier = nn.Sequential(*classifier)

        def forward(self, x: Any) -> Any:
            return self.classifier(self.avgpool(self.features(x)).flatten(1))

    return AlexNet().eval()


def logits(model: Any, images: Any) -> Any:
    """The outputs for images `[batch, height, width, 3]`, all NumPy arrays."""
    import torch

    with torch.no_grad():
        return model(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()
