"""Evaluates models, alone and as an ensemble, on central views or on ten."""

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
from keras_alexnet.data.unreadable import READING, explained
from keras_alexnet.data.views import Views
from keras_alexnet.evaluation.scores import (
    Scores,
    log_probabilities,
    shows_top5,
    totals,
)
from keras_alexnet.recipe import Recipe
from keras_alexnet.weights.classes import class_names, imagenet_classes

CENTRE = "centre"
TEN = "ten views"
_CENTRAL = 2  # index of the central view among the ten

Predict = Callable[[tf.Tensor], tf.Tensor]
Watch = Callable[[int, int], object]


@dataclasses.dataclass(frozen=True)
class Member:
    """A model with what is needed to evaluate it.

    Args:
        name: Its name, for people.
        model: Returns probabilities `[batch, classes]` for prepared square pictures.
        recipe: How its pictures are prepared.
        outputs: Name of each output, as the data name the classes. Outputs without a
            class in the data still compete.
    """

    name: str
    model: keras.Model
    recipe: Recipe
    outputs: tuple[str, ...]

    @classmethod
    def of(cls, classifier: Classifier, source: Source) -> Member:
        """A classifier as a member, to evaluate on a data set.

        Raises:
            ValueError: If it is an export, whose probabilities cannot be averaged.
        """
        if classifier.is_export:
            raise ValueError(
                "an export must be evaluated alone and on its own views, since it "
                f"returns a few classes only. Received: {classifier.origin!r} and more"
            )
        assert classifier.recipe is not None
        outputs = output_names(classifier.class_names, classifier.named, source)
        taken = f": {classifier.taken}" if classifier.taken else ""
        name = f"{classifier.origin}{taken}"
        return cls(name, classifier.model, classifier.recipe, outputs)


