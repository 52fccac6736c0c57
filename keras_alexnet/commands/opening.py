"""Opens what `--model` names: a run, an export, a `.keras` or a weights file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from keras_alexnet import architectures
from keras_alexnet.commands.flags import option
from keras_alexnet.models import AlexNet, classifier_sizes
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.training.run_directory import RunDirectory
from keras_alexnet.weights.runs import is_run

_EXPECTED = (
    "--model must be a run's directory, an export, a .keras file or a .weights.h5 file"
)


@dataclasses.dataclass(frozen=True)
class ModelOptions:
    """The flags that name a model, the same in every command."""

    model: str | None = option(
        None, "A run, an export, a .keras file or a .weights.h5 file."
    )
    model_dir: str | None = option(None, "A run: the same as --model=RUN.")
    variant: str = option("paper", "Variant of a .keras or .weights.h5 file.")
    image_size: int = option(224, "Side of the input, for a .weights.h5 file.")
    class_names: str | None = option(
        None, "File with a class name a line, for a .keras or .weights.h5 file."
    )

    def path(self) -> Path:
        """What was named; ValueError if nothing or nothing that exists was."""
        given = [each for each in (self.model, self.model_dir) if each is not None]
        if len(given) != 1 or not given[0]:
            raise ValueError(
                "exactly one of --model and --model_dir must be given. "
                f"Received: --model={self.model}, --model_dir={self.model_dir}"
            )
        path = Path(given[0])
        if not path.exists():
            raise ValueError(f"{_EXPECTED}. Received: {given[0]!r}, which is not there")
        return path


@dataclasses.dataclass(frozen=True)
class Opened:
    """A model with what belongs to it."""

    model: keras.Model
    class_names: tuple[str, ...]
    preprocessing: Preprocessing


def newest_version(path: Path) -> Path | None:
    """The SavedModel at `path` or of the highest version in it, if there is one."""
    if (path / "saved_model.pb").is_file():
        return path
    if not path.is_dir():
        return None
    versions = [each for each in path.iterdir() if each.name.isdecimal()]
    versions = [each for each in versions if (each / "saved_model.pb").is_file()]
    return max(versions, key=lambda each: int(each.name), default=None)


def open_model(options: ModelOptions, names: tuple[str, ...] | None = None) -> Opened:
    """Opens a model that Keras can run.

    Args:
        options: The flags.
        names: Class names, where the data have them; else the flags' file.

    Raises:
        ValueError: If it is nothing of the kind.
    """
    path = options.path()
    if is_run(path):
        return _open_run(RunDirectory(str(path)))
    preprocessing = architectures.get(options.variant).preprocessing
    names = names or _read_names(options.class_names)
    if path.name.endswith(".weights.h5"):
        if names is None:
            raise ValueError(
                "a .weights.h5 file needs --class_names=FILE, a name a line. "
                f"Received: --model={path!s}"
            )
        model = AlexNet(
            options.variant,
            path,
            input_shape=(options.image_size, options.image_size, 3),
            classes=len(names),
        )
        return Opened(model, names, preprocessing)
    if path.suffix == ".keras":
        return _open_keras(path, names, preprocessing)
    raise ValueError(f"{_EXPECTED}. Received: {str(path)!r}")


def _open_keras(
    path: Path, names: tuple[str, ...] | None, preprocessing: Preprocessing
) -> Opened:
    try:
        model = keras.saving.load_model(path)
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise ValueError(
            "a .keras file must be whole, and of this Keras, "
            f"{keras.__version__}. Received: {str(path)!r} "
            f"({' '.join(str(error).split())[:200]})"
        ) from error
    _, classes = classifier_sizes(model)
    names = names or tuple(f"class {i}" for i in range(classes))
    if len(names) != classes:
        raise ValueError(
            f"there must be a class name for each of the model's {classes} outputs. "
            f"Received: {len(names)} names"
        )
    return Opened(model, names, preprocessing)


def _open_run(run: RunDirectory) -> Opened:
    config, names = run.config(), run.class_names()
    side = int(config["image_size"])
    model = AlexNet(
        config["variant"], run.path, input_shape=(side, side, 3), classes=len(names)
    )
    preprocessing = dataclasses.replace(
        architectures.get(config["variant"]).preprocessing, mean=run.statistics().mean
    )
    return Opened(model, names, preprocessing)


def _read_names(path: str | None) -> tuple[str, ...] | None:
    if path is None:
        return None
    return tuple(Path(path).read_text(encoding="utf-8").splitlines())


def open_export(path: Path) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """The `classify_bytes` of a SavedModel; ValueError if it has none."""
    signatures = tf.saved_model.load(str(path)).signatures
    if "classify_bytes" not in signatures:
        raise ValueError(
            "an export must have the signature classify_bytes, as keras_alexnet's "
            f"have. Received: {str(path)!r} with {sorted(signatures)}"
        )
    return lambda images: signatures["classify_bytes"](image_bytes=images)
