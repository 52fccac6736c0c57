"""The claims at full size: a flagfile for each, and the records that its arms take."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from keras_alexnet import architectures
from keras_alexnet.architectures import Architecture, BatchNorm, Pool, ReLU
from keras_alexnet.claims import registry
from keras_alexnet.claims.networks import (
    FOUR_LAYERS,
    cut_off,
    ungrouped,
    with_activation,
    with_pools,
    with_stages,
    without_convolution,
    without_normalization,
)
from keras_alexnet.claims.records import Arm, Claim
from keras_alexnet.commands import flags
from keras_alexnet.normalizations import LRN
from keras_alexnet.training import TrainingConfig

FOLDER = Path(__file__).resolve().parents[2] / "configs" / "claims"
CLAIMS = [name for name in registry.names() if registry.get(name).arms]
ON_CIFAR10 = ("relu", "lrn_cifar10")  # their networks are not the paper's

PAPER = architectures.get("paper")
RELU, LRN_CIFAR10 = (registry.get(name).arms for name in ON_CIFAR10)
RECORDS = {
    "ungrouped": ungrouped(PAPER),
    "cut_off": cut_off(PAPER),
    "without_lrn": without_normalization(PAPER),
    "batch_norm": with_stages(
        PAPER, lambda each: (BatchNorm(),) if isinstance(each, LRN) else (each,)
    ),
    "pools_2x2": with_pools(PAPER, Pool(2, 2)),
    "without_dropout": dataclasses.replace(PAPER, dropout=0.0),
    "without_conv3": without_convolution(PAPER, 3),
    "without_conv4": without_convolution(PAPER, 4),
    "dense_512": dataclasses.replace(PAPER, dense=(512, 512)),
    "global_average": dataclasses.replace(PAPER, dense=(), averaged_size=1),
    "modern_layers": dataclasses.replace(
        with_activation(without_normalization(ungrouped(PAPER)), BatchNorm(), ReLU()),
        towers=1,
    ),
    "four_layers": FOUR_LAYERS,
    "four_layers_tanh": RELU["tanh"].architecture,
    "four_layers_leaky": RELU["leaky ReLU"].architecture,
    "four_layers_elu": RELU["ELU"].architecture,
    "four_layers_tanh_batch_norm": RELU["tanh, batch norm"].architecture,
    "four_layers_unit": RELU["ReLU, Glorot"].architecture,
    "four_layers_unit_tanh": RELU["tanh, Glorot"].architecture,
    "four_layers_lrn": LRN_CIFAR10["LRN"].architecture,
    "four_layers_batch_norm": LRN_CIFAR10["batch norm"].architecture,
}

# The small networks wait less long for a better epoch; at full size it is the default.
NOT_AT_FULL_SIZE = {"patience"}
PLACES = ("architecture", "variant", "model_dir", "export_dir")


def configs(name: str) -> dict[str, TrainingConfig]:
    """The settings of each arm, by the claim's flagfile and what it adds for others."""
    path = FOLDER / f"{name}.flags"
    text = path.read_text()
    (first,) = re.findall(r'^# This is the arm "(.+?)"', text, re.MULTILINE)
    added = {first: ""}
    added |= re.findall(r'^# arm "(.+)"\n((?:#   --.+\n)+)', text, re.MULTILINE)
    return {
        arm: flags.parse(
            TrainingConfig,
            ["train", f"--flagfile={path}", *more.replace("#", "").split()],
        )[0]
        for arm, more in added.items()
    }


def record(config: TrainingConfig) -> Architecture:
    if config.architecture is None:
        return architectures.get(config.variant)
    return architectures.read_json(config.architecture)


def at_full_size(name: str) -> Claim:
    """The claim with the arms of its flagfile."""
    arms = {}
    for arm, config in configs(name).items():
        settings = {k: v for k, v in vars(config).items() if k not in PLACES}
        arms[arm] = Arm(record(config), settings)
    return dataclasses.replace(registry.get(name), arms=arms, settings={})


def test_every_claim_that_trains_has_its_flagfile() -> None:
    assert {path.stem for path in FOLDER.glob("*.flags")} == set(CLAIMS)


@pytest.mark.parametrize("name", CLAIMS)
def test_the_arms_are_those_of_the_claim_and_differ_in_the_same(name: str) -> None:
    claim, full = registry.get(name), at_full_size(name)
    assert list(full.arms) == list(claim.arms)
    for arm, own in claim.arms.items():
        found = set(full.differences(arm))
        assert found == set(own.differs) - NOT_AT_FULL_SIZE, arm


@pytest.mark.parametrize("name", sorted({*CLAIMS} - {*ON_CIFAR10}))
def test_the_first_arm_is_the_papers_network_on_imagenet(name: str) -> None:
    first = next(iter(configs(name).values()))
    assert (first.variant, first.architecture) == ("paper", None)
    assert first.data == "tfds:imagenet2012"


@pytest.mark.parametrize("name", ON_CIFAR10)
def test_on_cifar10_networks_and_settings_are_the_claims(name: str) -> None:
    claim = registry.get(name)
    for arm, config in configs(name).items():
        own = claim.arms[arm]
        named = dataclasses.replace(record(config), name=own.architecture.name)
        assert named == own.architecture
        assert config.image_size == own.architecture.input_size
        assert config.data == "tfds:cifar10"
        for setting, value in {**claim.settings, **own.settings}.items():
            assert getattr(config, setting) == value, (arm, setting)


def test_runs_of_one_directory_are_the_same_run() -> None:
    """The paper's network is trained once for all claims that begin with it."""
    kept: dict[str, TrainingConfig] = {}
    for name in CLAIMS:
        for config in configs(name).values():
            assert kept.setdefault(config.model_dir, config) == config
    exports = [config.export_dir for config in kept.values() if config.export_dir]
    assert len(set(exports)) == len(exports)


@pytest.mark.compat
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda p: p.stem)
def test_a_record_is_that_of_the_claim(path: Path) -> None:
    named = dataclasses.replace(RECORDS[path.stem], name=path.stem)
    assert path.read_text() == architectures.to_json(named)
    assert architectures.read_json(path) == named


@pytest.mark.compat
def test_every_record_is_there_and_taken_by_an_arm() -> None:
    every = [config for name in CLAIMS for config in configs(name).values()]
    taken = {Path(c.architecture).stem for c in every if c.architecture}
    assert taken == set(RECORDS) == {path.stem for path in FOLDER.glob("*.json")}
