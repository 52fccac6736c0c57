"""Halving against the mean over networks that dropout masks make (section 4.2)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_alexnet.claims import statistics
from keras_alexnet.claims.experiment import Experiment, Run
from keras_alexnet.claims.measured import Measured
from keras_alexnet.claims.measures.accuracy import percents
from keras_alexnet.claims.result import Chart
from keras_alexnet.data import open_source
from keras_alexnet.data.sources import VALIDATION
from keras_alexnet.layers import StatelessDropout
from keras_alexnet.models import AlexNet
from keras_alexnet.reasons import must_be

COUNTS = tuple(2**power for power in range(9))  # 1 to 256
TOLERATED = 1.0  # points that an approximation may cost to be reasonable
_PICTURES = 128  # at a time
_AT_ONCE = 2**22  # values of a layer, over masks and pictures


@dataclasses.dataclass(frozen=True)
class MaskAnswers:
    """What means over masks answer, and how far halving is from them.

    Distances are total variations, ½ Σ |p − q| over the classes: the probability that
    has to move from one class to another.

    Args:
        counts: Over how many masks a mean is.
        halving: Probabilities without dropout, `[pictures, classes]`.
        geometric: Renormalised geometric means, `[counts, pictures, classes]`.
        arithmetic: Arithmetic means, likewise.
    """

    counts: tuple[int, ...]
    halving: np.ndarray
    geometric: np.ndarray
    arithmetic: np.ndarray

    @property
    def geometric_distance(self) -> np.ndarray:
        """Between halving and the geometric means, `[counts, pictures]`."""
        return abs(self.geometric - self.halving).sum(axis=-1) / 2

    @property
    def arithmetic_distance(self) -> np.ndarray:
        """Between halving and the arithmetic means, `[counts, pictures]`."""
        return abs(self.arithmetic - self.halving).sum(axis=-1) / 2


def answers_of_masks(
    model: keras.Model,
    pictures: np.ndarray,
    counts: Sequence[int] = COUNTS,
    seed: int = 0,
) -> MaskAnswers:
    """The answers of a network without dropout, and of means over drawn masks.

    A mask is drawn for each dropout layer, and the same for all pictures, as for one of
    the networks with half of the units that the paper speaks of. The first n masks are
    those of the mean over n.

    The geometric mean of softmax outputs, renormalised, is the softmax of the mean
    logits. If dropout is directly before the last layer, logits are linear in the
    masks, and their mean over all masks is the logits without dropout: halving is
    exact then (Hinton et al. 2012). With a ReLU between two dropout layers it is not.

    Args:
        model: Has `StatelessDropout` layers. From the first one to `fc8`, which gives
            logits, each layer reads the one before.
        pictures: `[n, height, width, 3]`, prepared for the model.
        counts: Over how many masks the means are, rising.
        seed: Of the masks.

    Returns:
        The `MaskAnswers`, float64.

    Raises:
        ValueError: If the model has no dropout.

    Example:

    >>> model = keras.Sequential(
    ...     [
    ...         keras.Input([6]),
    ...         StatelessDropout(0.5),
    ...         keras.layers.Dense(3, name="fc8"),
    ...     ]
    ... )
    >>> answers = answers_of_masks(model, np.ones([2, 6], np.float32), counts=[4, 64])
    >>> answers.geometric.shape
    (2, 2, 3)

    Reference:
        - Hinton et al. 2012, "Improving neural networks by preventing co-adaptation
          of feature detectors".
    """
    rng = np.random.default_rng(seed)
    drawn, none = {}, {}
    for layer in _chain(model):
        if isinstance(layer, StatelessDropout):
            kept = rng.random((counts[-1], layer.output.shape[-1])) >= layer.rate
            drawn[layer.name] = kept / (1 - layer.rate)
            none[layer.name] = np.ones([1, kept.shape[1]])
    (halved,) = logits_with(model, pictures, none)
    logits = logits_with(model, pictures, drawn)
    probabilities = _softmax(logits)
    return MaskAnswers(
        tuple(counts),
        _softmax(halved),
        np.stack([_softmax(logits[:count].mean(axis=0)) for count in counts]),
        np.stack([probabilities[:count].mean(axis=0) for count in counts]),
    )


def logits_with(
    model: keras.Model, pictures: np.ndarray, factors: Mapping[str, np.ndarray]
) -> np.ndarray:
    """The logits of a network whose dropout layers multiply by given factors.

    What comes before the first dropout layer is computed once.

    Args:
        model: As for `answers_of_masks`.
        pictures: As there, n of them.
        factors: For each dropout layer, by its name, `[masks, units]`: 0, or
            1 / (1 − rate) for units that are kept; 1 for no dropout.

    Returns:
        float64 `[masks, n, classes]`.

    Raises:
        ValueError: If the model has no dropout.
    """
    chain = _chain(model)
    before = keras.Model(model.inputs[0], chain[0].input)
    count, units = len(pictures), chain[0].input.shape[-1]

    @tf.function(reduce_retracing=True)
    def logits(features: tf.Tensor, chosen: dict[str, tf.Tensor]) -> tf.Tensor:
        masks = tf.shape(chosen[chain[0].name])[0]
        x = tf.tile(features, [masks, 1])
        for layer in chain:
            if isinstance(layer, StatelessDropout):
                x *= tf.cast(tf.repeat(chosen[layer.name], len(features), 0), x.dtype)
            else:
                x = layer(x, training=False)
        return tf.reshape(x, [masks, len(features), x.shape[-1]])

    starts = range(0, count, _PICTURES)
    features = [before(pictures[i : i + _PICTURES], training=False) for i in starts]
    step = max(1, _AT_ONCE // (_PICTURES * units))
    total = len(factors[chain[0].name])
    rows = []
    for first in range(0, total, step):
        part = slice(first, first + step)
        chosen = {name: tf.constant(each[part]) for name, each in factors.items()}
        found = [logits(each, chosen).numpy() for each in features]
        rows.append(np.concatenate(found, axis=1))
    return np.concatenate(rows).astype(np.float64)


def dropout_masks(experiment: Experiment) -> Measured:
    """Compares halving with the geometric mean over masks, network by network.

    The networks are those of the claim's only arm. Halving is a reasonable
    approximation if it costs less than a point of accuracy; and if it is one of the
    geometric mean, it is nearer to that than to the arithmetic one.
    """
    (name,) = experiment.claim.arms
    found = [_of_run(experiment, run) for run in experiment.runs(name)]
    tables: dict[str, list[np.ndarray]] = {
        "halving": [each.halving for each, _ in found],
        **{
            f"{kind}, {_masks(count)}": [getattr(each, kind)[at] for each, _ in found]
            for kind in ("geometric", "arithmetic")
            for at, count in ((0, COUNTS[0]), (-1, COUNTS[-1]))
        },
    }
    right = {
        kind: np.stack(
            [p.argmax(-1) == own for p, (_, own) in zip(each, found, strict=True)]
        )
        for kind, each in tables.items()
    }
    far = {
        "geometric mean": [each.geometric_distance.mean(1) for each, _ in found],
        "arithmetic mean": [each.arithmetic_distance.mean(1) for each, _ in found],
    }
    most = _masks(COUNTS[-1])
    return Measured(
        comparisons=(
            statistics.points(
                f"halving against the geometric mean over {most}",
                right["halving"],
                right[f"geometric, {most}"],
                level=-TOLERATED,
            ),
            statistics.numbers(
                "distance of halving to the arithmetic less that to the geometric mean",
                "of probability",
                [float(a[-1] - g[-1]) for g, a in zip(*far.values(), strict=True)],
            ),
        ),
        chart=Chart(
            kind="lines",
            title="How far halving is from means over masks",
            x=COUNTS,
            series={
                kind if place == 1 else f"{kind} #{place}": values.tolist()
                for kind, each in far.items()
                for place, values in enumerate(each, start=1)
            },
            x_label="masks",
            y_label="total variation, of probability",
            log_x=True,
            log_y=True,
        ),
        results={name: percents(right["halving"])},
        unit="% right",
        facts={
            f"% right, {kind}": round(100 * float(each.mean()), 3)
            for kind, each in right.items()
        },
    )


def _masks(count: int) -> str:
    return "1 mask" if count == 1 else f"{count} masks"


def _of_run(experiment: Experiment, run: Run) -> tuple[MaskAnswers, np.ndarray]:
    """What a run's network answers, and the labels."""
    assert experiment.pictures is not None
    source = open_source(experiment.pictures.spec)
    model = AlexNet(weights=run.path)
    batches = model.recipe.batches(source, VALIDATION).as_numpy_iterator()
    pictures, labels = map(np.concatenate, zip(*batches, strict=True))
    answers = answers_of_masks(model, pictures, seed=run.seed)
    keras.backend.clear_session()
    return answers, labels


def _chain(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers from the first dropout layer to `fc8`."""
    kinds = [isinstance(layer, StatelessDropout) for layer in model.layers]
    if not any(kinds):
        raise must_be("model", "a network with dropout layers", model.name)
    names = [layer.name for layer in model.layers]
    return model.layers[kinds.index(True) : names.index("fc8") + 1]


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)
