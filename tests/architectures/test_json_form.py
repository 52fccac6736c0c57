"""Architectures as JSON: nothing is lost, and bad ones are refused with the reason."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

from keras_alexnet import architectures, models


@pytest.mark.parametrize("name", architectures.names())
def test_json_keeps_every_variant(name: str, tmp_path: Path) -> None:
    record = architectures.get(name)
    path = tmp_path / "record.json"
    path.write_text(architectures.to_json(record))
    assert architectures.read_json(path) == record


def test_an_architecture_written_by_hand_is_built(tmp_path: Path) -> None:
    """The shape of it: LeNet's ten classes of 32 px, counted by hand."""
    path = tmp_path / "lenet.json"
    convolution = {"kernel_size": 5, "stages": [{"stage": "ReLU"}, {"stage": "Pool"}]}
    content = {
        "name": "lenet",
        "towers": 1,
        "convolutions": [
            {**convolution, "filters": 6},
            {**convolution, "filters": 16},
        ],
        "dense": [120, 84],
        "input_size": 32,
    }
    path.write_text("\ufeff" + json.dumps(content))  # as some editors begin a file
    record = architectures.read_json(path)
    model = models.build(record, classes=10)
    # 28, pooled by 3 / 2 to 13; 9, pooled to 4: 4·4·16 values into fc6.
    assert [*model.get_layer("flatten").output.shape] == [None, 256]
    convolutions = 6 * (25 * 3 + 1) + 16 * (25 * 6 + 1)
    dense = 120 * 257 + 84 * 121 + 10 * 85
    assert model.count_params() == convolutions + dense == record.parameters(10)


PAPER = json.loads(architectures.to_json(architectures.get("paper")))


def changed(index: int, **fields: Any) -> dict[str, Any]:
    """The paper's network with other fields of a convolution."""
    convolutions = [dict(each) for each in PAPER["convolutions"]]
    convolutions[index].update(fields)
    return {**PAPER, "convolutions": convolutions}


BAD = {
    "not JSON": ("{", "must be whole"),
    "a list": ("[]", "a list, no object"),
    "no convolutions": (json.dumps({"name": "x", "towers": 1}), "'convolutions' is"),
    "none of them": (json.dumps({**PAPER, "convolutions": []}), "convolutions="),
    "an unknown field": (json.dumps({**PAPER, "layers": 8}), "Architecture must be an"),
    "an unknown stage": (
        json.dumps(changed(0, stages=[{"stage": "GELU"}])),
        r"one of \['BatchNorm', 'ELU', 'LRN', 'LeakyReLU', 'Pool', 'ReLU', 'Tanh', "
        r"'WithinChannelLRN'\]",
    ),
    "text for a number": (
        json.dumps(changed(0, filters="96")),
        r"filters='96' \(conv1",
    ),
    "half a filter": (json.dumps(changed(0, filters=9.5)), r"filters=9.5 \(conv1"),
    "true": (json.dumps(changed(0, strides=True)), r"strides=True \(conv1"),
    "no number": (json.dumps({**PAPER, "dropout": math.nan}), "dropout=nan"),
    "groups that do not divide": (json.dumps(changed(1, groups=7)), "conv2.groups=7"),
    "towers that do not": (json.dumps({**PAPER, "towers": 5}), "conv1.filters=96"),
    "three paddings": (
        json.dumps(changed(0, padding=[1, 2, 3])),
        r"padding=\(1, 2, 3\) \(conv1",
    ),
    "a pool of 0": (
        json.dumps(changed(4, stages=[{"stage": "Pool", "size": 0}])),
        r"size=0 \(conv5",
    ),
    "a dropout of 1": (json.dumps({**PAPER, "dropout": 1}), "dropout=1"),
    "a map that vanishes": (json.dumps({**PAPER, "input_size": 63}), "input_size=63"),
    "an order of colours": (
        json.dumps({**PAPER, "preprocessing": {"channel_order": "GRB"}}),
        "channel_order",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_errors_name_file_and_value(case: str, tmp_path: Path) -> None:
    text, expected = BAD[case]
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=expected) as caught:
        architectures.read_json(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_record_made_in_python_is_checked_too() -> None:
    paper = architectures.get("paper")
    with pytest.raises(ValueError, match=r"dense=\(0,\)"):
        dataclasses.replace(paper, dense=(0,))
    with pytest.raises(ValueError, match=r"conv1\.filters=96"):
        architectures.checked(dataclasses.replace(paper, towers=5))
