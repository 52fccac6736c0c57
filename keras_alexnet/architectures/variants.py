"""One frozen record for each AlexNet, every number with its source.

Sources, as they are cited: the *paper* is Krizhevsky, Sutskever, Hinton, NIPS 2012.
The *source* is github.com/computerhistory/AlexNet-Source-Code, where `layers-145.cfg`
is the network that the paper reports: the results noted in its parameter files are the
paper's. *BVLC* is github.com/BVLC/caffe; *torchvision* is github.com/pytorch/vision.
"""

from __future__ import annotations

import dataclasses

from keras_alexnet.architectures.records import (
    Architecture,
    BatchNorm,
    Convolution,
    Pool,
    ReLU,
)
from keras_alexnet.normalizations import LRN, WithinChannelLRN
from keras_alexnet.preprocessing import BVLC, TORCHVISION

_RELU = ReLU()
_POOL = Pool(3, 2)  # paper, section 3.4
_PAPER_LRN = LRN(size=5, k=2.0, alpha=1e-4, beta=0.75)  # paper, section 3.3
# layers-145.cfg: scale 0.0001, pow 0.75, minDiv 2; layer.py divides scale by size.
_SOURCE_LRN = LRN(size=5, k=2.0, alpha=1e-4, beta=0.75, alpha_mode="mean")
# layers-145.cfg, cnorm2: type "rnorm", which takes no minDiv.
_SOURCE_CNORM = WithinChannelLRN(size=5, k=1.0, alpha=1e-3, beta=0.75)
# train_val.prototxt; k is the default of caffe.proto, lrn_layer.cpp divides alpha.
_BVLC_LRN = LRN(size=5, k=1.0, alpha=1e-4, beta=0.75, alpha_mode="mean")

_OVERHANG = (0, 3)  # see "conv1.padding" of the paper's record
_SAME5, _SAME3 = (2, 2), (1, 1)

PAPER = Architecture(
    name="paper",
    towers=2,
    convolutions=(
        Convolution(96, 11, 4, _OVERHANG, stages=(_RELU, _PAPER_LRN, _POOL)),
        Convolution(256, 5, 1, _SAME5, 2, stages=(_RELU, _PAPER_LRN, _POOL)),
        Convolution(384, 3, 1, _SAME3),  # reads both towers
        Convolution(384, 3, 1, _SAME3, 2),
        Convolution(256, 3, 1, _SAME3, 2, stages=(_RELU, _POOL)),
    ),
    sources={
        "": "paper, section 3.5 and figure 2",
        "input": "paper, section 2; mean colour: cuda-convnet2, input_meta",
        # The text gives 224×224 pictures and 55×55 maps, which no padding that it
        # names does. The source rounds up, 1 + ceil((224 - 11) / 4) = 55, and reads
        # zeros beyond the edges: 3 of them there do so at every size.
        "conv1.padding": "the source, layer.py (modulesX)",
        "conv2.padding": "the source, layers-145.cfg; the paper names none",
        "conv3.padding": "the source, layers-145.cfg; the paper names none",
        "conv4.padding": "the source, layers-145.cfg; the paper names none",
        "conv5.padding": "the source, layers-145.cfg; the paper names none",
        "conv1.stages": "paper, sections 3.3 to 3.5",
        "conv2.stages": "paper, sections 3.3 to 3.5",
        "lrn": "paper, section 3.3",
        "pool": "paper, section 3.4",
        "dropout": "paper, section 4.2",
        "default start": "BVLC, bvlc_alexnet/train_val.prototxt; see initialization=",
    },
)

ORIGINAL = dataclasses.replace(
    PAPER,
    name="original",
    convolutions=(
        # The neuron of the first layer reads pool1, that of the fifth reads pool3.
        Convolution(96, 11, 4, _OVERHANG, stages=(_SOURCE_LRN, _POOL, _RELU)),
        Convolution(
            256, 5, 1, _SAME5, 2, stages=(_RELU, _SOURCE_LRN, _SOURCE_CNORM, _POOL)
        ),
        Convolution(384, 3, 1, _SAME3),
        Convolution(384, 3, 1, _SAME3, 2),
        Convolution(256, 3, 1, _SAME3, 2, stages=(_POOL, _RELU)),
    ),
    sources={
        "": "the source, layers-145.cfg",
        "input": "the source, convdata_jpeg.py and shownet.py (the size is inferred); "
        "mean colour: cuda-convnet2, input_meta",
        "conv1.padding": "the source, layer.py (modulesX)",
        "lrn.scale": "the source, layers-145.cfg and layer.py (NormLayerParser)",
        "lrn within a map": "the source, layers-145.cfg (cnorm2)",
        # The source halves the values at test time, Keras doubles them in training:
        # the same function, with the weights of fc7 and fc8 halved.
        "dropout": "the source, layer.cu (hs1, hs2)",
        "default start": "BVLC, bvlc_alexnet/train_val.prototxt; see initialization=",
    },
)

