"""Opens weights by name or path: what they fit, and how they are read."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from keras_alexnet import architectures, files
from keras_alexnet.architectures import Architecture
from keras_alexnet.reasons import near, outside
from keras_alexnet.weights import hub, published, run_weights, runs
from keras_alexnet.weights.cache import cached
from keras_alexnet.weights.classes import class_names as class_list
from keras_alexnet.weights.described import UNKNOWN, Description, description_in
from keras_alexnet.weights.formats import (
    caffe,
    conversion,
    keras_files,
    numpy_files,
    onnx_files,
    safetensors_files,
    torch_files,
)
from keras_alexnet.weights.names import Named, is_of
from keras_alexnet.weights.recipes import SUFFIXES, recorded_by_run
from keras_alexnet.weights.remote_files import MOST

_CAFFES = ("caffe", "caffenet")


@dataclasses.dataclass(frozen=True)
class Weights:
    """Weights that can be loaded into a model.

    Args:
        origin: The name or path as it was given.
        read: Returns the values by the names of layers and weights, for a record.
        variants: The variants that the weights can be of; empty if unknown.
        classes: Number of classes, if it is known before reading.
        input_shape: Shape of the pictures, if it is known.
        checked: Whether to warn if the values look untrained.
        body: Result of `keras_files.body` for a model that was saved whole.
        architecture: The architecture of a run that is none of the variants.
        foreign: What the weights belong to, if that is no variant.
        taken: Which weights of a run they are, as "epoch 14, the last"; else empty.
        unfinished: How far a run is that has not ended, in words; else empty.
        description: The recipe and the names of the classes, as far as recorded.
    """

    origin: str
    read: Callable[[Architecture], Named]
    variants: tuple[str, ...] = ()
    classes: int | None = None
    input_shape: tuple[int | None, ...] | None = None
    checked: bool = True
    body: tuple[tuple[str, str], ...] | None = None
    architecture: Architecture | None = None
    foreign: str | None = None
    taken: str = ""
    unfinished: str = ""
    description: Description = UNKNOWN

    def variant(self, given: str | None) -> str | None:
        """The variant of the model: the given one, if the weights can be of it.

        Raises:
            ValueError: If they cannot, or if a variant must be given and was not.
        """
        if self.foreign is not None:
            raise ValueError(
                "weights must be of an AlexNet, of one of the variants "
                f"{architectures.names()}. Received: {self.origin!r}, {self.foreign}"
            )
        own = self.architecture
        if own is not None and given not in (None, own.name):
            raise ValueError(
                "variant must be None with a run of a network that is none of the "
                f"variants. Received: variant={given!r}, weights={self.origin!r}, "
                f"which trains {own.name!r}"
            )
        if not self.variants or given in self.variants:
            return given
        if given is None and len(self.variants) == 1:
            return self.variants[0]
        expected = " or ".join(map(repr, self.variants))
        received = "no variant" if given is None else f"variant={given!r}"
        raise ValueError(
            f"variant must be {expected} with these weights. "
            f"Received: {received}, weights={self.origin!r}"
        )


def open_weights(weights: str | os.PathLike | Weights) -> Weights:
    """Opens what `AlexNet(weights=…)` takes, and reads no more than is needed.

    Args:
        weights: A name of `keras_alexnet.weights.names()`; a path, of a run `RUN`
            the last epoch, or `RUN/best`; or an address `hf://OWNER/REPOSITORY`, as
            `hub.local` takes it, whose file is downloaded.

    Returns:
        The `Weights`.

    Raises:
        ValueError: If it is neither of these, or cannot be read.
    """
    if isinstance(weights, Weights):
        return weights
    if not isinstance(weights, (str, os.PathLike)) or not os.fspath(weights):
        raise ValueError(f"{_expected()}. Received: weights={weights!r}")
    origin = os.fspath(weights)
    if origin in published.names():
        return _published(published.get(origin), origin)
    if hub.is_address(origin):
        path, run = hub.local(origin, SUFFIXES), None
    else:
        path = Path(files.expanded(weights))
        run = runs.run_of(path)
    if run is not None:
        return _run(run, path, origin)
    for suffix, opener in _FILES.items():
        if path.name.endswith(suffix) and path.is_file():
            _check_size(path, origin)
            return opener(path, origin)
    found = "which is something else" if path.exists() else "which does not exist"
    found = variant_named(origin) or found
    meant = near(origin, published.names())
    raise ValueError(f"{_expected()}{meant}. Received: {origin!r}, {found}")


def _check_size(path: Path, origin: str) -> None:
    """Raises ValueError for a file that is no AlexNet's; one may be a hole."""
    size = path.stat().st_size
    if size > MOST:
        raise ValueError(
            f"a file of weights must have at most {MOST:,} bytes. "
            f"Received: {origin!r} with {size:,}"
        )


