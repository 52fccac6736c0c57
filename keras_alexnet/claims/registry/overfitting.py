"""What section 4 of the paper claims: more pictures from few, and dropout."""

from __future__ import annotations

import dataclasses

from keras_alexnet.claims.measures.accuracy import Pair, accuracy
from keras_alexnet.claims.measures.dropout_masks import dropout_masks
from keras_alexnet.claims.measures.views import ten_views
from keras_alexnet.claims.measures.waiting import free_augmentation
from keras_alexnet.claims.networks import HALF, SMALL
from keras_alexnet.claims.records import CIFAR10, PHOTOS, Arm, Claim, Size
from keras_alexnet.claims.registry.small_network import (
    SMALL_QUICK,
    SMALL_RATES,
    SMALL_SETTING,
    SMALL_SETTINGS,
    SMALL_WHOLE,
)

_SILENT = {"colour_noise_strength": 0.0}

AUGMENTATION = Claim(
    name="augmentation",
    title="Crops, mirroring, colour noise",
    section="4.1",
    statement="Without random crops and mirroring the network overfits.",
    paper="Essential: without it much smaller networks would have been needed. The "
    "colour noise lowers the top-1 error by more than 1 point.",
    source="The crop and the mirroring are shared by 32 successive pictures; the "
    "colour noise is switched off for the last 24 epochs.",
    others=("Chatfield et al. 2014: about 3 points, with little from mirroring.",),
    since="Kept, and grown: crops of any size and shape, mixed pictures, learned "
    "policies. The colour noise became colour jitter.",
    setting=SMALL_SETTING,
    data=CIFAR10,
    settings=SMALL_SETTINGS,
    arms={
        "crops, mirroring, noise": Arm(SMALL, tries=SMALL_RATES),
        "crops, mirroring": Arm(
            SMALL, _SILENT, differs=("colour_noise_strength",), tries=SMALL_RATES
        ),
        "crops": Arm(
            SMALL,
            {**_SILENT, "mirror": False},
            differs=("colour_noise_strength", "mirror"),
            tries=SMALL_RATES,
        ),
        "mirroring": Arm(
            SMALL,
            {**_SILENT, "crop": "centre"},
            differs=("colour_noise_strength", "crop"),
            tries=SMALL_RATES,
        ),
        "none": Arm(
            SMALL,
            {**_SILENT, "crop": "centre", "mirror": False},
            differs=("colour_noise_strength", "crop", "mirror"),
            tries=SMALL_RATES,
        ),
    },
    measure=accuracy(
        Pair("crops and mirroring against none", "crops, mirroring", "none"),
        Pair(
            "colour noise against none",
            "crops, mirroring, noise",
            "crops, mirroring",
            1.0,
        ),
        Pair("crops alone against none", "crops", "none"),
        Pair("mirroring alone against none", "mirroring", "none"),
    ),
    quick=SMALL_QUICK,
    whole=SMALL_WHOLE,
)

TEN_VIEWS = Claim(
    name="ten_views",
    title="Ten views of a picture",
    section="4.1",
    statement="Averaging the predictions for ten views, the corners and the centre and "
    "these mirrored, has a lower error than the central view alone.",
    paper="37.5 and 17.0 % error in place of 39.0 and 18.3 % (top-1, top-5; "
    "ILSVRC-2010).",
    source="layer-params-145-2010.cfg notes .374727/.169987 and, for the centre, "
    ".390247/.182953. The probabilities are averaged, not the logits.",
    since="Still used where the last tenth of a point counts; published figures are "
    "mostly of one view.",
    setting=SMALL_SETTING,
    data=CIFAR10,
    settings=SMALL_SETTINGS,
    arms={"crops, mirroring, noise": Arm(SMALL, tries=SMALL_RATES)},
    measure=ten_views,
    quick=SMALL_QUICK,
    whole=SMALL_WHOLE,
)

_NO_DROPOUT = dataclasses.replace(SMALL, dropout=0.0)

