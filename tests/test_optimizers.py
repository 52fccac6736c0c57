"""The update rule against the paper's formula, and against Keras' own SGD."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_alexnet
from keras_alexnet.optimizers import PaperSGD

KERAS_2 = keras.__version__.startswith("2")
RATES = [0.01] * 5 + [0.001] * 5  # velocity keeps its old scale


def dense() -> keras.layers.Layer:
    layer = keras.layers.Dense(
        4,
        kernel_initializer=keras.initializers.RandomNormal(seed=1),
        bias_initializer="ones",
    )
    layer.build((None, 3))
    return layer


def drawn_gradients() -> list[list[np.ndarray]]:
    rng = np.random.default_rng(0)
    return [[rng.normal(size=(3, 4)), rng.normal(size=4)] for _ in RATES]


def after(optimizer: Any, set_rates: bool = True) -> list[np.ndarray]:
    """Kernel and bias of a layer after ten steps."""
    layer = dense()
    for rate, gradients in zip(RATES, drawn_gradients(), strict=True):
        if set_rates:
            optimizer.learning_rate = rate
        tensors = [tf.constant(each, tf.float32) for each in gradients]
        pairs = zip(tensors, layer.trainable_variables, strict=True)
        optimizer.apply_gradients(list(pairs))
    return layer.get_weights()


def by_the_formula(momentum: float, nesterov: bool) -> list[np.ndarray]:
    """The same in NumPy, in float64."""
    values = [np.asarray(each, np.float64) for each in dense().get_weights()]
    velocities = [np.zeros_like(each) for each in values]
    for rate, gradients in zip(RATES, drawn_gradients(), strict=True):
        for index, (factor, decay) in enumerate(((1, 0.0005), (2, 0))):
            own = factor * rate
            step = -decay * own * values[index] - own * gradients[index]
            velocities[index] = momentum * velocities[index] + step
            ahead = momentum * velocities[index] + step
            values[index] = values[index] + (ahead if nesterov else velocities[index])
    return values


@pytest.mark.compat
@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.9, 0.0, 0, 1, np.float32(0.5)])
def test_ten_steps_are_the_papers(momentum: float, nesterov: bool) -> None:
    ours = after(PaperSGD(momentum=momentum, nesterov=nesterov))
    expected = by_the_formula(float(momentum), nesterov)
    for mine, theirs in zip(ours, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"momentum": 0.0},
    {"nesterov": True},
    {"momentum": 0.0, "nesterov": True},
    {"clipnorm": 0.1},
    {"clipvalue": 0.1},
    {"global_clipnorm": 0.1},
    {"use_ema": True, "ema_momentum": 0.5},
    {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3},
    {"weight_decay": None},
    {"weight_decay": 0},
    {"name": "mine"},
    *(
        [{"jit_compile": False}, {"jit_compile": True}]
        if KERAS_2
        else [
            {"loss_scale_factor": 4.0},
            {"gradient_accumulation_steps": 2},
            {"gradient_accumulation_steps": 5, "use_ema": True, "momentum": 0.0},
        ]
    ),
]


@pytest.mark.compat
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_keras_options_do_what_they_do_in_keras(options: dict[str, Any]) -> None:
    options = {"momentum": 0.9, **options}
    ours = PaperSGD(decay=0.0, bias_rate=1.0, **options)
    theirs = keras.optimizers.SGD(**options)
    for mine, other in zip(after(ours), after(theirs), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-7)
    own = {"decay", "bias_rate", "name"}
    rest = {k: v for k, v in ours.get_config().items() if k not in own}
    known = theirs.get_config()
    assert rest == {name: known[name] for name in rest}
    if "use_ema" in options:
        averages = ours._model_variables_moving_average
        expected = theirs._model_variables_moving_average
        for mine, other in zip(averages, expected, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-7)


@pytest.mark.compat
def test_a_schedule_gives_the_rates() -> None:
    schedule = keras.optimizers.schedules.PiecewiseConstantDecay([4], [0.01, 0.001])
    scheduled = after(PaperSGD(schedule), set_rates=False)
    for mine, set_by_hand in zip(scheduled, after(PaperSGD()), strict=True):
        np.testing.assert_array_equal(mine, set_by_hand)


@pytest.mark.compat
def test_weights_excluded_from_decay_have_none() -> None:
    optimizer = PaperSGD(decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["kernel"])
    without = after(PaperSGD(decay=0.0))
    np.testing.assert_array_equal(after(optimizer)[0], without[0])
    assert not np.allclose(after(PaperSGD(decay=0.5))[0], without[0])


@pytest.mark.compat
@pytest.mark.parametrize("excluded", [[], ["embeddings"]])
def test_gradients_of_some_rows_are_those_of_all(excluded: list[str]) -> None:
    layer = keras.layers.Embedding(5, 2)
    layer.build(())
    (before,) = layer.get_weights()
    optimizer = PaperSGD(0.1, decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=excluded)
    rows = tf.IndexedSlices(tf.ones([1, 2]), tf.constant([3]), tf.constant([5, 2]))
    optimizer.apply_gradients([(rows, layer.trainable_variables[0])])
    gradient = np.zeros((5, 2))
    gradient[3] = 1
    decay = 0 if excluded else 0.5 * before
    expected = before - 0.1 * (gradient + decay)
    np.testing.assert_allclose(layer.get_weights()[0], expected, rtol=1e-5)


@pytest.mark.compat
def test_a_loss_scale_around_it_changes_nothing() -> None:
    x = np.linspace(-1, 1, 64)[:, None].astype("float32")
    weights = []
    for wrapped in (False, True):
        optimizer: Any = PaperSGD(0.1)
        if wrapped:
            optimizer = keras.mixed_precision.LossScaleOptimizer(optimizer)
        model = keras.Sequential(
            [keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="ones")]
        )
        model.compile(optimizer, loss="mse")
        model.fit(x, 3 * x, epochs=2, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    np.testing.assert_allclose(weights[0][0], weights[1][0], rtol=1e-5)


@pytest.mark.compat
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_decay": 0.1}, "use decay, which goes.*Received: weight_decay=0.1"),
        ({"momentum": 1.5}, "Received: momentum=1.5"),
        ({"momentum": -0.1}, "Received: momentum=-0.1"),
        ({"momentum": None}, "Received: momentum=None"),
        ({"decay": "5e-4"}, "Received: decay='5e-4'"),
        ({"bias_rate": -1}, "Received: bias_rate=-1"),
        ({"epsilon": 1e-7}, "Received: epsilon=1e-07"),
        (
            {"gradient_accumulation_steps" if KERAS_2 else "jit_compile": 2},
            rf"keras\.optimizers\.SGD in this Keras, {keras.__version__}.*=2",
        ),
    ],
)
def test_options_without_effect_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        PaperSGD(**options)
    assert "\n" not in str(caught.value)


@pytest.mark.compat
def test_keras_fits_with_it_and_saves_it() -> None:
    model = keras.Sequential([keras.layers.Dense(1, kernel_initializer="zeros")])
    model.compile(PaperSGD(0.1, decay=0.0), loss="mse")
    x = np.linspace(-1, 1, 64)[:, None].astype("float32")
    losses = model.fit(x, 3 * x, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.1 * losses[0]
    config = model.optimizer.get_config()
    assert PaperSGD.from_config(config).get_config() == config


LOADING = """
import keras, keras_alexnet, numpy as np, sys
model = keras.saving.load_model("mine.keras")
ours = sorted(n for n in sys.modules if n.startswith("keras_alexnet.training"))
print(type(model.optimizer).__name__, model.optimizer.get_config()["momentum"], ours)
x = np.linspace(-1, 1, 8 * 32 * 32 * 3).reshape(8, 32, 32, 3).astype("float32")
model.fit(x, np.arange(8) % 3, epochs=1, verbose=0, shuffle=False)
np.save("weights.npy", model.layers[-1].get_weights()[0])
"""


@pytest.mark.compat
@pytest.mark.parametrize("momentum", [0.9, 0.0])
def test_a_model_saved_with_it_loads_after_our_import_alone(
    tmp_path: Path, python: Callable[..., str], momentum: float
) -> None:
    model = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras_alexnet.layers.GroupedConv2D(4, 11, strides=4),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile(PaperSGD(0.001, momentum), loss="sparse_categorical_crossentropy")
    x = np.linspace(-1, 1, 8 * 32 * 32 * 3).reshape(8, 32, 32, 3).astype("float32")
    labels = np.arange(8) % 3
    model.fit(x, labels, epochs=1, verbose=0, shuffle=False)
    model.save(tmp_path / "mine.keras")
    assert python(LOADING).split("\n")[0] == f"PaperSGD {momentum} []"
    # Its velocity came with it: the next steps are those of the model itself.
    model.fit(x, labels, epochs=1, verbose=0, shuffle=False)
    np.testing.assert_allclose(
        np.load(tmp_path / "weights.npy"),
        model.layers[-1].get_weights()[0],
        rtol=1e-5,
        atol=1e-7,
    )
