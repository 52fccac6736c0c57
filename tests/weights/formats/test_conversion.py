"""Layouts: each output by sums in the layout of the file and in Keras'."""

from __future__ import annotations

import caffe_nets
import numpy as np
import pytest

from keras_alexnet.weights.formats.conversion import from_caffe, from_npy, from_torch
from keras_alexnet.weights.names import Named

SHAPES = {
    "conv1": (4, 3, 11, 11),
    "conv2": (6, 2, 5, 5),
    "conv3": (8, 6, 3, 3),
    "conv4": (6, 4, 3, 3),
    "conv5": (5, 3, 3, 3),
    "fc6": (7, 5 * 2 * 2),
    "fc7": (9, 7),
    "fc8": (3, 9),
}
PLACES = ("features.0", "features.3", "features.6", "features.8", "features.10")
PLACES += ("classifier.1", "classifier.4", "classifier.6")
RNG = np.random.default_rng(0)


def blobs() -> caffe_nets.Blobs:
    return caffe_nets.random_blobs(SHAPES)


def state(prefix: str = "") -> dict[str, np.ndarray]:
    return {
        f"{prefix}{place}.{kind}": array
        for place, arrays in zip(PLACES, blobs().values(), strict=True)
        for kind, array in zip(("weight", "bias"), arrays, strict=True)
    }


def assert_converted(named: Named, found: caffe_nets.Blobs) -> None:
    """Layer by layer: one window's outputs, from channels first and channels last."""
    assert list(named) == list(found)
    for name, (kernel, bias) in found.items():
        axes = [(2, 0, 1), ()][name.startswith("fc")]
        if name == "fc6":
            maps = RNG.normal(0, 1, (2, 2, 5))
            expected, window = kernel @ maps.transpose(2, 0, 1).ravel(), maps.ravel()
        else:
            window = RNG.normal(0, 1, np.roll(kernel.shape[1:], -1))
            first = window.transpose(axes) if axes else window
            expected = kernel.reshape(len(bias), -1) @ first.ravel()
        ours = named[name]["kernel"]
        assert ours.dtype == named[name]["bias"].dtype == np.float32
        assert ours.flags.c_contiguous
        assert ours.shape[:-1] == window.shape
        np.testing.assert_allclose(
            np.tensordot(window, ours, window.ndim), expected, rtol=1e-5, atol=1e-5
        )
        np.testing.assert_array_equal(named[name]["bias"], bias)


@pytest.mark.compat
def test_caffes_layouts_are_converted_to_keras() -> None:
    assert_converted(from_caffe(blobs(), "a"), blobs())


def test_caffes_old_blobs_of_four_axes_are_converted() -> None:
    four = {
        name: [array.reshape((1,) * (4 - array.ndim) + array.shape) for array in arrays]
        for name, arrays in blobs().items()
    }
    assert_converted(from_caffe(four, "a"), blobs())


@pytest.mark.compat
@pytest.mark.parametrize("prefix", ["", "module."])
def test_pytorchs_layouts_are_converted_to_keras(prefix: str) -> None:
    turned = dict(reversed(state(prefix).items()))  # the order of names is no matter
    assert_converted(from_torch(turned, "a"), blobs())


@pytest.mark.compat
def test_caffe_tensorflows_layouts_are_keras() -> None:
    named = from_caffe(blobs(), "a")
    entries = {name: [w["kernel"], w["bias"]] for name, w in named.items()}
    entries["conv1"][1] = entries["conv1"][1].reshape(1, 1, 1, -1).astype("f8")
    assert_converted(from_npy(entries, "a"), blobs())


def test_a_sixth_convolution_is_what_fc6_reads() -> None:
    found = blobs()
    found["conv6"] = [RNG.normal(0, 1, (20, 5, 3, 3)), np.zeros(20)]
    named = from_caffe(found, "a")
    np.testing.assert_array_equal(named["fc6"]["kernel"], found["fc6"][0].T)
    assert named["conv6"]["kernel"].shape == (3, 3, 5, 20)


def test_unknown_layers_are_skipped_with_a_warning() -> None:
    found = blobs()
    found["fc8_flowers"] = found.pop("fc8")
    found["scale"] = [np.ones(3, "f4")]
    named = from_caffe(found, "a")
    assert list(named) == list(SHAPES)[:-1]
    short = {k: v for k, v in state().items() if not k.startswith("classifier.6")}
    assert list(from_torch(short, "a")) == list(named)


def changed(layer: str, *arrays: np.ndarray | None) -> caffe_nets.Blobs:
    found = blobs()
    kept = zip(arrays, found[layer], strict=True)
    return {**found, layer: [old if new is None else new for new, old in kept]}


def not_finite(value: float, dtype: str = "f4") -> np.ndarray:
    kernel = np.zeros(SHAPES["fc7"], dtype)
    kernel[1, 2] = value
    return kernel


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({k: v for k, v in blobs().items() if k != "conv3"}, "(conv3: missing)"),
        ({**blobs(), "fc7": blobs()["fc7"][:1]}, "(fc7: 1 arrays, not a kernel and a"),
        (changed("conv2", np.zeros((6, 50), "f4"), None), "(conv2: shapes (6, 50) and"),
        (
            changed("fc7", np.zeros((9, 7, 1, 1), "f4"), None),
            "(fc7: shapes (9, 7, 1, 1)",
        ),
        (
            changed("fc8", None, np.zeros((3, 3), "f4")),
            "(fc8: shapes (3, 9) and (3, 3)",
        ),
        (changed("fc8", None, np.zeros(4, "f4")), "(fc8: (3, 9) with 4 biases)"),
        (
            changed("fc6", np.zeros((7, 21), "f4"), None),
            "(fc6: 21 inputs are no square",
        ),
        (changed("fc7", not_finite(np.nan), None), "(fc7: values that are not finite"),
        (changed("fc7", not_finite(np.inf), None), "(fc7: values that are not finite"),
        (
            changed("fc7", not_finite(1e200, "f8"), None),
            "(fc7: values that are not fin",
        ),
        (changed("fc7", np.zeros((9, 7), "i4"), None), "(fc7: values of type int32)"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    found: caffe_nets.Blobs, message: str
) -> None:
    with pytest.raises(ValueError, match=r"^weights must hold the kernels") as caught:
        from_caffe(found, "my.caffemodel")
    assert f"Received: 'my.caffemodel' {message}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_network_of_pytorchs_is_named_by_its_keys() -> None:
    foreign = {**state(), "layer1.0.conv1.weight": np.zeros(1)}
    with pytest.raises(ValueError, match=r"'a\.pth' with layer1\.0\.conv1\.weight$"):
        from_torch(foreign, "a.pth")
    without = {k: v for k, v in state().items() if k != "classifier.6.weight"}
    with pytest.raises(ValueError, match="fc8: 1 arrays, not a kernel and a bias"):
        from_torch(without, "a.pth")
