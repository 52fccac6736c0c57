"""The comparison of variants: complete, sourced, and the page that is made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from keras_alexnet import architectures

PAGE = Path(__file__).resolve().parents[2] / "docs" / "which-alexnet.md"


def row(name: str, *variants: str) -> dict[str, str]:
    rows = {each.name: each.values for each in architectures.compare(*variants).rows}
    return rows[name]


def test_known_differences_are_shown() -> None:
    assert row("lrn.k", "paper", "caffe") == {"paper": "2", "caffe": "1"}
    assert row("lrn.scale", "paper", "original")["original"] == "2e-05"
    assert row("conv1.padding", "paper", "owt")["paper"] == "0 and 3"
    assert row("conv1.stages", "paper", "original") == {
        "paper": "ReLU, LRN, pool",
        "original": "LRN, pool, ReLU",
    }
    assert row("dropout.place", "paper", "owt")["owt"] == "before fc6 and fc7"
    assert row("conv6.filters", "paper", "six_conv")["paper"] == "–"


def test_only_differences_are_shown() -> None:
    names = [each.name for each in architectures.compare("caffe", "caffenet").rows]
    assert names == ["conv1.stages", "conv2.stages"]


def test_every_number_has_a_source() -> None:
    for each in architectures.compare().rows:
        for variant, value in each.values.items():
            assert each.sources[variant], (each.name, variant, value)


def test_every_source_belongs_to_a_number() -> None:
    for name in architectures.names():
        record = architectures.get(name)
        shown = architectures.comparison.numbers(record)
        for key in filter(None, record.sources):
            assert any(each == key or each.startswith(f"{key}.") for each in shown), key


def test_bad_names_are_named() -> None:
    with pytest.raises(ValueError, match="Received: variant='vgg'"):
        architectures.compare("paper", "vgg")
    with pytest.raises(ValueError, match="two variants or more"):
        architectures.compare("paper")


def test_the_page_is_generated_from_it() -> None:
    assert str(architectures.compare()) in PAGE.read_text(encoding="utf-8")