DROPOUT = Claim(
    name="dropout",
    title="Dropout",
    section="4.2",
    statement="Without dropout in fc6 and fc7 the network overfits.",
    paper="Substantial overfitting without; with it about twice as many iterations to "
    "converge.",
    source="The source multiplies by 0 or 1 and halves at test time (hs1, hs2).",
    others=(
        "caffenet128, by rate: .5 .471, .3 .497, .1 .473; with batch normalisation 0 "
        ".513, .2 .527.",
    ),
    since="Understood as a regulariser rather than an ensemble; nearly gone from "
    "convolutional networks with batch normalisation, kept in transformers.",
    setting=SMALL_SETTING,
    caveats="L2 of equal strength is the weight decay that a sweep on held-out "
    "training pictures finds best.",
    data=CIFAR10,
    settings=SMALL_SETTINGS,
    arms={
        "dropout": Arm(SMALL, tries=SMALL_RATES),
        "none": Arm(_NO_DROPOUT, differs=("dropout",), tries=SMALL_RATES),
        "L2": Arm(
            _NO_DROPOUT,
            {"weight_decay": 0.002},
            differs=("dropout", "weight_decay"),
            tries=tuple({"weight_decay": each} for each in (0.002, 0.005, 0.02)),
        ),
    },
    measure=accuracy(
        Pair("dropout against none", "dropout", "none"),
        Pair("dropout against L2", "dropout", "L2"),
        slower=Pair("epochs with dropout over those without", "dropout", "none", 2.0),
    ),
    quick=SMALL_QUICK,
    whole=SMALL_WHOLE,
)

DROPOUT_MASKS = Claim(
    name="dropout_masks",
    title="Halving in place of all masks",
    section="4.2",
    statement="Halving the outputs at test time is a reasonable approximation to the "
    "geometric mean of the predictions with all masks: it costs less than a point.",
    paper="A reasonable approximation; no figure. The limit of a point is ours.",
    others=("Hinton et al. 2012: exact for one layer of dropout before a softmax.",),
    since="Everyone halves, or doubles in training; means over masks came back as an "
    "estimate of uncertainty.",
    setting=SMALL_SETTING,
    caveats="The means are over 256 masks drawn at random; there are far more.",
    data=CIFAR10,
    settings=SMALL_SETTINGS,
    arms={"dropout": Arm(SMALL, tries=SMALL_RATES)},
    measure=dropout_masks,
    quick=SMALL_QUICK,
    whole=SMALL_WHOLE,
)

FREE_AUGMENTATION = Claim(
    name="free_augmentation",
    title="Augmentation is free",
    section="4.1",
    statement="Crops and mirroring are free, since the CPU makes them while the device "
    "trains on the batch before: the device waits for less than 1 % of its time.",
    paper="In effect free: Python code on the CPU makes the pictures while the GPUs "
    "train on the batch before.",
    source="The pictures are decoded and cut in a thread of their own "
    "(convdata_jpeg.py).",
    since="On fast devices the CPU became the bottleneck, and decoding moved to the "
    "device, or pictures are kept decoded.",
    setting="The paper's network at half its width on photos, crops of 96 pixels",
    caveats="Where there is no GPU, CPU and device are the same cores. Colour noise is "
    "not counted: the training step adds it, on the device. The limit of 1 % is ours. "
    "Times differ from run to run.",
    data=PHOTOS,
    settings=SMALL_SETTINGS,
    arms={
        "crops, mirroring": Arm(HALF, tries=SMALL_RATES),
        "none": Arm(
            HALF,
            {"crop": "centre", "mirror": False},
            differs=("crop", "mirror"),
            tries=SMALL_RATES,
        ),
    },
    measure=free_augmentation,
    quick=Size(seeds=3, pictures=2000, held_out=100, epochs=2, sweep_epochs=1),
    whole=Size(seeds=5, pictures=3000, held_out=100, epochs=3, sweep_epochs=1),
)

CLAIMS = (AUGMENTATION, TEN_VIEWS, FREE_AUGMENTATION, DROPOUT, DROPOUT_MASKS)
