"""Initial weights from other weights, layer by layer, as far as they fit."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from keras_alexnet import architectures
from keras_alexnet.architectures import Architecture
from keras_alexnet.models import variants_like
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.reasons import near
from keras_alexnet.recipe import Recipe
from keras_alexnet.two_towers import PackedForm
from keras_alexnet.weights import Weights, open_weights
from keras_alexnet.weights.loading import LAST, other_names
from keras_alexnet.weights.names import Named, named_weights
from keras_alexnet.weights.remote_files import Unavailable

FIRST = "conv1"  # the layer that reads the pictures: what they are goes with it


@dataclasses.dataclass(frozen=True)
class Beginning:
    """Weights to begin with, and the pictures that they read.

    Args:
        weights: As `open_weights` returns them.
        architecture: Their network.
        recipe: What their pictures go through, at the size of their network; None if
            the weights may be of several variants, which read different colours.
        recorded: Whether the recipe is known from the weights themselves; else it is
            that of their variant.
    """

    weights: Weights
    architecture: Architecture
    recipe: Recipe | None
    recorded: bool

    @property
    def image_size(self) -> int:
        """Side of the pictures that the weights read; the variant's own if unknown."""
        shape = self.weights.input_shape or (None, None)
        if shape[0] != shape[1]:
            raise ValueError(
                "image_size must be given with weights that read no squares. Received: "
                f"init_from={self.weights.origin!r}, which reads {shape[0]}x{shape[1]}"
            )
        return shape[0] or self.architecture.input_size

    def reads(self) -> Recipe:
        """The recipe; ValueError if it is not known."""
        if self.recipe is None:
            raise ValueError(
                f"init_from must be weights whose colour order is known to take {FIRST}"
                "; give a .keras file or a run, or name other layers in init_layers. "
                f"Received: init_from={self.weights.origin!r}, which may be of several "
                "variants"
            )
        return self.recipe


def open_beginning(origin: str, given: Architecture | None = None) -> Beginning:
    """Opens weights to begin with, and reads no more than is needed.

    Args:
        origin: The weights, as `AlexNet(weights=…)` takes them.
        given: The network that begins with them; that of the weights if None.

    Raises:
        ValueError: If the weights cannot be opened, or may be of several variants and
            no network is given.

    Example:

    >>> open_beginning("imagenet").recipe.resize
    'warp'
    """
    found = open_weights(origin)
    # A network that was changed is like none of the variants.
    like = found.variants if found.body is None else variants_like(found.body)
    network = found.architecture or _network(like, given)
    if network is None:
        which = " or ".join(map(repr, like)) or "since they are like none of them"
        raise ValueError(
            f"variant must be given with these weights to begin with, {which}. "
            f"Received: init_from={origin!r}"
        )
    recipe = found.description.recipe
    if recipe is not None:
        return Beginning(found, network, recipe, recorded=True)
    colours = {architectures.get(name).preprocessing for name in like}
    if len(colours) <= 1 or (given is not None and given.name in like):
        recipe = Recipe.of_colours(network.preprocessing, network.input_size)
    return Beginning(found, network, recipe, recorded=False)


def _network(like: tuple[str, ...], given: Architecture | None) -> Architecture | None:
    """The network of weights that can be of these variants; None if it is unclear."""
    if not like or (given is None and len(like) > 1):
        return given
    return architectures.get(
        given.name if given is not None and given.name in like else like[0]
    )


def start_from(
    model: keras.Model,
    beginning: Beginning,
    reads: Preprocessing,
    layers: str = "",
    class_names: Sequence[str] = (),
) -> str:
    """Copies layers of other weights into a model.

    The kernels of `conv1` are converted from the colour order and the scale of the
    pictures that the weights read to those of the model's, so that `conv1` computes
    the same of the same pictures. Zeros that pad the pictures remain zeros then; with
    another mean they would be another colour.

    Args:
        model: The model; the weights may be of another variant or for other classes.
        beginning: The weights.
        reads: How the model's pictures are prepared, with the mean of the weights'.
        layers: The layers to copy, as `"conv1,conv2"`; if empty, all whose shapes
            fit, and a batch normalisation only with its convolution.
        class_names: Name of each output, if known. Without `layers`, `fc8` is left as
            it is if the weights record other classes, or in another order.

    Returns:
        A line that names the layers that were copied, and those that were not.

    Raises:
        ValueError: If no layer fits, one of `layers` does not, `conv1` does not and
            `layers` is empty, or the means differ. The model is left as it was.

    Example:

    >>> beginning = open_beginning("runs/full_imagenet")  # doctest: +SKIP
    >>> reads = beginning.recipe.preprocessing  # doctest: +SKIP
    >>> start_from(model, beginning, reads)  # doctest: +SKIP
    'from runs/full_imagenet: conv1, …, fc7; fresh: fc8'
    """
    origin = beginning.weights.origin
    try:
        values = beginning.weights.read(beginning.architecture)
    except Unavailable as error:
        raise error.or_else(
            "without weights, --flagfile=configs/few_photos.flags trains from scratch"
        ) from None
    form = PackedForm(model, named_weights(model))
    form.gather()
    ours = form.variables
    shapes = {
        layer: {name: tuple(v.shape) for name, v in variables.items()}
        for layer, variables in ours.items()
    }
    fitting = _fitting(shapes, _shapes(values))
    if not layers and other_names(beginning.weights, class_names):
        fitting = [layer for layer in fitting if layer != LAST]
    if not fitting:
        raise ValueError(
            "init_from must have a layer that fits this network. "
            f"Received: init_from={origin!r}, whose layers are {sorted(values)}"
        )
    if layers:
        taken = _wanted(layers, fitting)
    elif FIRST in fitting:
        taken = fitting
    else:
        raise ValueError(_without_first(beginning, shapes, _shapes(values), fitting))
    change = ""
    if FIRST in taken:
        values[FIRST], change = _converted(values[FIRST], beginning, reads)
    for layer in taken:
        for name, variable in ours[layer].items():
            variable.assign(values[layer][name])
    form.scatter()
    fresh = [layer for layer in ours if layer not in taken]
    rest = f"; fresh: {', '.join(fresh)}" if fresh else ""
    return f"from {origin}: {', '.join(taken)}{rest}{change}"