CAFFE = Architecture(
    name="caffe",
    towers=1,  # one stream: groups in the convolutions, but LRN over all maps
    convolutions=(
        Convolution(96, 11, 4, stages=(_RELU, _BVLC_LRN, _POOL)),
        Convolution(256, 5, 1, _SAME5, 2, stages=(_RELU, _BVLC_LRN, _POOL)),
        Convolution(384, 3, 1, _SAME3),
        Convolution(384, 3, 1, _SAME3, 2),
        Convolution(256, 3, 1, _SAME3, 2, stages=(_RELU, _POOL)),
    ),
    input_size=227,
    preprocessing=BVLC,
    sources={
        "": "BVLC, bvlc_alexnet/train_val.prototxt",
        "input.mean": "BVLC, ilsvrc_2012_mean.npy",
        "lrn.k": "BVLC, caffe.proto (default)",
        "lrn.scale": "BVLC, bvlc_alexnet/train_val.prototxt and lrn_layer.cpp",
        "lrn.reach": "BVLC, lrn_layer.cpp",
    },
)

CAFFENET = dataclasses.replace(
    CAFFE,
    name="caffenet",
    convolutions=(
        Convolution(96, 11, 4, stages=(_RELU, _POOL, _BVLC_LRN)),
        Convolution(256, 5, 1, _SAME5, 2, stages=(_RELU, _POOL, _BVLC_LRN)),
        *CAFFE.convolutions[2:],
    ),
    sources={
        **CAFFE.sources,
        "": "BVLC, bvlc_reference_caffenet/train_val.prototxt",
        "lrn.scale": "BVLC, bvlc_reference_caffenet/train_val.prototxt, lrn_layer.cpp",
        "default start": "BVLC, bvlc_alexnet/train_val.prototxt; see initialization=",
    },
)

# "One weird trick for parallelizing convolutional neural networks" (2014).
OWT = Architecture(
    name="owt",
    towers=1,
    convolutions=(
        Convolution(64, 11, 4, (2, 2), stages=(_RELU, _POOL)),
        Convolution(192, 5, 1, _SAME5, stages=(_RELU, _POOL)),
        Convolution(384, 3, 1, _SAME3),
        Convolution(256, 3, 1, _SAME3),
        Convolution(256, 3, 1, _SAME3, stages=(_RELU, _POOL)),
    ),
    dropout_before=True,
    averaged_size=6,
    preprocessing=TORCHVISION,
    initialization="he",
    sources={
        "": "torchvision, models/alexnet.py",
        "input": "torchvision, AlexNet_Weights.IMAGENET1K_V1",
        "default start": "ours: He et al. 2015 and BVLC; torchvision has PyTorch's own",
    },
)

# The paper keeps conv5 whole, since fc6 on it holds most of the parameters.
ONE_COLUMN = dataclasses.replace(
    PAPER,
    name="one_column",
    towers=1,
    convolutions=(
        Convolution(48, 11, 4, _OVERHANG, stages=(_RELU, _PAPER_LRN, _POOL)),
        Convolution(128, 5, 1, _SAME5, stages=(_RELU, _PAPER_LRN, _POOL)),
        Convolution(192, 3, 1, _SAME3),
        Convolution(192, 3, 1, _SAME3),
        Convolution(256, 3, 1, _SAME3, stages=(_RELU, _POOL)),
    ),
    sources={
        **PAPER.sources,
        "": "the source, layers-145-half.cfg; paper, section 3.2",
    },
)

# The source adds conv6 to its configuration 145; here it is added to the paper's
# network, with the stages of the text.
SIX_CONV = dataclasses.replace(
    PAPER,
    name="six_conv",
    convolutions=(*PAPER.convolutions, Convolution(256, 3, 1, _SAME3)),
    sources={
        **PAPER.sources,
        "conv6": "the source, layers-146-*.cfg; paper, section 6",
    },
)

_BATCH_NORM = BatchNorm()
MODERN = Architecture(
    name="modern",
    towers=1,
    convolutions=(
        Convolution(96, 11, 4, _OVERHANG, stages=(_BATCH_NORM, _RELU, _POOL)),
        Convolution(256, 5, 1, _SAME5, stages=(_BATCH_NORM, _RELU, _POOL)),
        Convolution(384, 3, 1, _SAME3, stages=(_BATCH_NORM, _RELU)),
        Convolution(384, 3, 1, _SAME3, stages=(_BATCH_NORM, _RELU)),
        Convolution(256, 3, 1, _SAME3, stages=(_BATCH_NORM, _RELU, _POOL)),
    ),
    preprocessing=TORCHVISION,
    initialization="he",
    sources={
        "": "as in paper",
        "input": "torchvision, AlexNet_Weights.IMAGENET1K_V1",
        "towers": "ours: no groups",
        **{f"conv{index}.reads": "ours: no groups" for index in range(2, 6)},
        **{
            f"conv{index}.stages": "ours: Ioffe and Szegedy 2015 in place of LRN"
            for index in range(1, 6)
        },
        "default start": "ours: He et al. 2015 and BVLC; see initialization=",
    },
)
