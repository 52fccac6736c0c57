"""Converts the names and layouts of Caffe, PyTorch and caffe-tensorflow to Keras'.

A convolution's kernel is (out, in / groups, height, width) in Caffe and PyTorch and
(height, width, in / groups, out) in Keras; a dense layer's is (out, in) there and
(in, out) in Keras. fc6 reads the last maps flattened: in the order channels, height,
width there, height, width, channels in Keras. The colours keep their order: Caffe's
networks read B, G, R, which `preprocess_input` returns for their variants.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence

import numpy as np

from keras_alexnet.reasons import printable, shortened
from keras_alexnet.weights.names import Named

_log = logging.getLogger("keras_alexnet")
_CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5", "conv6")
_DENSE = ("fc6", "fc7", "fc8")
# Only one variant has a sixth convolution; a classifier for other classes often has
# another name.
_OPTIONAL = ("conv6", "fc8")
# torchvision, models/alexnet.py: the indices of the layers in its two Sequentials.
_TORCH = {
    "features.0": "conv1",
    "features.3": "conv2",
    "features.6": "conv3",
    "features.8": "conv4",
    "features.10": "conv5",
    "classifier.1": "fc6",
    "classifier.4": "fc7",
    "classifier.6": "fc8",
}
_PARALLEL = "module."  # torch.nn.DataParallel puts it before every name


def from_caffe(blobs: Mapping[str, Sequence[np.ndarray]], origin: str) -> Named:
    """Turns the layers of a Caffe AlexNet into Keras' layouts.

    Args:
        blobs: `{layer: [kernel, bias]}` of `caffe.read_caffemodel`. Layers that an
            AlexNet does not have are skipped, and named in the log.
        origin: The file, for messages.

    Returns:
        `{layer: {"kernel": …, "bias": …}}`, float32; without `fc8` if `blobs` has
        none.

    Raises:
        ValueError: If a layer or a bias is missing, has another rank or size, or
            holds values that are not finite.

    Example:

    >>> named = from_caffe(read_caffemodel(path), path)  # doctest: +SKIP
    """
    return _channels_last(_Layers(blobs, origin))


def from_torch(state: Mapping[str, np.ndarray], origin: str) -> Named:
    """Turns the state dict of torchvision's AlexNet into Keras' layouts.

    Args:
        state: `{name: array}` of `torch_files.read_state_dict`.
        origin: The file, for messages.

    Returns:
        `{layer: {"kernel": …, "bias": …}}`, float32.

    Raises:
        ValueError: As `from_caffe`, and if there is a name that is not torchvision's.

    Example:

    >>> named = from_torch(read_state_dict(path), path)  # doctest: +SKIP
    """
    if all(name.startswith(_PARALLEL) for name in state):
        state = {name[len(_PARALLEL) :]: value for name, value in state.items()}
    layers: dict[str, list[np.ndarray]] = {}
    known = [f"{module}.{kind}" for module in _TORCH for kind in ("weight", "bias")]
    foreign = [name for name in state if name not in known]
    if foreign:
        raise ValueError(
            "weights must be of torchvision's AlexNet, with features.0.weight to "
            f"classifier.6.bias. Received: {origin!r} with {_listed(foreign[:5])}"
        )
    for name in sorted(state, key=known.index):  # a weight comes before its bias
        module, _, _ = name.rpartition(".")
        layers.setdefault(_TORCH[module], []).append(state[name])
    return _channels_last(_Layers(layers, origin))


def from_npy(entries: Mapping[str, Sequence[np.ndarray]], origin: str) -> Named:
    """Takes the layers of an AlexNet that caffe-tensorflow has converted.

    They are in Keras' layouts already. This holds for fc6 too: since its first version
    the converter reorders the rows of a dense layer that reads maps from (channels,
    height, width) to (height, width, channels)
    (https://github.com/ethereon/caffe-tensorflow: kaffe.py, `convert`; later
    kaffe/core.py, `DataReshaper.reshape`).

    Args:
        entries: `{layer: [kernel, bias]}` of `numpy_files.read_npy`.
        origin: The file, for messages.

    Returns:
        `{layer: {"kernel": …, "bias": …}}`, float32.

    Raises:
        ValueError: As `from_caffe`.

    Example:

    >>> named = from_npy(read_npy(path), path)  # doctest: +SKIP
    """
    return _Layers(entries, origin).named(out_axis=-1)


def _channels_last(layers: _Layers) -> Named:
    named = layers.named(out_axis=0)
    maps = next(n for n in reversed(_CONVOLUTIONS) if n in named)
    channels = len(named[maps]["bias"])
    fc6 = named["fc6"]["kernel"]
    side = math.isqrt(fc6.shape[1] // channels)
    if channels * side * side != fc6.shape[1]:
        raise layers.error(
            "fc6", f"{fc6.shape[1]} inputs are no square of {maps}'s {channels} maps"
        )
    maps_last = fc6.reshape(-1, channels, side, side).transpose(0, 2, 3, 1)
    named["fc6"]["kernel"] = maps_last.reshape(fc6.shape)
    for name, weights in named.items():
        axes = (2, 3, 1, 0) if name in _CONVOLUTIONS else (1, 0)
        weights["kernel"] = np.ascontiguousarray(weights["kernel"].transpose(axes))
    return named


def _listed(names: Sequence[str]) -> str:
    """Names that a file has, for a message."""
    return printable(shortened(", ".join(names)))


class _Layers:
    """The layers of one file, checked as they are taken out."""

    def __init__(self, found: Mapping[str, Sequence[np.ndarray]], origin: str) -> None:
        self._found, self._origin = found, origin

    def error(self, layer: str, what: str) -> ValueError:
        return ValueError(
            "weights must hold the kernels and biases of conv1 to conv5, fc6 and fc7 "
            f"of an AlexNet. Received: {self._origin!r} ({layer}: {what})"
        )

    def named(self, out_axis: int) -> Named:
        named: Named = {}
        known = (*_CONVOLUTIONS, *_DENSE)
        unread = [each for each in self._found if each not in known]
        if unread:
            _log.warning(
                "%s: not read, since an AlexNet has no such layers: %s",
                self._origin,
                _listed(unread),
            )
        for layer in known:
            if layer in self._found:
                kernel, bias = self._pair(layer)
                if kernel.shape[out_axis] != len(bias):
                    raise self.error(layer, f"{kernel.shape} with {len(bias)} biases")
                named[layer] = {"kernel": kernel, "bias": bias}
            elif layer not in _OPTIONAL:
                raise self.error(layer, "missing")
        return named

    def _pair(self, layer: str) -> tuple[np.ndarray, np.ndarray]:
        arrays = self._found[layer]
        if len(arrays) != 2:
            raise self.error(layer, f"{len(arrays)} arrays, not a kernel and a bias")
        kernel, bias = (self._finite(layer, array) for array in arrays)
        rank = 4 if layer in _CONVOLUTIONS else 2
        # Caffe gave every blob four axes until 2014: (1, 1, out, in) and (1, 1, 1, n).
        if rank == 2 and kernel.ndim == 4 and kernel.shape[:2] == (1, 1):
            kernel = kernel[0, 0]
        if not kernel.size or not bias.size:
            raise self.error(layer, f"no values, shapes {kernel.shape}, {bias.shape}")
        if kernel.ndim != rank or bias.size != max(bias.shape, default=0):
            raise self.error(layer, f"shapes {kernel.shape} and {bias.shape}")
        return kernel, bias.ravel()

    def _finite(self, layer: str, array: np.ndarray) -> np.ndarray:
        if array.dtype.kind != "f":
            raise self.error(layer, f"values of type {array.dtype}")
        with np.errstate(over="ignore"):
            array = array.astype(np.float32, copy=False)
        if not np.isfinite(array).all():
            raise self.error(layer, "values that are not finite numbers")
        return array
