"""What the outputs of a model are called in the words of the data."""

from __future__ import annotations

from keras_alexnet.commands.opening import ModelOptions, Opened, open_model
from keras_alexnet.data import Source
from keras_alexnet.evaluation import Member
from keras_alexnet.weights.classes import class_names, imagenet_classes


def opened_member(options: ModelOptions, source: Source) -> Member:
    """Opens a model to be judged on a data set.

    Raises:
        ValueError: If it is nothing of the kind.
    """
    opened = open_model(options)
    outputs = output_names(opened, source)
    return Member(
        options.named(),
        opened.model,
        opened.preprocessing,
        outputs,
        opened.resize_size,
        opened.warp,
    )


def output_names(opened: Opened, source: Source) -> tuple[str, ...]:
    """Names of the outputs of a model, as the data call the classes if they can.

    ImageNet's classes have WordNet's ids in data sets, and words in Keras. Where nobody
    named the classes and they are as many as the data's, they are taken to be the
    data's, in their order.
    """
    names, wanted = opened.class_names, set(source.class_names)
    if names == class_names("imagenet"):
        wnids = tuple(each.wnid for each in imagenet_classes())
        if wanted <= set(wnids):
            return wnids
    if wanted <= set(names) or opened.named or len(names) != len(source.class_names):
        return names
    return source.class_names
