"""`.safetensors` files, as the format's own library writes them, and damaged ones."""

from __future__ import annotations

import dataclasses
import json
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from keras_alexnet import AlexNet, Recipe, architectures, class_names
from keras_alexnet.models import build
from keras_alexnet.preprocessing import Preprocessing
from keras_alexnet.weights import open_weights, recipe_of
from keras_alexnet.weights.formats.safetensors_files import read_safetensors
from keras_alexnet.weights.loading import load_weights
from keras_alexnet.weights.names import named_weights

pytestmark = [
    pytest.mark.compat,
    pytest.mark.filterwarnings("ignore:.*look untrained:UserWarning"),
]
# torchvision, models/alexnet.py: the places of the layers in its two Sequentials.
PLACES = {
    **dict(zip(("features.0", "features.3"), ("conv1", "conv2"), strict=True)),
    **{f"features.{place}": f"conv{n}" for place, n in ((6, 3), (8, 4), (10, 5))},
    **{f"classifier.{place}": f"fc{n}" for place, n in ((1, 6), (4, 7), (6, 8))},
}
CAFFES = ("paper", "original", "caffe", "caffenet")  # of the same shapes


def narrow(variant: str) -> tuple[keras.Model, architectures.Architecture]:
    record = dataclasses.replace(architectures.get(variant), dense=(8, 8))
    return build(record, input_shape=(95, 95, 3), classes=5), record


def arrays(model: keras.Model) -> dict[str, np.ndarray]:
    return {
        f"{layer}/{name}": np.asarray(variable)
        for layer, variables in named_weights(model).items()
        for name, variable in variables.items()
    }


@pytest.mark.parametrize("variant", architectures.names())
def test_our_names_are_read_bit_for_bit(variant: str, tmp_path: Path) -> None:
    model, record = narrow(variant)
    rng = np.random.default_rng(0)
    model.set_weights([rng.random(w.shape, "float32") for w in model.get_weights()])
    path = tmp_path / "mine.safetensors"
    save_file(arrays(model), path)
    found = open_weights(path)
    assert found.variants == (CAFFES if variant in CAFFES else (variant,))
    assert (found.classes, found.foreign) == (5, None)
    other, _ = narrow(variant)
    load_weights(other, found, record)
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)

    said = {"keras_alexnet": json.dumps({"class_names": [], "variant": variant})}
    save_file(arrays(model), path, metadata=said)
    assert open_weights(path).variants == (variant,)


def test_the_metadata_give_variant_recipe_and_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.safetensors"
    names = ("cat", "dog")
    recipe = Recipe(Preprocessing("BGR", (1, 2, 3)), "warp", 100, 95)
    model = AlexNet("caffenet", input_shape=(95, 95, 3), classes=names)
    held = {
        "recipe": recipe.as_dict(),
        "class_names": list(names),
        "variant": "caffenet",
    }
    save_file(arrays(model), path, metadata={"keras_alexnet": json.dumps(held)})
    other = AlexNet(weights=path)
    assert (other.recipe, other.class_names) == (recipe, names)
    assert (recipe_of(path), class_names(path)) == (recipe, names)
    assert [each.name for each in other.layers] == [each.name for each in model.layers]
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def torch_state() -> dict[str, np.ndarray]:
    """Values under torchvision's names and in PyTorch's layouts."""
    model, _ = narrow("owt")
    state = {}
    for place, layer in PLACES.items():
        kernel, bias = map(np.asarray, model.get_layer(layer).get_weights())
        if layer == "fc6":  # 6×6 maps of 256: channels first in PyTorch
            kernel = kernel.reshape(6, 6, 256, 8).transpose(2, 0, 1, 3).reshape(-1, 8)
        axes = (3, 2, 0, 1) if kernel.ndim == 4 else (1, 0)
        state[f"{place}.weight"] = np.ascontiguousarray(kernel.transpose(axes))
        state[f"{place}.bias"] = np.arange(len(bias), dtype="float32")
    return state


