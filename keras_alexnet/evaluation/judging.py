"""Models alone and together, on central views or on ten."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from keras_alexnet.classifier import Classifier
from keras_alexnet.data import Source
from keras_alexnet.data.batches import validation_batches
from keras_alexnet.data.sources import VALIDATION
from keras_alexnet.data.unreadable import explained
from keras_alexnet.data.views import Views
from keras_alexnet.evaluation.scores import Scores, log_probabilities, totals
from keras_alexnet.recipe import Recipe
from keras_alexnet.weights.classes import class_names, imagenet_classes

CENTRE, TEN = "centre", "ten views"
_CENTRAL = 2  # its number among the ten

Ask = Callable[[tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Member:
    """A model with what it takes to judge it.

    Args:
        name: For people.
        model: Gives probabilities `[batch, classes]` for prepared square pictures.
        recipe: What its pictures go through.
        outputs: Name of each output, in the words of the data's classes. Outputs
            that the data have no class for compete all the same.
    """

    name: str
    model: keras.Model
    recipe: Recipe
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, classifier: Classifier, source: Source) -> Member:
        """A classifier to be judged on a data set.

        Raises:
            ValueError: If it is an export, whose scores cannot be averaged.
        """
        if classifier.is_export:
            raise ValueError(
                "an export must be judged alone and on its own views, since it answers "
                f"with a few classes. Received: {classifier.origin!r} and more"
            )
        assert classifier.recipe is not None
        outputs = output_names(classifier.class_names, classifier.named, source)
        return cls(classifier.origin, classifier.model, classifier.recipe, outputs)


def output_names(
    names: tuple[str, ...], given: bool, source: Source
) -> tuple[str, ...]:
    """Names of the outputs of a model, as the data call the classes if they can.

    ImageNet's classes have WordNet's ids in data sets, and words in Keras. Where nobody
    named the classes and they are as many as the data's, they are taken to be the
    data's, in their order.

    Args:
        names: Name of each output.
        given: Whether somebody gave these names.
        source: The data.
    """
    wanted = set(source.class_names)
    if names == class_names("imagenet"):
        wnids = tuple(each.wnid for each in imagenet_classes())
        if wanted <= set(wnids):
            return wnids
    if wanted <= set(names) or given or len(names) != len(source.class_names):
        return names
    return source.class_names


class Judged(NamedTuple):
    """How one model, or the mean of all, did on one kind of view.

    Args:
        name: The member's, or None for the mean of all.
        views: `CENTRE` or `TEN`.
        scores: The scores.
    """

    name: str | None
    views: str
    scores: Scores

    def line(self, members: int = 1) -> str:
        """The scores on one line.

        Args:
            members: How many models were judged together.
        """
        scores, name = self.scores, self.name
        loss = "" if math.isnan(scores.loss) else f"  loss {scores.loss:.4f}"
        return (
            f"top-1 {scores.top1:.4f}  top-5 {scores.top5:.4f}  "
            f"top-1 error {scores.top1_error:.4f}  "
            f"top-5 error {scores.top5_error:.4f}{loss}  "
            f"({scores.pictures} pictures, {self.views}, "
            f"{f'mean of {members} models' if name is None else name})"
        )


def judge(
    members: Sequence[Member], source: Source, batch_size: int = 64, views: int = 1
) -> list[Judged]:
    """Evaluates models, and their ensemble, in one pass over the validation pictures.

    With ten views the probabilities of a picture are averaged over its views, with
    several members over the members, as the source of 2012 does (`layer.cu`,
    `avg-test.py`); then −log p and the ranks are taken.

    Args:
        members: The models.
        source: The data.
        batch_size: Pictures at a time.
        views: 1, the centre, or 10: corners, centre and their mirrors, beside the
            centre alone.

    Returns:
        The scores of each member and, of several, of all together.

    Raises:
        ValueError: If an output is missing for a class of the data, members differ
            in their outputs, or a picture cannot be decoded.

    Example:

    >>> judge([Member("mine", model, recipe_of("paper"), names)], source, views=10)
    ... # doctest: +SKIP
    """
    _check(members, source, views)
    looks = [member.recipe.views_of(source) for member in members]
    kinds = list(dict.fromkeys(looks))  # Each is decoded and cut once.
    batches = validation_batches(source, _looking(kinds, views), batch_size)
    asked = [_asking(member, members[0].outputs) for member in members]
    labels = tf.constant(
        [members[0].outputs.index(each) for each in source.class_names]
    )
    sums: dict[tuple[int, str], tf.Tensor] = {}
    try:
        for batch in batches:
            images = [batch["image"][kinds.index(look)] for look in looks]
            label = tf.gather(labels, batch["label"])
            for key, shares in _answers(asked, images):
                row = totals(log_probabilities(shares), label, batch["weight"])
                sums[key] = sums.get(key, 0.0) + row
    except tf.errors.OpError as error:
        raise explained(error, source.ordered(VALIDATION), source) from error
    names = [*(member.name for member in members), None]
    return [Judged(names[n], kind, Scores.of(row)) for (n, kind), row in sums.items()]


def _check(members: Sequence[Member], source: Source, views: int) -> None:
    if views not in (1, 10):
        raise ValueError(f"views must be 1 or 10. Received: views={views}")
    for member in members:
        missing = sorted(set(source.class_names) - set(member.outputs))
        if missing:
            raise ValueError(
                "the model must tell the classes of the data. Received: "
                f"data={source.spec!r} and {member.name!r}, which has no class "
                f"{missing[0]!r}"
            )
        if sorted(member.outputs) != sorted(members[0].outputs):
            raise ValueError(
                "models that are judged together must tell the same classes. "
                f"Received: {member.name!r} and {members[0].name!r}"
            )


def _looking(kinds: list[Views], views: int) -> Callable[[tf.Tensor], tuple]:
    """The views that the members need of a picture, each uint8 `[views, s, s, 3]`."""
    if views == 1:
        return lambda image: tuple(each.centre(image)[None] for each in kinds)
    return lambda image: tuple(each.ten(image) for each in kinds)


def _asking(member: Member, outputs: tuple[str, ...]) -> Ask:
    """A member's probabilities for pictures, its outputs in another's order."""
    order = tf.constant([member.outputs.index(name) for name in outputs])

    @tf.function
    def ask(pictures: tf.Tensor) -> tf.Tensor:
        shares = member.model(member.recipe.preprocessing(pictures), training=False)
        return tf.gather(tf.cast(shares, tf.float32), order, axis=1)

    return ask


def _answers(
    asked: list[Ask], images: list[tf.Tensor]
) -> Iterator[tuple[tuple[int, str], tf.Tensor]]:
    """Probabilities `[batch, classes]` by member, then their mean, and by views."""
    # One view at a time, in the memory that one takes.
    each = [
        tf.stack([ask(views) for views in tf.unstack(image, axis=1)])
        for ask, image in zip(asked, images, strict=True)
    ]  # [views, batch, classes] of every member
    if len(each) > 1:
        each.append(tf.add_n(each) / len(each))
    for number, shares in enumerate(each):
        several = len(shares) > 1
        yield (number, CENTRE), shares[_CENTRAL if several else 0]
        if several:
            yield (number, TEN), tf.reduce_mean(shares, axis=0)
