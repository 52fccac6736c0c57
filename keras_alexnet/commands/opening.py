"""Opens what `--model` names: a run, an export, a `.keras` or a weights file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from keras_alexnet import architectures, files
from keras_alexnet.commands.flags import option
from keras_alexnet.inputs import classifier_sizes
from keras_alexnet.models import AlexNet, variants_like
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.reasons import reason
from keras_alexnet.tensorflow_paths import for_tensorflow
from keras_alexnet.weights import open_weights, records, runs
from keras_alexnet.weights.classes import class_names
from keras_alexnet.weights.formats.keras_files import body, load_keras
from keras_alexnet.weights.runs import preprocessing, run_of

_EXPECTED = (
    "--model must be a run's directory, an export, a .keras file, or what "
    "AlexNet(weights=…) takes"
)


@dataclasses.dataclass(frozen=True)
class ModelOptions:
    """The flags that name a model, the same in every command."""

    model: str | None = option(
        None,
        "A run, an export, a .keras file, a weights file (.weights.h5, .caffemodel, "
        f".npy, .pth) or published weights by name ({', '.join(records.names())}).",
        path=True,
    )
    model_dir: str | None = option(None, "A run: the same as --model=RUN.", path=True)
    variant: str | None = option(
        None, "Variant of a .keras or a weights file that leaves it open."
    )
    image_size: int | None = option(
        None, "Side of the input, for a weights file; the variant's own by default."
    )
    class_names: str | None = option(
        None,
        "File with a class name a line; ImageNet's for 1000 classes by default.",
        path=True,
    )

    def path(self) -> Path:
        """What was named, as a path; ValueError if there is nothing of the kind."""
        path = Path(self.named())
        known = run_of(path) is not None or self.named() in records.names()
        if not path.exists() and not known:
            raise ValueError(
                f"{_EXPECTED}. Received: {self.named()!r}, which is not there"
            )
        return path

    def named(self) -> str:
        """What was named; ValueError if nothing was, or two things."""
        given = [each for each in (self.model, self.model_dir) if each is not None]
        if len(given) != 1 or not given[0]:
            raise ValueError(
                "exactly one of --model and --model_dir must be given. "
                f"Received: --model={self.model}, --model_dir={self.model_dir}"
            )
        return given[0]


@dataclasses.dataclass(frozen=True)
class Opened:
    """A model with what belongs to it.

    Args:
        model: Gives probabilities `[batch, classes]`.
        class_names: Name of each output.
        named: Whether somebody gave these names; else they are what could be said.
        preprocessing: What the model's pictures go through.
        resize_size: As `data.views.Views` takes it.
        warp: Likewise.
    """

    model: keras.Model
    class_names: tuple[str, ...]
    named: bool
    preprocessing: Preprocessing
    resize_size: int | None = None
    warp: bool = False


def newest_version(path: Path) -> Path | None:
    """The SavedModel at `path` or of the highest version in it, if there is one."""
    if (path / "saved_model.pb").is_file():
        return path
    if not path.is_dir():
        return None
    versions = [each for each in path.iterdir() if each.name.isdecimal()]
    versions = [each for each in versions if (each / "saved_model.pb").is_file()]
    return max(versions, key=lambda each: int(each.name), default=None)


def open_model(options: ModelOptions) -> Opened:
    """Opens a model that Keras can run.

    Args:
        options: The flags.

    Raises:
        ValueError: If it is nothing of the kind.
    """
    path = options.path()
    run = run_of(path)
    if run is not None:
        return _open_run(run, path, options)
    names = _read_names(options.class_names)
    if path.suffix == ".keras":
        return _open_keras(path, names, options)
    return _open_weights(names, options)


def _open_weights(names: tuple[str, ...] | None, options: ModelOptions) -> Opened:
    side, origin = options.image_size, options.named()
    found = open_weights(origin)
    variant = found.variant(options.variant) or "paper"
    model = AlexNet(
        variant, found, input_shape=None if side is None else (side, side, 3)
    )
    opened = Opened(
        model,
        _names(model, names, options),
        names is not None,
        architectures.get(variant).preprocessing,
    )
    if origin not in records.names():
        return opened
    record = records.get(origin)
    return dataclasses.replace(
        opened,
        preprocessing=record.preprocessing,
        resize_size=record.resized(model.input_shape[1]),
        warp=record.resize == "warp",
    )


def _names(
    model: keras.Model, names: tuple[str, ...] | None, options: ModelOptions
) -> tuple[str, ...]:
    """The names given, if they are as many as the classes, or what can be said."""
    _, classes = classifier_sizes(model)
    if names is None:
        imagenet = class_names("imagenet")
        known = classes == len(imagenet)
        return imagenet if known else tuple(f"class {i}" for i in range(classes))
    if len(names) != classes:
        raise ValueError(
            f"--class_names must hold a line for each of the model's {classes} "
            f"outputs. Received: {options.class_names!r} with {len(names)} lines"
        )
    return names


def _open_keras(
    path: Path, names: tuple[str, ...] | None, options: ModelOptions
) -> Opened:
    """The model itself, whoever built it; its colours are its variant's."""
    model = load_keras(path, str(path))
    like = variants_like(body(model))
    if like and options.variant not in (None, *like):
        raise ValueError(
            f"--variant must be {' or '.join(map(repr, like))}, by the layers of the "
            f"model, or left out. Received: --variant={options.variant} with "
            f"{str(path)!r}"
        )
    variant = options.variant or (like or ("paper",))[0]
    colours = architectures.get(variant).preprocessing
    return Opened(model, _names(model, names, options), names is not None, colours)


def _open_run(run: Path, path: Path, options: ModelOptions) -> Opened:
    """A run's newest checkpoint or the one named; the run says itself what it is."""
    for name in ("variant", "image_size", "class_names"):
        value = getattr(options, name)
        if value is not None:
            raise ValueError(
                f"--{name} must be left out for a run, which has its own. "
                f"Received: --{name}={value} with {options.named()!r}"
            )
    names = runs.class_names(run)
    return Opened(AlexNet(weights=path), names, True, preprocessing(run))


def _read_names(path: str | None) -> tuple[str, ...] | None:
    if path is None:
        return None
    return tuple(files.read_text(Path(path)).splitlines())


def open_export(path: Path) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """The `classify_bytes` of a SavedModel; ValueError if it has none."""
    try:
        signatures = tf.saved_model.load(for_tensorflow(path)).signatures
    except (OSError, tf.errors.OpError, ValueError, KeyError) as error:
        raise ValueError(
            "an export must be whole; export the model again. "
            f"Received: {str(path)!r} ({reason(error)})"
        ) from error
    if "classify_bytes" not in signatures:
        raise ValueError(
            "an export must have the signature classify_bytes, as keras_alexnet's "
            f"have. Received: {str(path)!r} with {sorted(signatures)}"
        )
    return lambda images: signatures["classify_bytes"](image_bytes=images)
