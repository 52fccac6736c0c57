"""One frozen record for each published weight set, every fact with its source."""

from __future__ import annotations

import dataclasses

from keras_alexnet.preprocessing import BVLC, TORCHVISION, Preprocessing
from keras_alexnet.reasons import near
from keras_alexnet.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class WeightSet:
    """A published file of weights: its address, its hash, its network and recipe.

    Args:
        name: Its name, as in `AlexNet(weights=…)`.
        variant: The network that it belongs to, as in `AlexNet(variant=…)`.
        url: The publisher's address.
        file_name: Name of the file, at the publisher and at a mirror.
        algorithm: Hash function of `digest`, as `hashlib` calls it.
        digest: Hash of the whole file, hexadecimal.
        size: Bytes of the file; `None` if it is not published.
        licence: The licence that the publisher states.
        parameters: Number of weights and biases.
        top1: Published top-1 accuracy, per cent.
        top5: Published top-5 accuracy, per cent.
        protocol: How the publisher measured them.
        preprocessing: Colour order, mean and scale. Caffe subtracts the mean picture
            at the crop's position; here it is that picture's mean colour.
        resize: How pictures are resized before the crop: `"warp"` makes the picture
            square, whatever its shape, `"shorter_side"` keeps its proportions.
        image_size: Side of the centre crop, the network's input.
        sources: Pairs of a fact and the address where it was published.
        resize_size: Side of the picture after `resize`.
        classes: Name of the class list, which `keras_alexnet.weights.classes` holds.
    """

    name: str
    variant: str
    url: str
    file_name: str
    algorithm: str
    digest: str
    size: int | None
    licence: str
    parameters: int
    top1: float
    top5: float
    protocol: str
    preprocessing: Preprocessing
    resize: str
    image_size: int
    sources: tuple[tuple[str, str], ...]
    resize_size: int = 256
    classes: str = "imagenet"

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
            "size (a third party's, with SHA-256 4bff209a98372981…)",
            "https://github.com/openvinotoolkit/open_model_zoo, "
            "models/public/alexnet/model.yml",
        ),
        *_CAFFE_SOURCES,
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
            "size (a third party's)",
            "https://github.com/openvinotoolkit/open_model_zoo, "
            "models/public/caffenet/model.yml",
        ),
        *_CAFFE_SOURCES,
    ),
)

_TORCHVISION_OWT = WeightSet(
    name="torchvision_owt",
    variant="owt",
    url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    file_name="alexnet-owt-7be5be79.pth",
    algorithm="sha256",
    # The publisher states the first 8 digits, in the file's name; the rest is from a
    # mirror on Hugging Face, and others who downloaded the file state the same.
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
        ("digest, size in bytes", "third parties who downloaded the file"),
        (
            "mean, scale, resize",
            "https://github.com/pytorch/vision, torchvision/transforms/_presets.py",
        ),
        ("licence", "https://github.com/pytorch/vision, README.md"),
    ),
)

_RECORDS = {
    record.name: record for record in (_BVLC_ALEXNET, _BVLC_CAFFENET, _TORCHVISION_OWT)
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
