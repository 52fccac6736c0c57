"""Finds out all that a report on a network holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from keras_alexnet.classifier import Classifier
from keras_alexnet.data import Source
from keras_alexnet.data.sources import TRAIN, VALIDATION
from keras_alexnet.fine_tuning import features
from keras_alexnet.inspection.answers import Answers
from keras_alexnet.inspection.attribution import (
    METHODS,
    Explained,
    explained_beside,
    randomised,
)
from keras_alexnet.inspection.centroids import separation
from keras_alexnet.inspection.findings import (
    Attribution,
    Compared,
    Findings,
    KernelColours,
    LayerActivity,
)
from keras_alexnet.inspection.kernel_colours import (
    COLOURED,
    kernel_colours,
    sign_free_splits,
)
from keras_alexnet.inspection.layer_facts import LayerFacts
from keras_alexnet.inspection.networks import Network
from keras_alexnet.inspection.observing import Observed
from keras_alexnet.inspection.pictures import Pictures, draw
from keras_alexnet.inspection.retrieval import retrieval
from keras_alexnet.inspection.units import named_units, some_units, unit_with_patches
from keras_alexnet.recipe import Recipe
from keras_alexnet.whole_numbers import whole_number

Watch = Callable[[int, int], object]

_EXAMPLES = 8  # pictures with their classes, as in figure 4
_WORST = 12
_EXPLAINED = 3  # pictures with maps
_EXPLAINING = 100  # what the maps of a picture cost, in pictures: occlusion asks often


def look(
    classifier: Classifier,
    source: Source,
    *,
    units: Sequence[str | tuple[str, int]] = (),
    compare: Sequence[Classifier] = (),
    limit: int = 1000,
    seed: int = 0,
    watch: Watch | None = None,
) -> Findings:
    """Measures what a network has learnt and how it works, on pictures of a data set.

    It reads the central views of some training and validation pictures, and passes
    each once through the network. The model is not changed.

    Args:
        classifier: The network; an export cannot be taken apart.
        source: The data. Without validation pictures half of the training pictures
            are looked at in their place; without training pictures there are no
            neighbours and no centroids.
        units: Which units of their layers to show, as `"conv5:12"` or `("conv5", 12)`;
            of the other layers, and by default, a few of each tower.
        compare: Other networks, whose colours and accuracy are set beside.
        limit: At most as many pictures of each split are drawn. They are held in
            memory, 6 bytes for each pixel of a picture.
        seed: Of all that is drawn: pictures, examples, permutations, random weights.
        watch: Called with how much is done and how much there is, in pictures.

    Returns:
        `Findings`.

    Raises:
        ValueError: If the model is an export or no AlexNet with its top, there is no
            such unit, or a picture cannot be read.

    Example:

    >>> found = look(Classifier("runs/quickstart"), source)  # doctest: +SKIP
    >>> round(found.colours[0].splits["colourfulness"].area, 3)  # doctest: +SKIP
    0.473

    Reference:
        - Krizhevsky et al. 2012, sections 6 and 6.1, figures 3 and 4.
    """
    networks = [Network.of(each, source) for each in (classifier, *compare)]
    limit = whole_number("limit", limit)
    network = networks[0]
    named = named_units(units, network.facts)
    progress = _Progress(watch, _work(source, limit, len(compare)))
    training, pictures, notes = _read(source, network.recipe, limit, seed, progress)
    layers = tuple(network.facts)
    seen, probabilities = network.observed(pictures, layers, COLOURED, progress.advance)
    learnt: dict[str, Observed] = {}
    if training is not None:
        learnt, _ = network.observed(training, layers, (), progress.advance)
    answers = Answers(pictures, probabilities, network.outputs)
    chosen = answers.some(_EXAMPLES, seed)
    colours = _colours(network, seen, seed)
    others = [
        _compared(each, network.recipe, source, pictures, limit, seed, progress)
        for each in networks[1:]
    ]
    accuracy, top5, loss = answers.scores()
    found = Findings(
        model=network.name,
        variant=network.variant,
        data=source.spec,
        classes=network.classes,
        data_classes=source.class_names,
        sizes=_sizes(training, pictures),
        accuracy=accuracy,
        top5=top5,
        loss=loss,
        colours=colours,
        sign_free=sign_free_splits([colours, *(each.colours for each in others)], seed),
        retrieval=retrieval(seen, learnt, training, pictures, seed),
        examples=tuple(map(answers.answered, chosen)),
        worst=answers.worst(_WORST),
        example=answers.answered(chosen[0]),
        layers=_layers(network, seen, learnt, training, pictures, chosen[0], named),
        attributions=_attributions(network, answers, chosen, seed, progress),
        reliability=answers.reliability(),
        confused=answers.confused(),
        compared=tuple(others),
        notes=(*notes, *(line for each in networks for line in each.notes)),
        outputs=None if network.outputs is None else tuple(network.outputs),
    )
    progress.finish()
    return found


class _Progress:
    """How much is done, in pictures."""

    def __init__(self, watch: Watch | None, total: int) -> None:
        self._watch, self._done, self._total = watch, 0, total

    def advance(self, pictures: int) -> None:
        self._done = min(self._done + pictures, self._total)
        if self._watch is not None:
            self._watch(self._done, self._total)

    def finish(self) -> None:
        self.advance(self._total)


def _work(source: Source, limit: int, others: int) -> int:
    """Pictures to read and to pass, and what is asked for the maps."""
    sizes = [min(limit, size) for size in source.sizes.values()]
    asked = min(limit, source.sizes.get(VALIDATION, limit))
    return 2 * sum(sizes) + others * asked + _EXPLAINED * _EXPLAINING


def _read(
    source: Source, recipe: Recipe, limit: int, seed: int, progress: _Progress
) -> tuple[Pictures | None, Pictures, list[str]]:
    """Training pictures, if there are any; validation pictures; lines for people."""
    notes = [
        f"{limit} of the {size} {split} pictures were drawn, with seed {seed}"
        for split, size in source.sizes.items()
        if size > limit
    ]
    advance = progress.advance
    if TRAIN not in source.sizes:
        notes.append("the data have no training pictures: no neighbours, no centroids")
        return None, draw(source, VALIDATION, recipe, limit, seed, advance), notes
    training = draw(source, TRAIN, recipe, limit, seed, advance)
    if source.validates:
        return training, draw(source, VALIDATION, recipe, limit, seed, advance), notes
    notes.append(
        "the data have no validation pictures: every second training picture is in "
        "their place, which the network may have been trained on"
    )
    return training.part(slice(0, None, 2)), training.part(slice(1, None, 2)), notes


def _sizes(training: Pictures | None, pictures: Pictures) -> dict[str, int]:
    known = {} if training is None else {TRAIN: len(training)}
    return {**known, VALIDATION: len(pictures)}


def _colours(
    network: Network, seen: Mapping[str, Observed], seed: int
) -> tuple[KernelColours, ...]:
    order = network.recipe.preprocessing.channel_order
    return kernel_colours(network.model, order, network.facts, seen, seed)


def _compared(
    network: Network,
    recipe: Recipe,
    source: Source,
    pictures: Pictures,
    limit: int,
    seed: int,
    progress: _Progress,
) -> Compared:
    """Another network on the same pictures, as it sees them."""
    if network.recipe.views_of(source) != recipe.views_of(source):
        split = VALIDATION if source.validates else TRAIN
        pictures = draw(source, split, network.recipe, limit, seed)
        if not source.validates:
            pictures = pictures.part(slice(1, None, 2))
    seen, probabilities = network.observed(
        pictures, COLOURED, COLOURED, progress.advance
    )
    accuracy, _, _ = Answers(pictures, probabilities, network.outputs).scores()
    colours = _colours(network, seen, seed)
    return Compared(network.name, colours, accuracy, network.seen_before)


def _layers(
    network: Network,
    seen: Mapping[str, Observed],
    learnt: Mapping[str, Observed],
    training: Pictures | None,
    pictures: Pictures,
    example: int,
    named: Mapping[str, tuple[int, ...]],
) -> tuple[LayerActivity, ...]:
    """What each layer gives; its named units, or a few of it if none are named."""
    given = _activations(network, pictures.pixels[example])
    found = []
    for name, facts in network.facts.items():
        observed = seen[name]
        dead = ~(observed.highest > 0)
        units = named.get(name) or some_units(facts, dead)
        means = (observed.means, learnt[name].means) if learnt else None
        together, apart = _separations(facts, means, training, pictures)
        found.append(
            LayerActivity(
                layer=name,
                towers=facts.towers,
                shape=facts.shape,
                receptive_field=facts.field.size,
                example=given[name],
                highest=observed.highest,
                active=observed.active,
                dead=dead,
                separation=together,
                separation_of_towers=apart,
                units=tuple(
                    unit_with_patches(facts, unit, observed.strongest, pictures)
                    for unit in units
                ),
            )
        )
    return tuple(found)


def _activations(network: Network, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """The outputs of all layers for one picture, rectified."""
    part = features(network.model, list(network.facts))
    given = part(network.recipe.preprocessing(pixels[None]), training=False)
    return {
        name: np.maximum(np.asarray(values[0], np.float32), 0)
        for name, values in given.items()
    }


def _separations(
    facts: LayerFacts,
    means: tuple[np.ndarray, np.ndarray] | None,
    training: Pictures | None,
    pictures: Pictures,
) -> tuple[float, tuple[float, ...]]:
    """How well classes are told apart by a layer, and by each of its towers."""
    if means is None or training is None:
        return float("nan"), ()

    def of(units: slice) -> float:
        asked, known = (each[:, units] for each in means)
        return separation(known, training.labels, asked, pictures.labels)

    each = facts.shape[-1] // facts.towers
    towers = [slice(tower * each, (tower + 1) * each) for tower in range(facts.towers)]
    return of(slice(None)), tuple(map(of, towers)) if len(towers) > 1 else ()


def _attributions(
    network: Network,
    answers: Answers,
    chosen: Sequence[int],
    seed: int,
    progress: _Progress,
) -> tuple[Attribution, ...]:
    """Maps of a few pictures, for the class that the network gives them."""
    colours = network.recipe.preprocessing
    trained = Explained(network.model, colours)
    random = Explained(randomised(network.model, seed), colours)
    found = []
    # The first is answered rightly, the last wrongly, as far as there are such.
    for index in dict.fromkeys([*chosen[: _EXPLAINED - 1], chosen[-1]]):
        picture = answers.answered(index)
        output = picture.classes[0][0]
        pixels = picture.picture.pixels
        maps = [
            explained_beside(method, trained, random, pixels, output)
            for method in METHODS
        ]
        found.append(Attribution(picture, output, tuple(maps)))
        progress.advance(_EXPLAINING)
    return tuple(found)
