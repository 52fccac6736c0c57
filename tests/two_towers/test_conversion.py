"""Between the packed form and towers of their own: the same network, bit by bit."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from network_reference import forward, gradients
from small_models import (
    CLASSES,
    by_tower,
    computing_in,
    packed_weights,
    pictures,
    small_model,
)
from tower_nets import arguments, batch, small_net, training_step

from keras_alexnet import (
    AlexNet,
    convert_towers,
    export_saved_model,
    reset_classifier,
)
from keras_alexnet.layers import StatelessDropout
from keras_alexnet.layers.stateless_dropout import Place, dropout_at
from keras_alexnet.two_towers import PackedForm, as_packed, packed_names
from keras_alexnet.two_towers.packed_form import packed_values
from keras_alexnet.weights.names import Named, named_weights

TWICE = ["CPU:0", "CPU:0"]


def values(model: keras.Model) -> Named:
    return packed_values(model, named_weights(model))


def check_same(one: Named, other: Named) -> None:
    assert one.keys() == other.keys()
    for layer, weights in one.items():
        for name, value in weights.items():
            np.testing.assert_array_equal(value, other[layer][name])


@pytest.mark.compat
@pytest.mark.parametrize("variant", ["paper", "original", "six_conv"])
def test_it_is_the_network_of_two_towers_in_numpy(variant: str) -> None:
    packed = small_model(variant)
    model = convert_towers(packed, TWICE)
    images, labels = pictures(3), np.arange(3) % CLASSES
    reading = "original" if variant == "original" else "paper"
    run = forward(images, by_tower(packed_weights(packed)), reading)
    named = named_weights(model)
    with tf.GradientTape() as tape:
        logits = model(images.astype("float64"))
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        loss = tf.reduce_mean(losses)
    np.testing.assert_allclose(logits, run.given["fc8"][0], rtol=1e-10)
    slopes = tape.gradient(loss, named)
    for layer, towers in gradients(run, labels)[1].items():
        for tower, (kernels, bias) in zip("ab", towers, strict=False):
            ours = slopes[layer if layer == "fc8" else layer + tower]
            close(ours["bias"], bias)
            if layer != "fc6":  # whose inputs the reference has tower by tower
                close(ours["kernel"], np.concatenate(kernels, axis=-2))


def close(ours: tf.Tensor, expected: np.ndarray) -> None:
    atol = 1e-10 * np.abs(expected).max()
    np.testing.assert_allclose(ours, expected, rtol=0, atol=atol)


@pytest.mark.compat
@pytest.mark.parametrize(
    ("towers", "devices"),
    [(None, TWICE), (None, TWICE[:1]), (4, TWICE), (4, 2 * TWICE)],
)
def test_converting_back_restores_the_model(towers: int | None, devices: list) -> None:
    packed = small_net("paper", towers)
    spread = convert_towers(packed, devices)
    back = convert_towers(convert_towers(spread, TWICE))
    check_same(values(packed), values(spread))
    check_same(values(packed), values(back))
    assert [each.get_config() for each in back.layers] == [
        each.get_config() for each in packed.layers
    ]
    np.testing.assert_array_equal(spread(batch()[0]), packed(batch()[0]))


@pytest.mark.parametrize("pooling", [None, "max"])
def test_without_its_top_it_gives_all_maps(pooling: str | None) -> None:
    packed = small_net(include_top=False, pooling=pooling)
    spread = convert_towers(packed, TWICE)
    assert spread.output_shape == packed.output_shape
    np.testing.assert_array_equal(spread(batch()[0]), packed(batch()[0]))


@pytest.mark.compat
def test_a_towers_dropout_draws_its_part_of_the_whole() -> None:
    x = tf.ones([4, 10])
    with dropout_at(Place(1, 2, 0)):
        whole = StatelessDropout(0.5, name="dropout6")(x, training=True)
        parts = [
            StatelessDropout(0.5, share=(i, 5), name="dropout6")(part, training=True)
            for i, part in enumerate(tf.split(x, 5, axis=-1))
        ]
    np.testing.assert_array_equal(tf.concat(parts, axis=-1), whole)


@pytest.mark.compat
def test_a_checkpoint_of_one_form_is_read_into_the_other(tmp_path: Path) -> None:
    models = {form: small_net() for form in ("packed", "spread")}
    models["spread"] = convert_towers(models["spread"], TWICE)
    for form, other in (("packed", "spread"), ("spread", "packed")):
        written, read = (forms(models[each], each == form) for each in (form, other))
        for each in written:
            each.gather()
        path = checkpoint(written).save(str(tmp_path / form))
        checkpoint(read).restore(path).assert_consumed()
        for ours, theirs in zip(written, read, strict=True):
            theirs.scatter()
            theirs.gather()
            check_same(arrays(ours), arrays(theirs))
        check_same(values(models[form]), values(models[other]))


def forms(model: keras.Model, train: bool) -> list[PackedForm]:
    """Of the weights and of the velocities, after a step of training."""
    step, slots = training_step(model)
    if train:
        step(*arguments(0))
    return [PackedForm(model, each) for each in (named_weights(model), slots)]


def checkpoint(forms: list[PackedForm]) -> tf.train.Checkpoint:
    weights, velocities = (each.variables for each in forms)
    return tf.train.Checkpoint(model=weights, optimizer={"velocity": velocities})


def arrays(form: PackedForm) -> Named:
    return {
        layer: {name: variable.numpy() for name, variable in weights.items()}
        for layer, weights in form.variables.items()
    }


def test_the_packed_form_of_a_packed_model_is_its_own_variables() -> None:
    model = small_net()
    named = named_weights(model)
    form = PackedForm(model, named)
    assert form.variables["conv2"]["kernel"] is named["conv2"]["kernel"]
    assert set(packed_names(convert_towers(model, TWICE)).values()) >= set(named)


@pytest.mark.compat
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
def test_a_compiled_model_continues_training(kind: str) -> None:
    options = {"momentum": 0.9} if kind == "SGD" else {}
    model = without_dropout(small_net())
    model.get_layer("conv1").trainable = False
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(getattr(keras.optimizers, kind)(1e-3, **options), loss)
    model.train_on_batch(*batch())
    spread = convert_towers(model, TWICE)
    back = convert_towers(spread)
    assert not [each for each in spread.trainable_variables if "conv1" in each.name]
    for each in (model, spread, back):
        each.train_on_batch(*batch())
    assert int(spread.optimizer.iterations) == int(model.optimizer.iterations) == 2
    for other in (spread, back):
        for layer, weights in values(model).items():
            for name, value in weights.items():
                atol = 1e-5 * np.abs(value).max()
                np.testing.assert_allclose(
                    values(other)[layer][name], value, rtol=1e-4, atol=atol
                )


def without_dropout(model: keras.Model) -> keras.Model:
    """Keras' own draws are not those of a packed layer."""
    for layer in model.layers:
        if isinstance(layer, StatelessDropout):
            layer.rate = 0.0
    return model


