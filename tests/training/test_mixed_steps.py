"""Steps on pictures that are mixed: loss, gradient, scores, and who has which pair."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from finished_runs import quiet, rows

from keras_alexnet import architectures
from keras_alexnet.data.colour import IMAGENET
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.training.network import network_of
from keras_alexnet.training.step import StepInputs, TrainStep

SIDE, ROWS = 64, 8
WHOLE = [0, 0, SIDE, SIDE]


def batch() -> dict[str, tf.Tensor]:
    rng = np.random.default_rng(0)
    boxes = [WHOLE, WHOLE, [5, 0, 40, 64], [0, 9, 20, 30], *[WHOLE] * 4]
    amounts = [0.25, 0.5, 1.0, 1.0, 0.0, 0.9, 0.4, 1.0]
    return {
        "image": tf.constant(rng.integers(0, 256, (ROWS, SIDE, SIDE, 3)), tf.uint8),
        "label": tf.constant(rng.integers(0, 3, ROWS), tf.int64),
        "noise": tf.zeros([ROWS, 3]),
        "amount": tf.constant(amounts, tf.float32),
        "box": tf.constant(boxes, tf.int32),
    }


def targets(given: dict[str, tf.Tensor], smoothing: float) -> np.ndarray:
    """The labels of Zhang et al. 2018 and Yun et al. 2019, smoothed, in float64."""
    single = np.eye(3)[given["label"].numpy()]
    found = []
    for row, (amount, box) in enumerate(
        zip(given["amount"].numpy(), given["box"].numpy(), strict=True)
    ):
        top, left, bottom, right = box.astype(float)
        part = float(amount) * (bottom - top) * (right - left) / SIDE**2
        found.append((1 - part) * single[row] + part * single[row ^ 1])
    return (1 - smoothing) * np.array(found) + smoothing / 3


def plain_step(smoothing: float, mixes: bool = True) -> TrainStep:
    """A step of plain descent, without dropout."""
    record = dataclasses.replace(architectures.get("paper"), dense=(16,), dropout=0.0)
    config = TrainingConfig(
        image_size=SIDE,
        batch_size=ROWS,
        momentum=0.0,
        weight_decay=0.0,
        initialization="he",
        label_smoothing=smoothing,
        mixup=float(mixes),
    )
    strategy = tf.distribute.get_strategy()
    return TrainStep(network_of(config, record), 3, IMAGENET, strategy)


@pytest.mark.compat
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_gradient_is_that_of_mixed_pictures_with_mixed_labels(
    smoothing: float,
) -> None:
    """Pictures mixed by NumPy, and Keras' cross-entropy with whole target vectors."""
    train_step, given = plain_step(smoothing), batch()
    pictures = plain_step(smoothing, mixes=False).prepared(given).numpy()
    blended = pictures.copy()
    for row, (amount, box) in enumerate(
        zip(given["amount"].numpy(), given["box"].numpy(), strict=True)
    ):
        top, left, bottom, right = box
        inside = np.s_[top:bottom, left:right]
        blended[row][inside] *= 1 - amount
        blended[row][inside] += amount * pictures[row ^ 1][inside]
    np.testing.assert_allclose(
        train_step.prepared(given), blended, rtol=1e-4, atol=1e-3
    )
    trained = train_step.train_state.trained
    with tf.GradientTape() as tape:
        logits = train_step.model(tf.constant(blended), training=True)
        wanted = tf.constant(targets(given, smoothing), tf.float32)
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)(wanted, logits)
    expected = tape.gradient(loss, trained)
    before = [each.numpy() for each in trained]
    rates = np.full(len(trained), 1e-3, np.float32)
    train_step.step(given, StepInputs(1, rates))
    for old, variable, gradient in zip(before, trained, expected, strict=True):
        change = (old - variable.numpy()) / 1e-3
        apart = np.linalg.norm(change - gradient.numpy())
        # Weights of 0.1 are rounded by some 1e-8 each, and so are these.
        bound = 2e-3 * np.linalg.norm(gradient) + 2e-5 * np.sqrt(gradient.numpy().size)
        assert apart < bound


@pytest.mark.compat
def test_scores_count_either_label_by_its_part() -> None:
    train_step, given = plain_step(0.1), batch()
    logits = train_step.model(train_step.prepared(given)).numpy().astype(np.float64)
    logs = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    wanted = targets(given, 0.0)
    rates = np.zeros(len(train_step.train_state.trained), np.float32)
    train_step.step(given, StepInputs(1, rates))
    loss, top1, top5, pictures = train_step.totals.numpy()
    assert loss == pytest.approx(-np.sum(wanted * logs), rel=1e-4)
    assert top1 == pytest.approx(wanted[np.arange(ROWS), logits.argmax(1)].sum())
    assert top5 == pytest.approx(ROWS)  # three classes
    assert pictures == ROWS


TWO = """
import sys
import numpy as np
from keras_alexnet.training import Trainer, TrainingConfig
import io
from rich.console import Console
config = TrainingConfig(
    data=sys.argv[1], architecture=sys.argv[2], image_size=64, batch_size=8,
    epochs=1, steps_per_epoch=3, model_dir=sys.argv[3], devices=sys.argv[4],
    initialization="he", deterministic=True, mixup=0.4, cutmix=1.0, mixed=0.9)
Trainer(config, Console(file=io.StringIO())).fit()
"""


def test_devices_mix_the_same_pairs_however_many_they_are(
    python: Callable[..., str],
    narrow: Callable[[str], str],
    pictures: Path,
    tmp_path: Path,
) -> None:
    data, network = f"folder:{pictures}", narrow("paper")
    found = []
    for devices in ("CPU:0", "CPU:0,CPU:1"):
        run = tmp_path / str(len(found))
        python(TWO, data, network, str(run), devices)
        found.append([[float(r["loss"]), float(r["top1"])] for r in rows(run)])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4)


@pytest.mark.parametrize("setting", ["mixup", "cutmix"])
def test_a_batch_of_no_pairs_is_refused(config: TrainingConfig, setting: str) -> None:
    with pytest.raises(ValueError, match="batch_size must be even with mixup or"):
        dataclasses.replace(config, batch_size=7, **{setting: 1.0})
    assert dataclasses.replace(config, batch_size=7, mixed=0.0, **{setting: 1.0})


def test_a_device_without_whole_pairs_is_refused(python: Callable[..., str]) -> None:
    code = """
import tensorflow as tf
from keras_alexnet.data.colour import IMAGENET
from keras_alexnet.training import TrainingConfig
from keras_alexnet.training.devices import open_strategy
from keras_alexnet.training.network import network_of
from keras_alexnet.training.step import TrainStep
strategy = open_strategy("auto", "CPU:0,CPU:1", 6)
config = TrainingConfig(image_size=64, batch_size=6, cutmix=1.0)
try:
    TrainStep(network_of(config), 3, IMAGENET, strategy)
except ValueError as error:
    print(error)
"""
    expected = (
        "a multiple of 4: 2 device(s) with accumulate=1, in pairs to mix. Received"
    )
    assert expected in python(code)


def test_a_run_of_mixed_pictures_ends_with_whole_scores(
    config: TrainingConfig,
) -> None:
    config = dataclasses.replace(config, mixup=0.2, cutmix=1.0, epochs=1)
    values = Trainer(config, quiet()).fit().values
    assert values["val_pictures"] == 9
