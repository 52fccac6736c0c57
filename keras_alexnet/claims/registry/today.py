"""What the paper says of the whole network, in sections 5 to 7, and what came later."""

from __future__ import annotations

import dataclasses

from keras_alexnet.architectures import Architecture, BatchNorm, ReLU
from keras_alexnet.claims.measures.accuracy import Pair, accuracy
from keras_alexnet.claims.measures.colour_split import colour_split
from keras_alexnet.claims.measures.days import days
from keras_alexnet.claims.measures.equal_time import equal_time
from keras_alexnet.claims.networks import (
    SMALL,
    ungrouped,
    with_activation,
    without_convolution,
    without_normalization,
)
from keras_alexnet.claims.records import CIFAR10, Arm, Claim, Size
from keras_alexnet.claims.registry.architecture import TWO_TOWERS
from keras_alexnet.claims.registry.small_network import (
    HIGHER_RATES,
    SMALL_QUICK,
    SMALL_RATES,
    SMALL_SETTING,
    SMALL_SETTINGS,
    SMALL_WHOLE,
)

COLOUR_SPLIT = Claim(
    name="colour_split",
    title="Towers split by colour",
    section="6.1",
    statement="The first kernels of one tower become largely blind to colour, those of "
    "the other colourful, in every run.",
    paper="In every run, whatever the random start (figure 3); a result of the "
    "restricted connections between the GPUs.",
    others=(
        "Distill, Branch Specialization (2021): occurs consistently when retrained; no "
        "counts.",
        "A replica on 24,000 photos of cats and dogs did not see it.",
    ),
    since="Why it is by colour, nobody knows. Branches specialise in other networks "
    "too.",
    setting=SMALL_SETTING,
    caveats="48 kernels of 5×5 on pictures of 32 pixels, where the paper has 96 of "
    "11×11 on 1.2 million photos: a split that needs those is not seen here.",
    data=CIFAR10,
    settings=SMALL_SETTINGS,
    arms={name: TWO_TOWERS.arms[name] for name in ("two towers", "ungrouped")},
    measure=colour_split,
    quick=SMALL_QUICK,
    whole=SMALL_WHOLE,
)

DEPTH = Claim(
    name="depth",
    title="Depth",
    section="7",
    statement="Leaving out any one of the middle convolutions costs accuracy.",
    paper="About 2 points of top-1 for each.",
    others=(
        "Zeiler and Fergus 2014, table 3, top-1 error: whole 40.5; without layers 3 "
        "and 4 45.4; without 7 40.0; without 6 and 7 44.8; without all four 71.3.",
    ),
    since="Networks grew to 19 layers in 2014 and, with shortcuts and batch "
    "normalisation, to 152 in 2015.",
    setting=SMALL_SETTING,
    caveats="Without conv3, where the towers cross, they meet in fc6 alone.",
    data=CIFAR10,
    settings=SMALL_SETTINGS,
    arms={
        "five convolutions": Arm(SMALL, tries=SMALL_RATES),
        "without conv3": Arm(
            without_convolution(SMALL, 3),
            differs=("convolutions",),
            tries=SMALL_RATES,
        ),
        "without conv4": Arm(
            without_convolution(SMALL, 4),
            differs=("convolutions",),
            tries=SMALL_RATES,
        ),
    },
    measure=accuracy(
        Pair("five against without conv4", "five convolutions", "without conv4", 2.0),
        Pair("five against without conv3", "five convolutions", "without conv3", 2.0),
    ),
    quick=SMALL_QUICK,
    whole=SMALL_WHOLE,
)

