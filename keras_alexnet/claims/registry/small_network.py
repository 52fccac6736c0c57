"""How the small network of most claims is trained, and how much, in either form."""

from __future__ import annotations

from types import MappingProxyType

from keras_alexnet.claims.records import Size, rates

# As in the paper but for the course of the rate, which must fit into a few minutes, and
# for He's start, since with the paper's the network learns nothing in that time.
SMALL_SETTINGS = MappingProxyType(
    {
        "batch_size": 64,
        "initialization": "he",
        "schedule": "cosine",
        "warmup": 0.04,
        "learning_rate": 0.01,
    }
)
SMALL_QUICK = Size(seeds=3, pictures=5000, held_out=2500, epochs=12, sweep_epochs=6)
SMALL_WHOLE = Size(seeds=5, pictures=10000, held_out=5000, epochs=12, sweep_epochs=6)
# The best one should be none of the two at the ends: networks without LRN learn best at
# lower ones, those with batch normalisation at higher ones.
SMALL_RATES = rates(0.003, 0.01, 0.03)
LOWER_RATES = rates(0.001, 0.003, 0.01)
HIGHER_RATES = rates(0.01, 0.03, 0.1)
SMALL_SETTING = (
    "A small AlexNet (five convolutions in two towers, three pools, LRN, two dense "
    "layers of 512) on pictures of CIFAR-10"
)
