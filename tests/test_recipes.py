"""The flagfiles: what they say of themselves, and the rates that come of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from keras_alexnet import architectures
from keras_alexnet.commands import flags
from keras_alexnet.training import TrainingConfig
from keras_alexnet.training.description import notes
from keras_alexnet.training.rates import Rates

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
RECIPES = sorted(path.name for path in CONFIGS.glob("*.flags"))
# Those of claims, whose runs are in tests/claims/test_configs.py.
OF_CLAIMS = sorted(f"claims/{path.name}" for path in CONFIGS.glob("claims/*.flags"))
WORDS = ["source", "command", "hardware", "time", "result"]
STEPS = 10  # in an epoch
# To train on; ImageNet's where it is not said.
PICTURES = {
    "quickstart.flags": 2000,
    "imagenette.flags": 3000,
    "few_photos.flags": 60,
    "claims/relu.flags": 50_000,
    "claims/lrn_cifar10.flags": 50_000,
}

# Paper's recipe, by epochs that are over: rates of other weights, of conv1's, of other
# biases, of conv1's. From layer-params-145.cfg of the released source, but for conv1's
# biases between 67 and 72.
PAPER = {
    0: (0.01, 0.01, 0.02, 0.02),
    24: (0.01, 0.01, 0.02, 0.02),
    25: (0.001, 0.001, 0.02, 0.02),
    50: (0.001, 0.001, 0.02, 0.02),
    51: (0.0001, 0.0001, 0.02, 0.02),
    66: (0.0001, 0.0001, 0.02, 0.02),
    67: (0.0001, 0.00001, 0.02, 0.002),
    71: (0.0001, 0.00001, 0.02, 0.002),
    72: (0.0001, 0, 0.02, 0),
    78: (0.0001, 0, 0.02, 0),
    79: (0.00001, 0, 0.02, 0),
    89: (0.00001, 0, 0.02, 0),
}

# The weights to begin with, where a recipe is for any.
LEFT_TO_THE_PERSON = {"finetune.flags": ["--init_from=RUN"]}

# The chain of layer-params-146-*.cfg, by epochs that are over: rates of the weights of
# conv1, of conv2 to conv5, of conv6, of fc6 and fc7, of fc8.
CHAIN = {
    "full_imagenet_2009": {
        0: (0.001, 0.001, 0.01, 0.01, 0.01),
        1: (0.001,) * 5,
        2: (0.001,) * 5,
    },
    "full_imagenet_2011": {
        0: (0.001, 0.001, 0.001, 0.01, 0.01),
        5: (0.001, 0.001, 0.001, 0.01, 0.01),
        6: (0.001,) * 5,
    },
    "full_imagenet_finetuned": {
        0: (0.0001, 0.001, 0.001, 0.001, 0.01),
        4: (0.0001, 0.001, 0.001, 0.001, 0.01),
        5: (0.00001, 0.001, 0.001, 0.001, 0.01),
        7: (0, 0.001, 0.001, 0.001, 0.01),
        9: (0, 0.001, 0.001, 0.001, 0.001),
        22: (0,) + (0.0001,) * 4,
        42: (0,) + (0.00001,) * 4,
        53: (0,) + (0.00001,) * 4,
    },
}


def parsed(name: str, *more: str) -> TrainingConfig:
    arguments = ["train", f"--flagfile={CONFIGS / name}", *more]
    return flags.parse(TrainingConfig, arguments)[0]


def weights(config: TrainingConfig) -> list[tuple[str, str]]:
    """The kernels, and then the biases, of the layers of a recipe's network."""
    count = len(architectures.get(config.variant or "paper").convolutions)
    layers = [f"conv{n + 1}" for n in range(count)] + ["fc6", "fc7", "fc8"]
    return [(layer, kind) for kind in ("kernel", "bias") for layer in layers]


def rates(config: TrainingConfig, epoch: int) -> dict[tuple[str, str], float]:
    """The rates of a recipe in the last step of the epoch after so many."""
    names = weights(config)
    each = Rates(config, names, STEPS).each((epoch + 1) * STEPS - 1, [0.5] * epoch)
    return dict(zip(names, map(float, each), strict=True))


@pytest.mark.parametrize("name", [*RECIPES, *OF_CLAIMS])
def test_a_recipe_begins_with_a_description(name: str) -> None:
    text = (CONFIGS / name).read_text()
    head = re.match(r"# \S.*\n#\n((?:#.*\n)+)", text)
    assert head is not None
    assert re.findall(r"^# (\w+) +(?=\S)", head[1], re.MULTILINE)[:5] == WORDS
    command = re.search(r"^# command +(.+)$", head[1], re.MULTILINE)
    assert command is not None
    typed, *more = re.split(r" (?=--)", command[1])
    assert typed == "python scripts/train.py"
    assert more[0] == f"--flagfile=configs/{name}"
    assert more[1:] == LEFT_TO_THE_PERSON.get(name, [])


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_read_and_has_a_run_of_its_own(name: str) -> None:
    config = parsed(name)
    Rates(config, weights(config), STEPS)  # refuses layers that there are not
    others = [parsed(other).model_dir for other in RECIPES if other != name]
    assert config.model_dir not in others