DENSE_WIDTH = Claim(
    name="dense_width",
    title="Width of the dense layers",
    section="",
    statement="Dense layers of 4096 units are needed: narrower ones, or a global "
    "average in their place, have a higher error.",
    paper="4096 units in fc6 and fc7, which hold most of the parameters; no "
    "comparison.",
    others=(
        "Zeiler and Fergus 2014, table 3: error 41.7 with 2048, 40.5 with 4096.",
        "caffenet-benchmark (ducha-aiki): .470 with 2048, .497 with 4096.",
    ),
    since="Global averages took their place (Network in Network 2013, GoogLeNet 2014, "
    "ResNet 2015).",
    setting=SMALL_SETTING,
    caveats="The claim is ours: the paper does not say that so many are needed.",
    data=CIFAR10,
    settings=SMALL_SETTINGS,
    arms={
        "4096": Arm(
            dataclasses.replace(SMALL, dense=(4096, 4096)),
            {"learning_rate": 0.003},
            tries=SMALL_RATES,
        ),
        "512": Arm(SMALL, differs=("dense",), tries=SMALL_RATES),
        "global average": Arm(
            dataclasses.replace(SMALL, dense=(), averaged_size=1),
            {"learning_rate": 0.003},
            differs=("averaged_size", "dense"),
            tries=SMALL_RATES,
        ),
    },
    measure=accuracy(
        Pair("4096 against 512", "4096", "512"),
        Pair("4096 against a global average", "4096", "global average"),
    ),
    quick=SMALL_QUICK,
    whole=SMALL_WHOLE,
)


def _modern(architecture: Architecture) -> Architecture:
    """Batch normalisation in place of LRN, without towers, as the variant `modern`."""
    plain = without_normalization(ungrouped(architecture))
    return dataclasses.replace(with_activation(plain, BatchNorm(), ReLU()), towers=1)


MODERN = Claim(
    name="modern",
    title="The paper's network and a modern one",
    section="",
    statement="With what came later (batch normalisation, no towers, a cosine "
    "schedule, label smoothing) the same layers are better after the same time of "
    "training.",
    paper="Nothing: it came later.",
    since="Batch normalisation, cosine schedules and label smoothing are in most "
    "recipes for convolutional networks today.",
    setting=SMALL_SETTING,
    caveats="The claim is ours. How many epochs fit into the same time depends on the "
    "machine. An epoch of the modern network takes longer, and the comparison stops it "
    "before its learning rate has reached 0, which counts against it.",
    data=CIFAR10,
    settings=SMALL_SETTINGS,
    arms={
        "paper": Arm(
            SMALL,
            {
                "learning_rate": 0.003,
                "patience": 2,
                "schedule": "plateau",
                "warmup": 0.0,
            },
            tries=SMALL_RATES,
        ),
        "modern": Arm(
            _modern(SMALL),
            {"bias_rate": 1.0, "label_smoothing": 0.1, "learning_rate": 0.03},
            differs=(
                "bias_rate",
                *(f"conv{index}.stages" for index in (1, 2, 3, 4, 5)),
                *(f"conv{index}.groups" for index in (2, 4, 5)),
                "label_smoothing",
                "patience",
                "schedule",
                "towers",
                "warmup",
            ),
            tries=HIGHER_RATES,
        ),
    },
    measure=equal_time(Pair("modern against the paper's", "modern", "paper")),
    quick=SMALL_QUICK,
    whole=SMALL_WHOLE,
)

DAYS = Claim(
    name="days",
    title="Five to six days",
    section="5",
    statement="Five to six days are a plausible time for the work of 90 epochs on two "
    "GTX 580.",
    paper="Roughly 90 cycles through 1.2 million pictures in five to six days.",
    source="No times are in the released source.",
    since="One GPU of today does it within hours.",
    setting="The multiply-adds of the paper's network, and its training steps on this "
    "machine, 128 pictures of 224 pixels in float32",
    caveats="The speed here is that of the training steps alone, without reading "
    "pictures. The interval is the range of days, not a confidence interval.",
    measure=days,
    quick=Size(seeds=3, pictures=0, held_out=0, epochs=1, sweep_epochs=1),
    whole=Size(seeds=9, pictures=0, held_out=0, epochs=1, sweep_epochs=1),
)

CLAIMS = (DAYS, COLOUR_SPLIT, DEPTH, DENSE_WIDTH, MODERN)