def output_names(
    names: tuple[str, ...], given: bool, source: Source
) -> tuple[str, ...]:
    """Names of the outputs of a model: those of the data's classes where possible.

    ImageNet's classes have WordNet's ids in data sets, and words in Keras. If nobody
    named the outputs and there are as many as classes in the data, they are assumed to
    be these classes, in their order.

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
    """The scores of one model, or of the mean of all, on one kind of view.

    Args:
        name: The member's name, or None for the mean of all.
        views: `CENTRE` or `TEN`.
        scores: The scores.
        classes: Number of classes that compete.
    """

    name: str | None
    views: str
    scores: Scores
    classes: int

    def line(self, members: int = 1) -> str:
        """The scores on one line.

        Args:
            members: How many models were evaluated together.
        """
        scores, name = self.scores, self.name
        values = {
            "top-1": scores.top1,
            "top-5": scores.top5,
            "top-1 error": scores.top1_error,
            "top-5 error": scores.top5_error,
            "loss": scores.loss,
        }
        fields = [
            f"{key} {value:.4f}"
            for key, value in values.items()
            if not math.isnan(value)
            and (shows_top5(self.classes) or not key.startswith("top-5"))
        ]
        who = f"mean of {members} models" if name is None else name
        return "  ".join(
            [*fields, f"({scores.pictures} pictures, {self.views}, {who})"]
        )


def judge(
    members: Sequence[Member],
    source: Source,
    batch_size: int = 64,
    views: int = 1,
    watch: Watch | None = None,
) -> list[Judged]:
    """Evaluates models, and their ensemble, in one pass over the validation pictures.

    With ten views the probabilities of a picture are averaged over its views; with
    several members, over the members. −log p and the ranks are of these means, as in
    the source of 2012 (`layer.cu`, `avg-test.py`).

    Args:
        members: The models.
        source: The data.
        batch_size: Pictures at a time.
        views: 1 for the centre alone, or 10 for the ten views (corners, centre and
            their mirrors) as well as the centre.
        watch: Called with the number of evaluated pictures and of all.

    Returns:
        The scores of each member and, if there are several, of the ensemble.

    Raises:
        ValueError: If a class of the data has no output, members differ in their
            outputs, or a picture cannot be decoded.

    Example:

    >>> judge([Member("mine", model, recipe_of("paper"), names)], source, views=10)
    ... # doctest: +SKIP
    """
    check(members, source, views)
    wanted = [member.recipe.views_of(source) for member in members]
    distinct = list(dict.fromkeys(wanted))  # Each is decoded and cut once.
    batches = validation_batches(source, _cutter(distinct, views), batch_size)
    models = [_prediction(member, members[0].outputs) for member in members]
    labels = tf.constant(
        [members[0].outputs.index(each) for each in source.class_names]
    )
    sums: dict[tuple[int, str], tf.Tensor] = {}
    try:
        for number, batch in enumerate(batches, start=1):
            images = [batch["image"][distinct.index(each)] for each in wanted]
            label = tf.gather(labels, batch["label"])
            for key, probabilities in _probabilities(models, images):
                logits = log_probabilities(probabilities)
                row = totals(logits, label, batch["weight"])
                sums[key] = sums.get(key, 0.0) + row
            if watch is not None:
                count = source.sizes[VALIDATION]
                watch(min(number * batch_size, count), count)
    except READING as error:
        raise explained(error, source.ordered(VALIDATION), source) from error
    names = [*(member.name for member in members), None]
    classes = len(members[0].outputs)
    return [
        Judged(names[n], kind, Scores.of(row), classes)
        for (n, kind), row in sums.items()
    ]


def check(members: Sequence[Member], source: Source, views: int = 1) -> None:
    """Raises ValueError for what cannot be evaluated, as `judge` does."""
    if views not in (1, 10):
        raise ValueError(f"views must be 1 or 10. Received: views={views}")
    for member in members:
        missing = sorted(set(source.class_names) - set(member.outputs))
        if missing:
            raise ValueError(
                "the model must have the classes of the data. Received: "
                f"data={source.spec!r} and {member.name!r}, which has no class "
                f"{missing[0]!r}: it has {len(source.class_names) - len(missing)} of "
                f"the data's {len(source.class_names)}"
            )
        if sorted(member.outputs) != sorted(members[0].outputs):
            raise ValueError(
                "models that are evaluated together must have the same classes. "
                f"Received: {member.name!r} and {members[0].name!r}"
            )


def _cutter(distinct: list[Views], views: int) -> Callable[[tf.Tensor], tuple]:
    """Cuts the views of a picture that members need, each uint8 `[views, s, s, 3]`."""
    if views == 1:
        return lambda image: tuple(each.centre(image)[None] for each in distinct)
    return lambda image: tuple(each.ten(image) for each in distinct)


def _prediction(member: Member, outputs: tuple[str, ...]) -> Predict:
    """A function that returns a member's probabilities, ordered as `outputs`."""
    order = tf.constant([member.outputs.index(name) for name in outputs])

    @tf.function
    def predict(pictures: tf.Tensor) -> tf.Tensor:
        prepared = member.recipe.preprocessing(pictures)
        probabilities = member.model(prepared, training=False)
        return tf.gather(tf.cast(probabilities, tf.float32), order, axis=1)

    return predict


def _probabilities(
    models: list[Predict], images: list[tf.Tensor]
) -> Iterator[tuple[tuple[int, str], tf.Tensor]]:
    """`[batch, classes]` for each member, then for their mean, by kind of view."""
    # One view at a time, to need the memory of one.
    members = [
        tf.stack([predict(view) for view in tf.unstack(image, axis=1)])
        for predict, image in zip(models, images, strict=True)
    ]  # [views, batch, classes] for every member
    if len(members) > 1:
        members.append(tf.add_n(members) / len(members))
    for number, by_view in enumerate(members):
        several = len(by_view) > 1
        yield (number, CENTRE), by_view[_CENTRAL if several else 0]
        if several:
            yield (number, TEN), tf.reduce_mean(by_view, axis=0)
