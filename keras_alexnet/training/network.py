"""What a run trains, on which pictures: as given, else as in its first weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from keras_alexnet import architectures
from keras_alexnet.architectures import Architecture
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.recipe import MOST_PIXELS, Recipe
from keras_alexnet.training.config import TrainingConfig
from keras_alexnet.training.starting import Beginning, open_beginning, takes_first
from keras_alexnet.weights import runs
from keras_alexnet.weights.checkpoint_files import written_checkpoints

_VARIANT, _IMAGE_SIZE = "paper", 224


@dataclasses.dataclass(frozen=True)
class Network:
    """The network of a run, and what its pictures go through.

    Args:
        config: The run's settings, with a `variant` and an `image_size`.
        architecture: The record to train.
        own: The same, if it is none of the variants; else None.
        beginning: The weights to begin with, if there are any and no step is done.
        known: The recipe, if it does not follow from network and data.
        line: What was taken from the weights to begin with; empty if nothing was.
    """

    config: TrainingConfig
    architecture: Architecture
    own: Architecture | None = None
    beginning: Beginning | None = None
    known: Recipe | None = None
    line: str = ""

    @property
    def image_size(self) -> int:
        """Side of the pictures."""
        assert self.config.image_size is not None
        return self.config.image_size

    def recipe(self, mean: tuple[float, float, float]) -> Recipe:
        """What the run's pictures go through.

        Args:
            mean: Mean colour of the data, which the network reads unless it begins
                with weights that read another.
        """
        if self.known is not None:
            return self.known
        return Recipe.of_colours(_colours(self.architecture, mean), self.image_size)


def network_of(
    config: TrainingConfig, architecture: Architecture | None = None
) -> Network:
    """Decides what a run trains, and on which pictures.

    Settings that are not given are those of the weights to begin with; without these
    `"paper"` and 224. With `conv1` the mean colour and the resize of the pictures are
    theirs too. Colour order and scale are those of the network: `start_from` converts
    the kernels. Once a run has done a step, all is as the run has it.

    Args:
        config: The run's settings.
        architecture: A record to train in place of the variant.

    Raises:
        ValueError: If the weights to begin with cannot be opened, leave open what is
            not given, or the size is none that the network reads.

    Example:

    >>> network_of(TrainingConfig(init_from="imagenet")).image_size
    227
    """
    own = _given(config, architecture)
    run = Path(config.model_dir)
    if has_begun(run):
        network = _of_run(config, own, run)
    elif config.init_from is None:
        network = _filled(config, own, _VARIANT, _IMAGE_SIZE)
    else:
        network = _of_weights(config, own)
    smallest = network.architecture.smallest_input
    if not smallest <= network.image_size <= MOST_PIXELS:
        raise ValueError(
            f"image_size must be from {smallest} to {MOST_PIXELS} for "
            f"{network.architecture.name!r}. Received: image_size={network.image_size}"
        )
    return network


def _given(
    config: TrainingConfig, architecture: Architecture | None
) -> Architecture | None:
    """The record that replaces the variant, if there is one."""
    if config.architecture is None:
        return None if architecture is None else architectures.checked(architecture)
    if architecture is not None:
        raise ValueError(
            "architecture must be given once: to the trainer or in its configuration. "
            f"Received: {architecture.name!r} and {config.architecture!r}"
        )
    return architectures.read_json(config.architecture)


def _filled(
    config: TrainingConfig, own: Architecture | None, variant: str, image_size: int
) -> Network:
    """The network with these values for the settings that are not given."""
    config = dataclasses.replace(
        config,
        variant=config.variant or variant,
        image_size=config.image_size or image_size,
    )
    assert config.variant is not None
    return Network(config, own or architectures.get(config.variant), own)


def _with_record(config: TrainingConfig) -> TrainingConfig:
    """The settings that name the record which the run writes for itself."""
    path = Path(config.model_dir) / runs.ARCHITECTURE
    return dataclasses.replace(config, architecture=str(path))


def has_begun(run: Path) -> bool:
    """Whether a run needs nothing any more of what it began with."""
    if not runs.is_run(run):
        return False
    finished = (run / runs.RESULT).is_file()
    return finished or bool(written_checkpoints(run / runs.CHECKPOINTS))


def _of_run(config: TrainingConfig, own: Architecture | None, run: Path) -> Network:
    """As a run has it: what it began with may have changed, or be gone."""
    if config.init_from is None:
        network = _filled(config, own, _VARIANT, _IMAGE_SIZE)
    else:
        if own is None and config.variant is None and runs.has_own_architecture(run):
            own, config = runs.architecture(run), _with_record(config)
        settings = runs.settings(run)
        size = int(settings["image_size"])
        network = _filled(config, own, settings["variant"], size)
    return dataclasses.replace(network, known=runs.recipe(run))


def _of_weights(config: TrainingConfig, own: Architecture | None) -> Network:
    assert config.init_from is not None
    given = own or (architectures.get(config.variant) if config.variant else None)
    beginning = open_beginning(config.init_from, given)
    name, taken = beginning.architecture.name, []
    if given is None:
        taken.append(f"network {name!r}")
        own = beginning.weights.architecture
        config = config if own is None else _with_record(config)
    if config.image_size is None:
        taken.append(f"image_size {beginning.image_size}")
    network = _filled(
        config,
        own,
        name if own is None else _VARIANT,
        config.image_size or beginning.image_size,
    )
    recipe = None
    if takes_first(config.init_layers):
        recipe = beginning.reads().resized(network.image_size)
        colours = _colours(network.architecture, recipe.preprocessing.mean)
        recipe = dataclasses.replace(recipe, preprocessing=colours)
        taken.append(_described(recipe, beginning))
    line = f"{config.init_from} gives {', '.join(taken)}" if taken else ""
    return dataclasses.replace(network, beginning=beginning, known=recipe, line=line)


def _colours(
    architecture: Architecture, mean: tuple[float, float, float]
) -> Preprocessing:
    return dataclasses.replace(architecture.preprocessing, mean=mean)


def _described(recipe: Recipe, beginning: Beginning) -> str:
    """Resize and mean colour in words, and where they come from if not recorded."""
    mean = ", ".join(f"{each:.4g}" for each in recipe.preprocessing.mean)
    name = beginning.architecture.name
    source = "" if beginning.recorded else f" (of {name!r}: the file records none)"
    return f"resize {recipe.resize} to {recipe.resize_size}, mean colour {mean}{source}"