Shapes = dict[str, dict[str, tuple[int, ...]]]


def _shapes(values: Named) -> Shapes:
    return {
        layer: {name: value.shape for name, value in named.items()}
        for layer, named in values.items()
    }


def _fitting(ours: Shapes, theirs: Shapes) -> list[str]:
    """The layers of the same names and shapes."""
    same = [layer for layer, shapes in ours.items() if shapes == theirs.get(layer)]
    # Statistics of other maps are of no use: those of a convolution go with it.
    return [
        layer
        for layer in same
        if not layer.startswith("bn") or layer.replace("bn", "conv") in same
    ]


def _without_first(
    beginning: Beginning, ours: Shapes, theirs: Shapes, fitting: list[str]
) -> str:
    """The message for weights whose `conv1` does not fit."""
    return (
        f"init_from must have a {FIRST} that fits, {_listed(ours.get(FIRST, {}))}; "
        "give no variant, or name the layers to take to begin with a new one, as in "
        f"--init_layers={','.join(fitting)}. Received: "
        f"init_from={beginning.weights.origin!r}, of {beginning.architecture.name!r}, "
        f"with {_listed(theirs.get(FIRST, {}))}"
    )


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "none"


def _converted(
    first: dict[str, np.ndarray], beginning: Beginning, ours: Preprocessing
) -> tuple[dict[str, np.ndarray], str]:
    """The weights of `conv1` for pictures prepared otherwise, and words for it."""
    theirs = beginning.reads().preprocessing
    if theirs.mean != ours.mean:
        raise ValueError(
            "the mean of the model's pictures must be that of the weights'; prepare "
            f"them with it. Received: {ours.mean}, not {theirs.mean} of "
            f"{beginning.weights.origin!r}"
        )
    order = (theirs.channel_order, ours.channel_order)
    if order[0] == order[1] and theirs.scale == ours.scale:
        return first, ""
    kernel = first["kernel"]
    # Scales are in R, G, B, whatever the order is, and so is the kernel in between.
    exact: Any = kernel[:, :, ::-1] if order[0] == "BGR" else kernel
    exact = exact * np.divide(ours.scale, theirs.scale)[:, None]
    exact = exact[:, :, ::-1] if order[1] == "BGR" else exact
    words = [f"{was} to {now}" for was, now in [order] if was != now]
    if theirs.scale != ours.scale:
        scales = (", ".join(f"{s:g}" for s in each.scale) for each in (theirs, ours))
        words.append(f"scale {' to '.join(scales)}")
    change = f"; {FIRST} converted from {' and from '.join(words)}"
    return {**first, "kernel": exact.astype(kernel.dtype)}, change


def checksum(model: keras.Model) -> int:
    """A checksum of a model's weights."""
    number = 0
    for weight in model.get_weights():
        number = zlib.crc32(weight.tobytes(), number)
    return number


def takes_first(layers: str) -> bool:
    """Whether `conv1` is among the layers to copy."""
    return not layers or FIRST in _split(layers)


def _split(layers: str) -> list[str]:
    return [layer.strip() for layer in layers.split(",")]


def _wanted(layers: str, fitting: list[str]) -> list[str]:
    """The layers that are named, all of which must fit."""
    wanted = _split(layers)
    unknown = [layer for layer in wanted if layer not in fitting]
    if unknown:
        raise ValueError(
            f"init_layers must name layers that fit: {', '.join(fitting)}"
            f"{near(unknown[0], fitting)}. "
            f"Received: init_layers={layers}"
        )
    return [layer for layer in fitting if layer in wanted]
