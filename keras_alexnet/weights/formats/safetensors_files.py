"""`.safetensors` files: of torchvision's AlexNet, and of any model of this package.

A file of ours has the names of layers and variables, as `conv1/kernel`, `conv1/bias`
and `bn1/moving_mean`, with the values as Keras holds them: a convolution's kernel is
(height, width, in / groups, out), a dense layer's (in, out); float32. Its metadata have
the key `keras_alexnet` with the JSON that our `.weights.h5` files have as a dataset of
that name, an object with `recipe` and `class_names`, and with `variant`, the name of
the network. A file of torchvision's has the names of its state dict, as
`features.0.weight`, and PyTorch's layouts.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from keras_alexnet.optional_packages import needed
from keras_alexnet.weights.formats.faults import DAMAGE, one_line
from keras_alexnet.weights.names import Named

METADATA = "keras_alexnet"
EXTRA = "safetensors"

_EXPECTED = (
    "a whole .safetensors file, of torchvision's AlexNet or of a model of keras_alexnet"
)
_MOST_OF_HEADER = 2**22  # bytes; with the names of 1000 classes it has some 30,000
# The floating-point types of the format, and how NumPy calls them. It has no bfloat16,
# the upper half of a float32.
_TYPES = {"F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8"}


def read_safetensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads the arrays of a `.safetensors` file.

    The library checks the file's header before a value is read: the shapes must fill
    the file, without gaps and without overlaps. So no file needs more memory than its
    own size, twice. Nothing in such a file can be executed.

    Args:
        path: The file.

    Returns:
        `{name: array}`; bfloat16, which NumPy lacks, becomes float32.

    Raises:
        ValueError: If the file cannot be read, is damaged or holds other types than
            floating-point numbers, or if the library is not installed.

    Example:

    >>> state = read_safetensors("alexnet.safetensors")  # doctest: +SKIP
    >>> state["features.0.weight"].shape  # doctest: +SKIP
    (64, 3, 11, 11)

    Reference:
        - https://github.com/huggingface/safetensors, "Format".
    """
    library = needed("safetensors", EXTRA, "reading .safetensors")
    with one_line(_EXPECTED, path, (*DAMAGE, library.SafetensorError)):
        _check_header(Path(path))
        held = library.deserialize(Path(path).read_bytes())
        if not held:
            raise ValueError("it holds no arrays")
        return {name: _array(name, entry) for name, entry in held}


def read_metadata(path: str | os.PathLike) -> dict[str, str]:
    """The metadata of a `.safetensors` file, texts by their names; only its header.

    Raises:
        ValueError: If the file is damaged, or if the library is not installed.
    """
    library = needed("safetensors", EXTRA, "reading .safetensors")
    with one_line(_EXPECTED, path, (*DAMAGE, library.SafetensorError)):
        _check_header(Path(path))
        with library.safe_open(os.fspath(path), framework="numpy") as file:
            return file.metadata() or {}


def variant_of(metadata: dict[str, str]) -> str:
    """The name of the network in the metadata of a file of ours; empty if it has none.

    Example:

    >>> variant_of({"keras_alexnet": '{"variant": "paper"}'})
    'paper'
    """
    with contextlib.suppress(ValueError, RecursionError):
        held = json.loads(metadata.get(METADATA, "{}"))
        if isinstance(held, dict) and isinstance(held.get("variant"), str):
            return held["variant"]
    return ""


def is_ours(arrays: dict[str, Any]) -> bool:
    """Whether all names are ours, `layer/variable`."""
    return all(name.count("/") == 1 for name in arrays)


def by_layer(arrays: dict[str, np.ndarray]) -> Named:
    """The arrays of a file of ours, by the names of layers and variables.

    Example:

    >>> by_layer({"fc8/bias": np.zeros(2)})
    {'fc8': {'bias': array([0., 0.])}}
    """
    named: Named = {}
    for name, values in arrays.items():
        layer, _, variable = name.partition("/")
        named.setdefault(layer, {})[variable] = values
    return named


def _check_header(path: Path) -> None:
    """Raises ValueError if the header is far too long: JSON grows when it is read."""
    with open(path, "rb") as file:
        size = int.from_bytes(file.read(8), "little")
    if size > _MOST_OF_HEADER:
        raise ValueError(f"its header has more than {_MOST_OF_HEADER:,} bytes")


def _array(name: str, entry: dict[str, Any]) -> np.ndarray:
    kind = entry["dtype"]
    if kind not in _TYPES:
        raise ValueError(
            f"{name!r} holds values of type {kind}, not floating-point numbers, "
            f"{', '.join(_TYPES)}"
        )
    values = np.frombuffer(entry["data"], _TYPES[kind]).reshape(entry["shape"])
    if kind == "BF16":
        values = (values.astype("u4") << 16).view("f4")
    return values