def variant_named(weights: str | os.PathLike) -> str:
    """What a name of weights is if it is a variant's, in words; empty if it is none.

    Example:

    >>> variant_named("paper")
    "a variant: AlexNet('paper') has new weights"
    """
    name = os.fspath(weights)
    if name not in architectures.names():
        return ""
    return f"a variant: AlexNet({name!r}) has new weights"


def check_variant(variant: str | None) -> None:
    """Raises ValueError if the name of a variant is one of weights, or their path.

    `keras.applications` has a single network behind each name, so that people write
    `AlexNet("imagenet")`.
    """
    if not isinstance(variant, (str, os.PathLike)) or variant in architectures.names():
        return
    name = os.fspath(variant)
    named = name in published.names() or hub.is_address(name)
    if named or os.path.exists(files.expanded(name)):
        raise ValueError(
            f"variant must be one of {architectures.names()}, or None for that of the "
            f"weights: weights={name!r}. Received: variant={name!r}"
        )


def _expected() -> str:
    return (
        f"weights must be None, one of {published.names()}, the directory of a "
        f"training run, one of its checkpoints, a {', '.join(_FILES)} file, or "
        "hf://OWNER/REPOSITORY/FILE"
    )


def _published(record: published.WeightSet, origin: str) -> Weights:
    """Downloads nothing before `read` is called: wrong arguments are reported first."""

    def read(architecture: Architecture) -> Named:
        path = cached(record, functools.partial(_convert, record))
        return keras_files.read_h5(path, str(path), architecture)

    side, described = record.image_size, _description(record)
    classes = len(described.class_names)
    return Weights(
        origin,
        read,
        (record.variant,),
        classes,
        (side, side, 3),
        description=described,
    )


def _description(record: published.WeightSet) -> Description:
    return Description(record.recipe(), class_list(record.name))


def _convert(record: published.WeightSet, published: Path, converted: Path) -> None:
    """Turns a publisher's file into a `.weights.h5`."""
    opened = _FILES[published.suffix](published, record.name)
    architecture = architectures.get(record.variant)
    described = _description(record).to_bytes()
    named = opened.read(architecture)
    keras_files.write_h5(converted, named, architecture, described)


def _run(run: Path, path: Path, origin: str) -> Weights:
    checkpoint = runs.checkpoint_of(path)
    settings, own = runs.settings(run), runs.has_own_architecture(run)
    side = int(settings["image_size"])
    return Weights(
        origin,
        lambda record: run_weights.read_weights(checkpoint),
        variants=() if own else (settings["variant"],),
        classes=run_weights.classes(checkpoint, run),
        input_shape=(side, side, 3),
        checked=False,  # a run may have been stopped early on purpose
        architecture=runs.architecture(run) if own else None,
        taken=runs.taken(path),
        unfinished=runs.unfinished(path),
        description=recorded_by_run(run),
    )


def _h5(path: Path, origin: str) -> Weights:
    shapes = keras_files.h5_shapes(path, origin)
    fitting = [
        name
        for name in architectures.names()
        if keras_files.fits(shapes, architectures.get(name))
    ]
    described = description_in(path)
    inputs = shapes.get("dense", ())[:1]
    return Weights(
        origin,
        functools.partial(keras_files.read_h5, path, origin),
        tuple(fitting),
        classes=keras_files.classes(shapes),
        input_shape=_input_shape(described, fitting, inputs, origin),
        foreign=None if fitting else f"a file of other layers: {_listed(shapes)}",
        description=described,
    )