@pytest.mark.parametrize("name", [*RECIPES, *OF_CLAIMS])
def test_alternatives_in_a_recipe_are_accepted(name: str) -> None:
    text = (CONFIGS / name).read_text()
    for group in re.findall(r"(?:^# --\S+\n)+", text, re.MULTILINE):
        offered = [line[2:] for line in group.splitlines()]
        _, rest = flags.parse(TrainingConfig, ["train", *offered])
        assert rest == []


@pytest.mark.parametrize("epoch", PAPER)
def test_the_papers_recipe_has_the_rates_of_the_source(epoch: int) -> None:
    kernels, first_kernel, biases, first_bias = PAPER[epoch]
    for (layer, kind), rate in rates(parsed("paper_imagenet.flags"), epoch).items():
        first = layer == "conv1"
        if kind == "kernel":
            expected = first_kernel if first else kernels
        else:
            expected = first_bias if first else biases
        assert rate == pytest.approx(expected, rel=1e-6), (layer, kind)


@pytest.mark.parametrize("name", CHAIN)
def test_the_chain_has_the_rates_of_the_source(name: str) -> None:
    config = parsed(f"{name}.flags")
    assert config.epochs > max(CHAIN[name])
    for epoch, (conv1, others, conv6, dense, fc8) in CHAIN[name].items():
        expected = {
            "conv1": conv1,
            **dict.fromkeys(("conv2", "conv3", "conv4", "conv5"), others),
            "conv6": conv6,
            "fc6": dense,
            "fc7": dense,
            "fc8": fc8,
        }
        for (layer, kind), rate in rates(config, epoch).items():
            whole = expected[layer] * (2 if kind == "bias" else 1)
            assert rate == pytest.approx(whole, rel=1e-6), (epoch, layer, kind)


def test_the_chain_is_one() -> None:
    starts = [parsed(f"{name}.flags").init_from for name in CHAIN]
    before = ["paper_imagenet", *list(CHAIN)[:-1]]
    assert starts == [parsed(f"{name}.flags").model_dir for name in before]


def test_the_modern_recipe_rises_for_five_passes_over_imagenet() -> None:
    config = parsed("modern_imagenet.flags")
    one_pass = -(-1_281_167 // config.batch_size)  # pictures of ILSVRC-2012
    rates = Rates(config, weights(config), one_pass)
    assert rates.warmup_steps == 5 * one_pass
    assert rates.average_steps == 10_000
    after = rates.weights(rates.warmup_steps, [])
    assert after == pytest.approx(0.01 * 1024 / 128)


def test_imagenette_counts_the_steps_of_its_result() -> None:
    config = parsed("imagenette.flags")
    rates = Rates(config, weights(config), -(-3000 // config.batch_size))
    assert (rates.warmup_steps, rates.average_steps) == (94, 500)


@pytest.mark.parametrize("name", [*RECIPES, *OF_CLAIMS])
def test_a_recipe_has_nothing_that_the_run_does_not_reach(name: str) -> None:
    config = parsed(name, *LEFT_TO_THE_PERSON.get(name, []))
    pictures = PICTURES.get(name, 1_281_167)
    one_pass = config.steps_per_epoch or -(-pictures // config.batch_size)
    rates = Rates(config, weights(config), one_pass)
    assert notes(config, 10**6, rates) == []


@pytest.mark.parametrize("name", [*RECIPES, *OF_CLAIMS])
def test_a_recipe_is_found_without_a_checkout(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = ["train", f"--flagfile=configs/{name}"]
    assert flags.parse(TrainingConfig, arguments)[0] == parsed(name)
    own = tmp_path / "configs" / name
    own.parent.mkdir(parents=True)
    own.write_text("--seed=7\n")  # a file of the person's comes first
    assert flags.parse(TrainingConfig, arguments)[0] == TrainingConfig(seed=7)


def test_a_record_of_a_recipe_is_found_without_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "configs/claims/four_layers.json"
    packaged = architectures.read_json(name)
    assert packaged == architectures.read_json(CONFIGS.parent / name)
    own = tmp_path / name
    own.parent.mkdir(parents=True)
    own.write_text(architectures.to_json(architectures.get("owt")))
    assert architectures.read_json(name) == architectures.get("owt")
    with pytest.raises(FileNotFoundError):
        architectures.read_json("configs/claims/none.json")


def test_a_recipe_that_there_is_not_names_those_that_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"few_photos\.flags.*Received: 'configs/no'"):
        flags.parse(TrainingConfig, ["train", "--flagfile=configs/no"])
    with pytest.raises(ValueError, match=r"relu\.flags.* in configs/claims/\. Rec"):
        flags.parse(TrainingConfig, ["train", "--flagfile=configs/claims/no"])
