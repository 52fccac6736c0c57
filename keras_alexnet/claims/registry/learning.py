"""What section 5 of the paper claims: starting values, decay, and the learning rate."""

from __future__ import annotations

import dataclasses

from keras_alexnet.claims.measures.accuracy import Pair, accuracy
from keras_alexnet.claims.measures.early import early
from keras_alexnet.claims.networks import SMALL
from keras_alexnet.claims.records import CIFAR10, Arm, Claim
from keras_alexnet.claims.registry.small_network import (
    SMALL_QUICK,
    SMALL_RATES,
    SMALL_SETTING,
    SMALL_SETTINGS,
    SMALL_WHOLE,
)
from keras_alexnet.data.sources import TRAIN

STARTING_VALUES = Claim(
    name="starting_values",
    title="Biases of 1",
    section="5",
    statement="Biases that start at 1 in the second, fourth and fifth convolution and "
    "in fc6 and fc7 accelerate the first epochs, against biases of 0.",
    paper="They accelerate the early stages, since ReLU gets positive inputs; weights "
    "with a standard deviation of 0.01.",
    source="layers-145.cfg starts the weights of the last three convolutions with a "
    "standard deviation of 0.03, not 0.01.",
    others=(
        "BVLC AlexNet's readme: biases of 0.1, since 1 gave a flat loss.",
        "He et al. 2015: with standard deviations that follow from the number of "
        "inputs, deep networks learn from biases of 0.",
    ),
    since="Biases start at 0, and the standard deviation follows from the number of "
    "inputs.",
    setting=SMALL_SETTING,
    data=CIFAR10,
    settings={**SMALL_SETTINGS, "schedule": "constant", "initialization": "source"},
    arms={
        "1, as the source": Arm(SMALL, {"learning_rate": 0.003}, tries=SMALL_RATES),
        "0.1": Arm(
            SMALL, {"initial_bias": 0.1}, differs=("initial_bias",), tries=SMALL_RATES
        ),
        "0": Arm(
            SMALL,
            {"initial_bias": 0.0, "learning_rate": 0.03},
            differs=("initial_bias",),
            tries=SMALL_RATES,
        ),
        "1, deviation 0.01": Arm(
            SMALL,
            {"initial_stddev": 0.01, "learning_rate": 0.003},
            differs=("initial_stddev",),
            tries=SMALL_RATES,
        ),
        "0, He": Arm(
            SMALL,
            {"initialization": "he", "learning_rate": 0.003},
            differs=("initialization",),
            tries=SMALL_RATES,
        ),
    },
    measure=early(
        Pair("biases of 1 against 0", "1, as the source", "0"),
        Pair("biases of 1 against 0.1", "1, as the source", "0.1"),
        Pair("0.03 against 0.01", "1, as the source", "1, deviation 0.01"),
        Pair("biases of 1 against He's start", "1, as the source", "0, He"),
    ),
    quick=dataclasses.replace(SMALL_QUICK, epochs=5, sweep_epochs=5),
    whole=dataclasses.replace(SMALL_WHOLE, epochs=5, sweep_epochs=5),
)

WEIGHT_DECAY = Claim(
    name="weight_decay",
    title="Weight decay and the training error",
    section="5",
    statement="A weight decay of 0.0005 lowers the training error too: it is not only "
    "a regulariser.",
    paper="Important for the model to learn: it lowers the training error; no figure.",
    source="0.0005 for the weights of every layer, 0 for biases.",
    since="With batch normalisation it acts on the effective learning rate: there, "
    "too, it is more than a regulariser.",
    setting=SMALL_SETTING,
    caveats="The error of the trained network on the central view of the training "
    "pictures, without dropout.",
    data=CIFAR10,
    settings=SMALL_SETTINGS,
    arms={
        "0.0005": Arm(SMALL, tries=SMALL_RATES),
        "0": Arm(
            SMALL, {"weight_decay": 0.0}, differs=("weight_decay",), tries=SMALL_RATES
        ),
    },
    measure=accuracy(Pair("decay against none", "0.0005", "0"), split=TRAIN),
    quick=SMALL_QUICK,
    whole=SMALL_WHOLE,
)

_CONSTANT = {"schedule": "constant", "warmup": 0.0}

LEARNING_RATE = Claim(
    name="learning_rate",
    title="A rate lowered by hand",
    section="5",
    statement="Dividing the rate by 10 when the validation error stops improving ends "
    "at a lower error than a constant rate.",
    paper="Divided by 10 three times; no comparison.",
    source="2012: after epochs 25, 51 and 79 of 91 (.40664). An automatic schedule of "
    "2013 (170) reached .40528, a little better.",
    others=("caffenet-benchmark (ducha-aiki): .471 by steps, .493 linear.",),
    since="A cosine schedule needs no decision but its length.",
    setting=SMALL_SETTING,
    caveats="Where the error does not stop improving within the epochs, nothing is "
    "divided, and both runs are the same.",
    data=CIFAR10,
    settings={**SMALL_SETTINGS, **_CONSTANT},
    arms={
        "plateau": Arm(
            SMALL,
            {"learning_rate": 0.003, "patience": 2, "schedule": "plateau"},
            tries=SMALL_RATES,
        ),
        "constant": Arm(
            SMALL,
            {"learning_rate": 0.003},
            differs=("patience", "schedule"),
            tries=SMALL_RATES,
        ),
        "cosine": Arm(
            SMALL,
            {"schedule": "cosine"},
            differs=("patience", "schedule"),
            tries=SMALL_RATES,
        ),
    },
    measure=accuracy(
        Pair("by the plateau against constant", "plateau", "constant"),
        Pair("cosine against the plateau", "cosine", "plateau"),
    ),
    quick=SMALL_QUICK,
    whole=SMALL_WHOLE,
)

CLAIMS = (STARTING_VALUES, WEIGHT_DECAY, LEARNING_RATE)
