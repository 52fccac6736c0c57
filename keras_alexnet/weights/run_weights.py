"""The weights in a training run's checkpoints, and the network that they are of."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from keras_alexnet.architectures import Architecture
from keras_alexnet.weights import runs
from keras_alexnet.weights.checkpoint_files import VALUE, CheckpointReader, Damaged
from keras_alexnet.weights.names import Named

_MODEL = "model/"
_AVERAGE = "average/"


def read_weights(checkpoint: str) -> Named:
    """Reads the model's weights of a checkpoint, by layer and name.

    If the run kept averages of the weights, returns those: the run evaluates them.

    Raises:
        ValueError: If it cannot be read or is damaged.
    """
    reader = CheckpointReader(Path(checkpoint))
    weights = _group(reader, _MODEL)
    for layer, averages in _group(reader, _AVERAGE).items():
        weights.setdefault(layer, {}).update(averages)
    return weights


def first_kernels(run: Path) -> np.ndarray:
    """The kernels of conv1 of a run, `[height, width, 3, count]`, as `read_weights`.

    Raises:
        ValueError: If there is no checkpoint, or it cannot be read.
    """
    checkpoint = Path(runs.newest_checkpoint(run))
    reader = CheckpointReader(checkpoint)
    keys = (f"{each}conv1/kernel{VALUE}" for each in (_AVERAGE, _MODEL))
    found = [reader.read(key) for key in keys if key in reader.shapes][:1]
    for kernels in found:
        of_colours = kernels.ndim == 4 and kernels.shape[2] == 3 and kernels.size
        if of_colours and kernels.dtype.kind == "f" and np.isfinite(kernels).all():
            return kernels
    raise Damaged(checkpoint, "no kernels of conv1")


def _group(reader: CheckpointReader, prefix: str) -> Named:
    """The values whose keys begin with `prefix`, by layer and name."""
    values: Named = {}
    for key in reader.shapes:
        if key.startswith(prefix) and key.endswith(VALUE):
            layer, _, name = key[len(prefix) : -len(VALUE)].partition("/")
            values.setdefault(layer, {})[name] = reader.read(key)
    return values


def classes(checkpoint: str, run: Path) -> int:
    """Number of classes of the model of a checkpoint.

    Args:
        checkpoint: Its path.
        run: The run that it belongs to.

    Raises:
        ValueError: If the run has more or fewer class names, or its settings are of
            another network.
    """
    shapes = CheckpointReader(Path(checkpoint)).shapes
    shape = shapes.get(f"{_MODEL}fc8/bias{VALUE}", [])
    if len(shape) != 1 or not shape[0]:
        raise Damaged(Path(checkpoint), "no biases of fc8")
    (count,) = shape
    side = int(runs.settings(run)["image_size"])
    for name, expected in _kernels(runs.architecture(run), side, count).items():
        found = shapes.get(f"{_MODEL}{name}/kernel{VALUE}")
        if found != expected:
            raise ValueError(
                "settings and architecture of a run must be those of its checkpoints; "
                f"restore the files. Received: {str(run)!r}, where the kernels of "
                f"{name} are {found}, not {expected}"
            )
    if (run / runs.DATA).is_file() and len(runs.class_names(run)) != count:
        raise ValueError(
            f"data.json of a run must name each of the network's {count} classes; "
            "restore the file, or train again into another --model_dir. Received: "
            f"{str(run / runs.DATA)!r} with {len(runs.class_names(run))} names"
        )
    return count


def _kernels(record: Architecture, side: int, classes: int) -> dict[str, list[int]]:
    """The shape of each layer's kernels.

    A network takes as much memory as its files say: it is not built before these are
    held to the checkpoint.
    """
    shapes, maps = {}, 3
    for index, each in enumerate(record.convolutions, start=1):
        size = each.kernel_size
        shapes[f"conv{index}"] = [size, size, maps // each.groups, each.filters]
        maps = each.filters
    inputs = maps * (record.averaged_size or record.final_map_size(side)) ** 2
    dense = {f"fc{index}": units for index, units in enumerate(record.dense, start=6)}
    for name, units in {**dense, "fc8": classes}.items():
        shapes[name] = [inputs, units]
        inputs = units
    return shapes