def test_bfloat16_and_untrained_models_are_converted() -> None:
    with computing_in("mixed_bfloat16"):
        packed = small_net()
    spread = convert_towers(packed, TWICE)
    exchanged = spread.get_layer("to_conv3")
    assert exchanged.compute_dtype == "bfloat16"
    np.testing.assert_array_equal(spread(batch()[0]), packed(batch()[0]))


FOUR = ["CPU:0"] * 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "caffe", "devices": TWICE}, "variant must be one of two towers"),
        ({"variant": "owt", "towers": 4}, "variant must be one of two towers"),
        ({"towers": 3}, r"towers must be one of \(2, 4\)"),
        (
            {"devices": ["GPU:0", "GPU:7"]},
            "devices must be among those.*'GPU:7'|'GPU:0'",
        ),
        ({"devices": FOUR}, "number of devices must.*towers=4"),
        ({"devices": TWICE, "input_tensor": "x"}, "omit input_tensor"),
    ],
)
def test_impossible_requests_are_one_line(arguments: dict, message: str) -> None:
    if arguments.get("input_tensor"):
        arguments = {**arguments, "input_tensor": keras.layers.Input((64, 64, 3))}
    with pytest.raises(ValueError, match=message) as caught:
        AlexNet(**{"input_shape": (64, 64, 3), **arguments})
    assert "\n" not in str(caught.value)


def test_beside_a_strategy_it_is_one_line() -> None:
    with (
        tf.distribute.OneDeviceStrategy("/CPU:0").scope(),
        pytest.raises(ValueError, match=r"combined with a strategy.*OneDeviceStrategy"),
    ):
        AlexNet(devices=TWICE)


def test_a_new_classifier_is_kept_and_a_packed_model_unchanged() -> None:
    packed = small_net()
    assert as_packed(packed) is packed
    mine = reset_classifier(convert_towers(packed, TWICE), 3)
    back = as_packed(mine)
    assert back.get_layer("conv2").groups == 2
    np.testing.assert_array_equal(back(batch()[0]), mine(batch()[0]))


def test_an_export_has_the_towers_packed(tmp_path: Path) -> None:
    packed = AlexNet(input_shape=(64, 64, 3), classes=3)
    servables = [
        export_saved_model(
            model, tmp_path / name, class_names=("a", "b", "c"), preprocessing="paper"
        )
        for name, model in (("one", packed), ("two", convert_towers(packed, TWICE)))
    ]
    images = tf.constant(np.full([1, 64, 64, 3], 99, np.uint8))
    ours, theirs = (
        tf.saved_model.load(str(path)).signatures["predict_images"](images=images)
        for path in servables
    )
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value)


def test_only_an_alexnet_of_towers_is_converted() -> None:
    plain = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="have no towers"):
        convert_towers(plain, TWICE)
    with pytest.raises(ValueError, match=r"have \[1, 2\] towers"):
        convert_towers(AlexNet("caffe", include_top=False), TWICE)
    images = keras.layers.Input((3,))
    other = keras.Model(images, keras.layers.LayerNormalization(name="odd")(images))
    with pytest.raises(ValueError, match="the layer 'odd'"):
        convert_towers(other, TWICE)
