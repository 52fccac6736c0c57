"""Towers on two devices: the packed network, and what crosses, where, how often."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tower_nets import BATCH, SIDE, UNITS

HERE = Path(__file__).resolve().parent
REFERENCES = HERE.parent / "references"
A, B = "/CPU:0", "/CPU:1"
# Maps at the seams of a net that reads 96 pixels: 23, 11, 11 -> 5, 5, 2; see `SEAMS`.
SEAMS = {
    "to_conv3": (BATCH, 5, 5, 128),
    "to_fc6": (BATCH, 2, 2, 128),
    "to_fc7": (BATCH, UNITS // 2),
    "to_fc8": (BATCH, UNITS // 2),
}


LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "seam", "relu")


def run(variant: str, towers: int = 0, kernels: str = "composite") -> dict[str, Any]:
    """What `on_two_devices.py` says."""
    given = os.environ.get("PYTHONPATH")  # an empty entry would be the checkout
    path = os.pathsep.join(filter(None, [str(REFERENCES), given]))
    result = subprocess.run(
        [sys.executable, HERE / "on_two_devices.py", variant, str(towers), kernels],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def paper() -> dict[str, Any]:
    return run("paper")


def check_equal(found: dict[str, Any]) -> None:
    packed, spread = found["losses"]
    assert packed[0] != pytest.approx(packed[-1], rel=1e-3)  # it trains
    assert spread == pytest.approx(packed, rel=1e-5)
    for name in ("outputs", "weights", "slots"):
        assert found[name] < 1e-5, name


@pytest.mark.compat
def test_after_five_steps_it_is_the_packed_network(paper: dict) -> None:
    check_equal(paper)


def test_so_it_is_with_native_kernels_and_two_towers_on_each_device() -> None:
    found = run("original", towers=4, kernels="native")
    check_equal(found)
    maps, last_maps, vectors = (BATCH, 5, 5, 64), (BATCH, 2, 2, 64), (BATCH, UNITS // 4)
    for device in (A, B):
        shapes = Counter(
            tuple(each["shape"]) for each in found["sent"] if each["source"] == device
        )
        # Those of two towers there, and as many back; of fc7 one way only each.
        assert [shapes[kind] for kind in (maps, last_maps, vectors)] == [4, 4, 4 + 2]


def seam(tensor: str) -> str | None:
    """The exchange that a tensor belongs to, by its name in the graph."""
    parts = tensor.split("/")
    names = [name for part in parts for name in SEAMS if part.startswith(name)]
    # What dropout made of fc7 is read by fc8's device as it is.
    return names[0] if names else "to_fc8" if "dropout7b" in tensor else None


@pytest.mark.compat
def test_towers_communicate_only_in_exchanges_once_each_way(paper: dict) -> None:
    crossing = Counter(
        (seam(each["tensor"]), each["source"], "gradient" in each["tensor"])
        for each in paper["sent"]
        if each["shape"] and each["shape"] != [BATCH, SIDE, SIDE, 3]
    )
    both_ways = [(a, back) for a in (A, B) for back in (False, True)]
    expected = {(name, a, back): 1 for name in list(SEAMS)[:3] for a, back in both_ways}
    # fc8 is on the first device: fc7 goes there, and its gradient comes back.
    expected |= {("to_fc8", B, False): 1, ("to_fc8", A, True): 1}
    assert crossing == expected


@pytest.mark.compat
def test_otherwise_only_pictures_and_scalars_are_sent(paper: dict) -> None:
    others = [each for each in paper["sent"] if seam(each["tensor"]) is None]
    pictures = [each for each in others if each["shape"]]
    assert [(each["shape"], each["source"]) for each in pictures] == [
        ([BATCH, SIDE, SIDE, 3], A)
    ]


@pytest.mark.compat
def test_what_is_sent_is_as_large_as_computed(paper: dict) -> None:
    expected = {(name, A, B) for name in list(SEAMS)[:3]}
    expected |= {(name, B, A) for name in SEAMS}
    assert {tuple(each[:3]) for each in paper["computed"]} == expected
    sizes = {each[0]: each[3] for each in paper["computed"]}
    for each in paper["sent"]:
        name = seam(each["tensor"])
        if name is not None:
            assert tuple(each["shape"]) == SEAMS[name]
            assert each["bytes"] == sizes[name] == 4 * math.prod(SEAMS[name])


@pytest.mark.compat
def test_every_variable_is_updated_on_its_own_device(paper: dict) -> None:
    updated = {
        name.split("/")[0]: device.strip("/")
        for device, operations in paper["done"].items()
        for name in operations["ResourceApplyKerasMomentum"]
    }
    assert updated == paper["variables"]
    for name, device in updated.items():
        tower = "b" if name.split("_")[1].endswith("b") else "a"
        assert device == {"a": "CPU:0", "b": "CPU:1"}[tower]


@pytest.mark.compat
def test_no_device_computes_anything_for_the_other_tower(paper: dict) -> None:
    for device, other in ((A, "b"), (B, "a")):
        names = [
            part.rstrip("_0123456789")
            for kind, operations in paper["done"][device].items()
            for name in operations
            if kind not in ("_Send", "_Recv")
            for part in name.split("/")
        ]
        layers = {name for name in names if name.startswith(LAYERS)}
        assert len(layers) > len(LAYERS)
        assert not [name for name in layers if name[-1] == other]


def test_a_missing_device_is_one_line() -> None:
    from keras_alexnet import AlexNet

    with pytest.raises(ValueError, match="devices must be among those") as caught:
        AlexNet(devices=["CPU:0", "CPU:7"])
    assert "\n" not in str(caught.value)