def test_torchvisions_names_are_read(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    state = torch_state()
    save_file(state, path, metadata={"format": "pt"})
    found = open_weights(path)
    assert (found.variants, found.classes) == (("owt",), 5)
    named = found.read(architectures.get("owt"))
    for place, layer in PLACES.items():
        kernel = named[layer]["kernel"]
        np.testing.assert_array_equal(named[layer]["bias"], state[f"{place}.bias"])
        if layer == "fc6":
            kernel = kernel.reshape(6, 6, 256, 8).transpose(2, 0, 1, 3).reshape(-1, 8)
        axes = (3, 2, 0, 1) if kernel.ndim == 4 else (1, 0)
        np.testing.assert_array_equal(
            kernel.transpose(axes), state[f"{place}.weight"], err_msg=layer
        )


def file(header: Any, data: bytes = b"") -> bytes:
    """A file of the format: the length of the header, the header, the values."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(shape: list[int], start: int, end: int, dtype: str = "F32") -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def test_halves_of_both_kinds_become_floats(tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    # 1 and -2 in each form, by the bits of IEEE 754; bfloat16 is half a float32.
    half, brain = struct.pack("<2e", 1, -2), struct.pack("<2H", 0x3F80, 0xC000)
    header = {"h": entry([2], 0, 4, "F16"), "b": entry([2, 1], 4, 8, "BF16")}
    path.write_bytes(file(header, half + brain))
    held = read_safetensors(path)
    np.testing.assert_array_equal(held["h"], [1, -2])
    np.testing.assert_array_equal(held["b"], [[1], [-2]])
    assert (held["h"].dtype, held["b"].dtype) == (np.float16, np.float32)


WHOLE = file({"conv1/kernel": entry([2], 0, 8)}, bytes(8))
DAMAGED: dict[str, bytes] = {
    "empty": b"",
    "no header": WHOLE[:4],
    "half a header": WHOLE[:20],
    "half the values": WHOLE[:-4],
    "values left over": WHOLE + bytes(4),
    "a header of 2**60 bytes": struct.pack("<Q", 2**60) + WHOLE[8:],
    "no JSON": file(b"{conv1}"),
    "another format": b"PK\x03\x04" + bytes(100),
    "nothing": file({}),
    "a shape of 2**80 values": file({"a": entry([2**40, 2**40], 0, 8)}, bytes(8)),
    "a shape of 2**50 values": file({"a": entry([2**25, 2**25], 0, 8)}, bytes(8)),
    "a negative shape": file({"a": entry([-2], 0, 8)}, bytes(8)),
    "values beyond the end": file({"a": entry([2**30], 0, 2**32)}, bytes(8)),
    "a gap": file({"a": entry([1], 4, 8)}, bytes(8)),
    "values in two arrays": file(
        {"a": entry([2], 0, 8), "b": entry([2], 0, 8)}, bytes(8)
    ),
    "an unknown type": file({"a": entry([2], 0, 8, "X9")}, bytes(8)),
    "integers": file({"conv1/kernel": entry([1], 0, 8, "I64")}, bytes(8)),
    "deep JSON": file(b"[" * 100_000),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_files_are_one_line(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(DAMAGED[damage])
    with pytest.raises(ValueError, match=r"a whole \.safetensors file, of") as caught:
        open_weights(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    assert [each.name for each in tmp_path.iterdir()] == ["x.safetensors"]


def without(name: str) -> Callable[[dict], None]:
    return lambda state: state.pop(name)


OTHERS: dict[str, tuple[Callable[[dict], Any], str]] = {
    "another network": (
        lambda s: (s.clear(), s.update({"encoder.0.weight": np.ones(3, "f4")})),
        "torchvision's AlexNet, with features.0.weight .* with encoder.0.weight",
    ),
    "names of both": (
        lambda s: s.update({"conv1/kernel": np.ones(3, "f4")}),
        "with conv1/kernel",
    ),
    "a layer is missing": (without("features.3.weight"), "conv2: 1 arrays"),
    "another shape": (
        lambda s: s.update({"features.0.bias": np.ones(65, "f4")}),
        r"conv1: .*\(64, 3, 11, 11\) with 65 biases",
    ),
    "not finite": (
        lambda s: s.update({"features.0.bias": np.full(64, np.nan, "f4")}),
        "conv1: values that are not finite",
    ),
    "our names of other layers": (
        lambda s: (s.clear(), s.update({"conv1/kernel": np.ones((3, 3, 3, 8), "f4")})),
        r"of an AlexNet, of one of the variants.*other layers: conv1 \(3, 3, 3, 8\)",
    ),
}


@pytest.mark.parametrize("change", OTHERS)
def test_other_networks_are_one_line(change: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    state = torch_state()
    make, message = OTHERS[change]
    make(state)
    save_file(state, path)
    with pytest.raises(ValueError, match=message) as caught:
        AlexNet(weights=path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("held", ["{", "[]", '{"class_names": 3}', "[" * 100_000])
def test_a_damaged_description_is_one_line(held: str, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file(arrays(narrow("owt")[0]), path, metadata={"keras_alexnet": held})
    with pytest.raises(ValueError, match=r"or \.safetensors file.*x\.saf") as caught:
        open_weights(path)
    assert "\n" not in str(caught.value)


def test_without_the_library_the_message_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.safetensors"
    save_file(torch_state(), path)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    for read in (open_weights, recipe_of):
        with pytest.raises(
            ValueError, match=r"pip install 'keras-alexnet\[safetensors\]'"
        ) as caught:
            read(path)
        assert "\n" not in str(caught.value)
