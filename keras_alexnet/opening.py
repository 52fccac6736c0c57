"""Opens a model by name or path: published weights, a run, an export, a file."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from keras_alexnet import files
from keras_alexnet.inputs import classifier_sizes
from keras_alexnet.models import AlexNet, variants_like
from keras_alexnet.reasons import near, reason
from keras_alexnet.recipe import Recipe
from keras_alexnet.tensorflow_paths import for_tensorflow
from keras_alexnet.weights import hub, open_weights, published, runs
from keras_alexnet.weights.classes import class_names as published_names
from keras_alexnet.weights.described import checked_names, description_of
from keras_alexnet.weights.formats.keras_files import arrays, body, load_keras
from keras_alexnet.weights.opening import variant_named
from keras_alexnet.weights.plausibility import warn_if_untrained
from keras_alexnet.weights.recipes import EXPORT_CARD, newest_version, recipe_of

_EXPECTED = (
    "a model must be a run's directory, one of its checkpoints, an export, a .keras "
    "file, a keras.Model, or what AlexNet(weights=…) takes"
)


@dataclasses.dataclass(frozen=True)
class Opened:
    """A model with its recipe and class names.

    Args:
        model: A `keras.Model` from prepared pictures to scores `[batch, classes]`; for
            an export, the loaded SavedModel.
        recipe: How pictures become the model's input; None for an export that does not
            record it.
        class_names: Name of each output; empty for an export, whose answers name them.
        named: Whether the names were given or recorded; otherwise they are defaults.
        guessed: A message about a guessed recipe; None if nothing was guessed.
        signatures: The functions of an export by name; None for other models.
        taken: Which weights of a run they are, as "epoch 14, the last"; else empty.
    """

    model: Any
    recipe: Recipe | None
    class_names: tuple[str, ...]
    named: bool
    guessed: str | None = None
    signatures: Any = None
    taken: str = ""


def open_model(
    what: str | os.PathLike | keras.Model,
    variant: str | None = None,
    image_size: int | None = None,
    class_names: Sequence[str] | None = None,
) -> Opened:
    """Opens a model by name or path, or takes one.

    Args:
        what: As for `keras_alexnet.Classifier`, like the other arguments.
        variant: Variant of a file that does not determine it.
        image_size: Side of the input, for weights.
        class_names: Name of each output.

    Raises:
        ValueError: If there is no such model, it is damaged, or it has its own value
            for one of the arguments.

    Example:

    >>> open_model("runs/quickstart").class_names[:2]  # doctest: +SKIP
    ('arrow', 'crescent')
    """
    if isinstance(what, keras.Model):
        return _of_model(what, what.name, variant, image_size, class_names)
    if not isinstance(what, (str, os.PathLike)) or not os.fspath(what):
        raise ValueError(f"{_EXPECTED}. Received: {what!r}")
    if os.fspath(what) in published.names() or hub.is_address(what):
        return _open_weights(what, variant, image_size, class_names)
    path = Path(files.expanded(what))
    run = runs.run_of(path)
    if run is None and not path.exists():
        meant = near(os.fspath(what), published.names())
        raise ValueError(
            f"{_EXPECTED}{meant}. Received: {str(what)!r}, "
            f"{variant_named(what) or 'which does not exist'}"
        )
    export = newest_version(path) if run is None else None
    if run is not None or export is not None:
        _refuse_own(what, variant, image_size, class_names)
    if run is not None:
        names = runs.class_names(run)
        found = open_weights(path)
        model = AlexNet(weights=found)
        return Opened(model, runs.recipe(run), names, True, taken=found.taken)
    if export is not None:
        return _open_export(export)
    if path.suffix == ".keras":
        model = load_keras(path, str(path))
        return _of_model(model, str(path), variant, image_size, class_names)
    return _open_weights(path, variant, image_size, class_names)


def _refuse_own(
    what: str | os.PathLike,
    variant: str | None,
    image_size: int | None,
    class_names: Sequence[str] | None,
) -> None:
    """Raises ValueError for arguments that a run or an export determines."""
    own = {"variant": variant, "image_size": image_size, "class_names": class_names}
    for name, value in own.items():
        if value is not None:
            raise ValueError(
                f"{name} must not be given for a run or an export, which has its own. "
                f"Received: {name}={value!r} with {os.fspath(what)!r}"
            )


def _open_export(path: Path) -> Opened:
    try:
        loaded = tf.saved_model.load(for_tensorflow(path))
    except (OSError, tf.errors.OpError, ValueError, KeyError) as error:
        raise ValueError(
            "an export must be complete; export the model again. "
            f"Received: {str(path)!r} ({reason(error)})"
        ) from None
    signatures = loaded.signatures
    if "classify_bytes" not in signatures:
        raise ValueError(
            "an export must have the signature classify_bytes, as those of "
            f"keras_alexnet do. Received: {str(path)!r} with {sorted(signatures)}"
        )
    recipe = recipe_of(path) if (path / EXPORT_CARD).is_file() else None
    return Opened(loaded, recipe, (), True, signatures=signatures)


def _open_weights(
    what: str | os.PathLike,
    variant: str | None,
    image_size: int | None,
    class_names: Sequence[str] | None,
) -> Opened:
    side = image_size
    found = open_weights(what)
    variant = found.variant(variant) or "paper"
    shape = None if side is None else (side, side, 3)
    model = AlexNet(variant, found, input_shape=shape)
    names, named = _class_names(model, class_names)
    named = named and (class_names is not None or found.origin not in published.names())
    return Opened(model, recipe_of(model), names, named)


def _of_model(
    model: keras.Model,
    origin: str,
    variant: str | None,
    image_size: int | None,
    class_names: Sequence[str] | None,
) -> Opened:
    """The model itself, whoever built it; its recipe its own, or of its variant."""
    side, _ = classifier_sizes(model)
    if image_size not in (None, side):
        raise ValueError(
            f"image_size must be {side}, which the model reads, or None. "
            f"Received: image_size={image_size!r} with {origin!r}"
        )
    like = variants_like(body(model))
    if like and variant not in (None, *like):
        raise ValueError(
            f"variant must be {' or '.join(map(repr, like))}, by the layers of the "
            f"model, or None. Received: variant={variant!r} with {origin!r}"
        )
    known = variant or (like[0] if like else None)
    own = description_of(model).recipe
    guessed = None
    if known is None and own is None:
        guessed = (
            f"{origin!r} is a model of no known variant: its preprocessing is "
            "guessed to be the paper's; set preprocessing= to be sure"
        )
    if like:
        warn_if_untrained(arrays(model), origin, ours=own is not None)
    names, named = _class_names(model, class_names)
    recipe = own or recipe_of(known or "paper", side)
    return Opened(model, recipe, names, named, guessed)


def numbered(classes: int) -> tuple[str, ...]:
    """The names of classes that have none."""
    return tuple(f"class {number}" for number in range(classes))


def _class_names(
    model: keras.Model, names: Sequence[str] | None
) -> tuple[tuple[str, ...], bool]:
    """The given names, the model's own or defaults; and whether they are known."""
    _, classes = classifier_sizes(model)
    own = description_of(model).class_names
    if names is None and own:
        return own, True
    if names is None:
        imagenet = published_names("imagenet")
        known = classes == len(imagenet)
        return (imagenet if known else numbered(classes)), False
    names = checked_names(names)
    if len(names) != classes:
        raise ValueError(
            f"class_names must hold a name for each of the model's {classes} outputs. "
            f"Received: {len(names)} names"
        )
    return names, True
