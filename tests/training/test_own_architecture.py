"""Runs of a network that is none of the variants."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from finished_runs import quiet, rows

import keras_alexnet
from keras_alexnet import architectures
from keras_alexnet.architectures import Convolution, Pool, ReLU, Tanh
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.weights.run_weights import read_weights
from keras_alexnet.weights.runs import newest_checkpoint

# Three layers for 32 px, as for the paper's figure 1; its first pool does not overlap.
SMALL = dataclasses.replace(
    architectures.get("paper"),
    name="small",
    towers=1,
    convolutions=(
        Convolution(8, 5, 1, (2, 2), stages=(ReLU(), Pool(2, 2))),
        Convolution(12, 5, 1, (2, 2), stages=(ReLU(), Pool(3, 2))),
        Convolution(16, 3, 1, (1, 1), stages=(ReLU(), Pool(3, 2))),
    ),
    dense=(24,),
    dropout=0.0,
    input_size=32,
)


@pytest.fixture
def own(config: TrainingConfig) -> TrainingConfig:
    return dataclasses.replace(config, architecture=None, image_size=32)


def test_it_trains_goes_on_and_is_opened_and_exported(
    own: TrainingConfig, tmp_path: Path, predict
) -> None:
    run = Path(own.model_dir)
    export = tmp_path / "servable"
    whole = dataclasses.replace(own, export_dir=str(export))
    result = Trainer(whole, quiet(), SMALL).fit()
    assert len(rows(run)) == own.epochs
    assert architectures.read_json(run / "architecture.json") == SMALL
    weights = read_weights(newest_checkpoint(run))
    assert weights["conv2"]["kernel"].shape == (5, 5, 8, 12)
    assert weights["fc8"]["kernel"].shape[1] == 3

    with pytest.raises(
        ValueError, match=r"^variant must be None with a run .* 'small'"
    ):
        keras_alexnet.AlexNet("caffe", weights=run)
    model = keras_alexnet.AlexNet(weights=run)
    np.testing.assert_array_equal(
        model.get_layer("conv3").kernel, weights["conv3"]["kernel"]
    )
    jpeg = tf.constant([(run / "example.jpg").read_bytes()])
    served = tf.saved_model.load(result.values["export"]).signatures["classify_bytes"]
    found = dict(
        zip(
            served(image_bytes=jpeg)["classes"].numpy()[0],
            served(image_bytes=jpeg)["scores"].numpy()[0],
            strict=True,
        )
    )
    code, out, err = predict(f"--model={run}", "--json", str(run / "example.jpg"))
    assert (code, err) == (0, "")
    for each in json.loads(out)["classes"]:
        assert each["score"] == pytest.approx(found[each["name"].encode()], abs=1e-6)


def test_without_augmentation_each_epoch_is_the_same_and_a_run_keeps_its_start(
    own: TrainingConfig, pictures: Path
) -> None:
    """Rates of nearly 0, so that the loss is that of the pictures in their order."""
    stages = (Tanh(), Pool(3, 2))
    record = dataclasses.replace(
        SMALL,
        convolutions=tuple(
            dataclasses.replace(each, stages=stages) for each in SMALL.convolutions
        ),
        dense=(),
        averaged_size=1,
        dense_activation=Tanh(),
    )
    plain = dataclasses.replace(
        own,
        crop="centre",
        mirror=False,
        colour_noise_strength=0.0,
        initialization="glorot",
        initial_bias=0.5,
        learning_rate=1e-12,
        batch_size=8,
        steps_per_epoch=3,  # 24 pictures, each once
        epochs=2,
    )
    run = Path(own.model_dir)
    Trainer(plain, quiet(), record).fit()
    first, second = (float(each["loss"]) for each in rows(run))
    assert first == pytest.approx(second, rel=1e-5)
    start = read_weights(newest_checkpoint(run))
    np.testing.assert_allclose(start["conv2"]["bias"], 0.5, rtol=1e-6)
    np.testing.assert_allclose(start["conv1"]["bias"], 0, atol=1e-6)
    bound = np.sqrt(6 / (25 * 8 + 25 * 12))
    largest = np.abs(start["conv2"]["kernel"]).max()
    assert 0.98 * bound < largest <= bound * (1 + 1e-6)
    with pytest.raises(ValueError, match=r"has initial_bias=0\.5, not 0\.25"):
        Trainer(dataclasses.replace(plain, initial_bias=0.25), quiet(), record)
    with pytest.raises(ValueError, match=r"has mirror=false, not true"):
        Trainer(dataclasses.replace(plain, mirror=True), quiet(), record)


def test_the_same_by_a_file_is_the_same_run(
    own: TrainingConfig, tmp_path: Path
) -> None:
    Trainer(own, quiet(), SMALL).fit()
    path = tmp_path / "small.json"
    path.write_text(architectures.to_json(SMALL))
    again = dataclasses.replace(own, architecture=str(path))
    assert not Trainer(again, quiet()).fit().fresh


def test_another_architecture_is_refused(own: TrainingConfig) -> None:
    own = dataclasses.replace(own, image_size=64)
    Trainer(own, quiet(), SMALL).fit()
    other = dataclasses.replace(SMALL, dense=(25,))
    with pytest.raises(ValueError, match="run of the same architecture"):
        Trainer(own, quiet(), other)
    with pytest.raises(ValueError, match=r"trains a record of its own, 'small'"):
        Trainer(own, quiet())


def test_it_is_given_once(own: TrainingConfig, tmp_path: Path) -> None:
    path = tmp_path / "small.json"
    path.write_text(architectures.to_json(SMALL))
    with pytest.raises(ValueError, match="must be given once"):
        Trainer(dataclasses.replace(own, architecture=str(path)), quiet(), SMALL)


@pytest.mark.parametrize("size", [8, 4097])
def test_it_reads_pictures_of_some_sizes(own: TrainingConfig, size: int) -> None:
    with pytest.raises(
        ValueError, match=r"image_size must be from \d+ to 4096 for 'small'"
    ):
        Trainer(dataclasses.replace(own, image_size=size), quiet(), SMALL)


def test_and_for_a_variant(own: TrainingConfig) -> None:
    with pytest.raises(
        ValueError, match="image_size must be from 64 to 4096 for 'paper'"
    ):
        Trainer(own, quiet())


def test_a_missing_file_is_one_line(script, pictures: Path) -> None:
    done = script("train", f"--data=folder:{pictures}", "--architecture=none.json")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "none.json" in line
