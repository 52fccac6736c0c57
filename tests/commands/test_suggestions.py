"""Names that do not exist: what a person may have meant is in the message."""

from __future__ import annotations

import dataclasses

import pytest

import keras_alexnet
from keras_alexnet import architectures, commands
from keras_alexnet.commands.suggestions import _ELSEWHERE, flags_like
from keras_alexnet.export.precision import PRECISIONS
from keras_alexnet.settings import Settings, setting
from keras_alexnet.training import TrainingConfig

TRAIN = [field.name for field in dataclasses.fields(TrainingConfig)]
MEANT = {
    # torchvision's and timm's scripts
    "--lr=0.1": "--learning_rate",
    "--batch-size=32": "--batch_size",
    "--weight-decay=1e-4": "--weight_decay",
    "--wd=1e-4": "--weight_decay",
    "--bs=32": "--batch_size",
    "--arch=alexnet": "--variant",
    "--opt=sgd": "--update_rule",
    "--lr-scheduler=steplr": "--schedule",
    "--lr-warmup-epochs=5": "--warmup_steps",
    "--label-smoothing=0.1": "--label_smoothing",
    "--resume=last.pt": "--model_dir",
    "--output-dir=runs": "--export_dir",
    "--pretrained": "--init_from",
    "--amp": "--precision",
    "--model-ema": "--average",
    "--data-path=photos": "--data",
    "--device=cpu": "--devices",
    "--img-size=96": "--image_size",
    # mistakes of writing
    "--batch_sze=3": "--batch_size",
    "--LEARNING_RATE=1": "--learning_rate",
    "--warm-up-steps=3": "--warmup_steps",
    "--nodetermin": "--deterministic",
}


def refused(capsys: pytest.CaptureFixture, *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        commands.main(["keras-alexnet", *arguments])
    out, err = capsys.readouterr()
    assert (caught.value.code, out, err.count("\n")) == (2, "", 1)
    return err


@pytest.mark.compat
@pytest.mark.parametrize("given", MEANT)
def test_an_unknown_flag_names_the_nearest(given: str, capsys) -> None:
    err = refused(capsys, "train", given)
    assert f"did you mean {MEANT[given]}? --help shows all. Received: --" in err


def test_a_flag_of_nothing_like_it_names_none(capsys) -> None:
    assert "did you mean" not in refused(capsys, "train", "--zzz=1")


def test_names_of_other_programs_lead_to_flags_that_there_are() -> None:
    known = {*TRAIN, "out", "model", "top_k", "processes"}
    for name, flags in _ELSEWHERE.items():
        assert set(flags) <= known
        assert name not in TRAIN
        assert flags_like(name, sorted(known - {name}))[0] in flags


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_an_unknown_command_names_the_nearest(name: str, capsys) -> None:
    swapped = name[:-2] + name[-1] + name[-2]
    err = refused(capsys, swapped)
    assert f"did you mean {name}? Received: {swapped!r}" in err


@dataclasses.dataclass(frozen=True)
class Choice(Settings):
    precision: str = setting("float32", "Precision.", choices=PRECISIONS)


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda: architectures.get("papper"), "paper"),
        (lambda: TrainingConfig(variant="caffenett"), "caffenet"),
        (lambda: Choice("flot32"), "float32"),
        (lambda: keras_alexnet.weights.get("bvlc-alexnet"), "bvlc_alexnet"),
        (lambda: keras_alexnet.AlexNet(weights="imagnet"), "imagenet"),
        (lambda: keras_alexnet.Classifier("imagnet"), "imagenet"),
        (lambda: keras_alexnet.AlexNet(initialization="papr"), "paper"),
        (lambda: keras_alexnet.features(small(), "conv_5"), "conv5"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(call, meant: str) -> None:
    with pytest.raises(ValueError, match=rf"\(did you mean '{meant}'\?\)"):
        call()


def small() -> object:
    return keras_alexnet.AlexNet(input_shape=(64, 64, 3), classes=2)


def test_a_choice_of_a_flag_names_the_nearest(capsys) -> None:
    err = refused(capsys, "train", "--variant=one_colum")
    assert "--variant=one_colum" in err
    assert "(did you mean 'one_column'?)" in err