def _input_shape(
    described: Description,
    variants: Sequence[str],
    inputs: Sequence[int],
    origin: str,
) -> tuple[int, int, int] | None:
    """The shape of the pictures, by the recipe in a file.

    Args:
        described: What is recorded in it.
        variants: Those that the file can be of.
        inputs: How many values its `fc6` reads; empty if it has none.
        origin: The file, for messages.

    Raises:
        ValueError: If its `fc6` is for pictures of another size. A network is built
            for the size, and would be as large as the file says.
    """
    if described.recipe is None:
        return None
    side = described.recipe.image_size
    records = [architectures.get(name) for name in variants]
    if inputs and records and all(_inputs(r, side) != inputs[0] for r in records):
        raise ValueError(
            "a file of weights must have the recipe of its network. Received: "
            f"{origin!r} for pictures of {side}x{side}, with {inputs[0]} inputs of fc6"
        )
    return (side, side, 3)


def _inputs(record: Architecture, side: int) -> int:
    last = record.averaged_size or record.final_map_size(side)
    return last * last * record.convolutions[-1].filters


def _listed(shapes: keras_files.Shapes) -> str:
    """The first few of a file's layers, each with the shape of its kernel."""
    listed = [
        f"{outside(group, 40)} {shape}" for group, shape in sorted(shapes.items())[:4]
    ]
    return ", ".join(listed + ["…"] * (len(shapes) > len(listed))) or "none"


def _keras(path: Path, origin: str) -> Weights:
    named, input_shape, body = keras_files.read_keras(path, origin)
    known = _known(named, origin, ())
    return dataclasses.replace(
        known, input_shape=input_shape, body=body, description=description_in(path)
    )


def _caffemodel(path: Path, origin: str) -> Weights:
    named = conversion.from_caffe(caffe.read_caffemodel(path), origin)
    return _known(named, origin, _CAFFES)


def _npy(path: Path, origin: str) -> Weights:
    named = conversion.from_npy(numpy_files.read_npy(path), origin)
    return _known(named, origin, _CAFFES)


def _pth(path: Path, origin: str) -> Weights:
    named = conversion.from_torch(torch_files.read_state_dict(path), origin)
    return _known(named, origin, ("owt",))


def _onnx(path: Path, origin: str) -> Weights:
    blobs, variant = onnx_files.read_onnx(path)
    return _known(conversion.from_caffe(blobs, origin), origin, (variant,))


def _safetensors(path: Path, origin: str) -> Weights:
    arrays = safetensors_files.read_safetensors(path)
    if not safetensors_files.is_ours(arrays):
        return _known(conversion.from_torch(arrays, origin), origin, ("owt",))
    named = safetensors_files.by_layer(arrays)
    described = description_in(path)
    variant = safetensors_files.variant_of(safetensors_files.read_metadata(path))
    fitting = [n for n in architectures.names() if is_of(named, architectures.get(n))]
    if variant in fitting:
        fitting = [variant]
    inputs = np.shape(named.get("fc6", {}).get("kernel"))[:1]
    shapes = {
        layer: next(iter(values.values())).shape for layer, values in named.items()
    }
    return dataclasses.replace(
        _known(named, origin, tuple(fitting)),
        input_shape=_input_shape(described, fitting, inputs, origin),
        foreign=None if fitting else f"a file of other layers: {_listed(shapes)}",
        description=described,
    )


def _known(named: Named, origin: str, variants: tuple[str, ...]) -> Weights:
    fc8 = named.get("fc8", {}).get("bias")
    classes = None if fc8 is None else len(fc8)
    return Weights(origin, lambda record: named, variants, classes)


_FILES: dict[str, Callable[[Path, str], Weights]] = {
    ".weights.h5": _h5,
    ".keras": _keras,
    ".caffemodel": _caffemodel,
    ".npy": _npy,
    ".pth": _pth,
    ".safetensors": _safetensors,
    ".onnx": _onnx,
}
