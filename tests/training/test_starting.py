"""Beginning with other weights, watching, and what a dry run tells."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
from finished_runs import quiet
from weights_server import NOWHERE

from keras_alexnet import AlexNet, architectures
from keras_alexnet.architectures import Architecture, BatchNorm, Convolution, ReLU
from keras_alexnet.models import build
from keras_alexnet.preprocessing import BVLC, Preprocessing
from keras_alexnet.recipe import Recipe
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.training.starting import (
    Beginning,
    checksum,
    open_beginning,
    start_from,
)
from keras_alexnet.weights import Weights, open_weights
from keras_alexnet.weights.names import Named, named_weights

PAPER = architectures.get("paper")
PICTURES = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype="uint8")


def network(
    padding: tuple[int, int], norm: bool, colours: Preprocessing
) -> Architecture:
    """One convolution of 5 maps, and a dense layer, on pictures of 32 px."""
    stages = (BatchNorm(), ReLU()) if norm else (ReLU(),)
    return dataclasses.replace(
        PAPER,
        name="tiny",
        towers=1,
        convolutions=(Convolution(5, 11, 4, padding, stages=stages),),
        dense=(6,),
        input_size=32,
        preprocessing=colours,
    )


def beginning(record: Architecture, seed: int) -> tuple[Beginning, Named]:
    """Drawn weights of a network, batch normalisation's statistics among them."""
    keras.utils.set_random_seed(seed)
    model = build(record, classes=3)
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        layer.set_weights([rng.uniform(0.1, 1, w.shape) for w in layer.get_weights()])
    values = {
        layer: {name: variable.numpy() for name, variable in variables.items()}
        for layer, variables in named_weights(model).items()
    }
    recipe = Recipe.of_colours(record.preprocessing, 32)
    weights = Weights("drawn", lambda record: values)
    return Beginning(weights, record, recipe, recorded=True), values


def first_maps(record: Architecture, values: Named, pictures: np.ndarray) -> np.ndarray:
    """What conv1 computes of pictures of 0-255 in R, G, B, in float64."""
    read, before_after = record.preprocessing, record.convolutions[0].padding
    x = (pictures.astype(np.float64) - read.mean) / read.scale
    x = x[..., ::-1] if read.channel_order == "BGR" else x
    x = np.pad(x, ((0, 0), before_after, before_after, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(x, (11, 11), (1, 2))
    kernel = values["conv1"]["kernel"].astype(np.float64)
    maps = np.einsum("nhwcij,ijcf->nhwf", windows[:, ::4, ::4], kernel)
    return maps + values["conv1"].get("bias", 0)


OWN = (99.5, 80.0, 120.25)
# What the weights read, and what the model does: of one mean.
COLOURS = {
    "BGR to RGB": (BVLC, dataclasses.replace(BVLC, channel_order="RGB")),
    "RGB to BGR": (Preprocessing(mean=OWN), Preprocessing("BGR", mean=OWN)),
    "0-1 to 0-255": (
        Preprocessing(mean=OWN, scale=(255.0, 255.0, 255.0)),
        Preprocessing(mean=OWN),
    ),
    "order and scale": (
        Preprocessing("BGR", OWN, (60.0, 50.0, 40.0)),
        Preprocessing("RGB", OWN, (1.0, 2.0, 4.0)),
    ),
    "scale of BGR": (
        Preprocessing("BGR", OWN, (60.0, 50.0, 40.0)),
        Preprocessing("BGR", OWN, (1.0, 2.0, 4.0)),
    ),
}


@pytest.mark.parametrize("padding", [(0, 0), (0, 3), (2, 2)])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("case", COLOURS)
def test_conv1_computes_the_same_of_pictures_prepared_otherwise(
    case: str, norm: bool, padding: tuple[int, int]
) -> None:
    theirs, ours = (network(padding, norm, each) for each in COLOURS[case])
    begin, values = beginning(theirs, seed=1)
    expected = first_maps(theirs, values, PICTURES)
    model = build(ours, classes=3)
    line = start_from(model, begin, ours.preprocessing)
    assert "; conv1 converted from " in line
    assert "fresh" not in line
    x = ours.preprocessing(PICTURES)
    maps = keras.Model(model.input, model.get_layer("conv1").output)(x)
    np.testing.assert_allclose(maps, expected, rtol=1e-4, atol=1e-5 * np.ptp(expected))
    for layer, named in named_weights(model).items():
        for name, variable in named.items():
            if (layer, name) != ("conv1", "kernel"):
                np.testing.assert_array_equal(variable, values[layer][name])


def test_conv1_is_the_same_to_the_bit_for_the_same_colours() -> None:
    record = network((0, 3), False, BVLC)
    begin, values = beginning(record, seed=2)
    model = build(record, classes=3)
    assert "converted" not in start_from(model, begin, BVLC)
    kernel = model.get_layer("conv1").kernel
    np.testing.assert_array_equal(kernel, values["conv1"]["kernel"])


def test_another_mean_is_refused_and_nothing_is_copied() -> None:
    record = network((0, 3), False, BVLC)
    begin, _ = beginning(record, seed=3)
    model = build(record, classes=3)
    before = checksum(model)
    with pytest.raises(ValueError, match=r"^the mean .* must be that of the weights'"):
        start_from(model, begin, dataclasses.replace(BVLC, mean=OWN))
    assert checksum(model) == before
    # Without conv1 it does not matter what the pictures are.
    start_from(model, begin, dataclasses.replace(BVLC, mean=OWN), "fc6")


def test_statistics_go_with_the_convolution_whose_maps_they_are_of() -> None:
    begin, _ = beginning(network((0, 0), True, BVLC), seed=4)
    wider = network((0, 0), True, BVLC)
    other = dataclasses.replace(wider.convolutions[0], kernel_size=7)
    model = build(dataclasses.replace(wider, convolutions=(other,)), classes=3)
    with pytest.raises(ValueError, match=r"as in --init_layers=fc8\. Received"):
        start_from(model, begin, BVLC)


@pytest.mark.compat
def test_layers_that_fit_are_taken_and_the_rest_is_named(tmp_path: Path) -> None:
    other = AlexNet("six_conv", input_shape=(64, 64, 3), classes=7)
    other.save_weights(tmp_path / "other.weights.h5")
    model = AlexNet("paper", input_shape=(64, 64, 3), classes=3)
    with pytest.raises(ValueError, match="weights"):
        open_beginning(str(tmp_path / "none.weights.h5"), PAPER)
    begin = open_beginning(str(tmp_path / "other.weights.h5"), PAPER)
    reads = PAPER.preprocessing
    fresh = model.get_layer("conv2").kernel.numpy()
    with pytest.raises(ValueError, match=r"conv4, conv5.* Received: init_layers=fc8"):
        start_from(model, begin, reads, "fc8")
    start_from(model, begin, reads, "conv1, conv3")
    np.testing.assert_array_equal(model.get_layer("conv2").kernel, fresh)
    line = start_from(model, begin, reads)
    assert "conv1, conv2, conv3, conv4, conv5" in line
    assert "fc8" in line.partition("fresh: ")[2]
    for layer in ("conv1", "conv5"):
        for ours, theirs in zip(
            model.get_layer(layer).get_weights(),
            other.get_layer(layer).get_weights(),
            strict=True,
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_a_run_begins_with_another_runs_layers_and_says_so(
    config: TrainingConfig, tmp_path: Path
) -> None:
    Trainer(config, quiet()).fit()
    console = quiet()
    second = dataclasses.replace(
        config,
        init_from=config.model_dir,
        init_layers="conv2,conv1",
        model_dir=str(tmp_path / "second"),
    )
    Trainer(second, console).fit()
    line = f"from {config.model_dir}: conv1, conv2; fresh: conv3, conv4"
    assert line in console.file.getvalue()


def test_a_data_set_is_named_as_it_was_given(
    config: TrainingConfig,
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "six[1]").symlink_to(pictures)
    (tmp_path / "six").symlink_to(pictures)
    for name in ("six", "six[1]"):  # the first, between colons, is an emoji of rich's
        Trainer(dataclasses.replace(config, data=f"folder:{name}")).dry_run()
        assert f"paper on folder:{name}: 3 classes" in capsys.readouterr().out


def test_a_window_of_steps_is_profiled(config: TrainingConfig) -> None:
    Trainer(dataclasses.replace(config, profile_steps="3,4"), quiet()).fit()
    assert list(Path(config.model_dir).glob("events/plugins/profile/*/*.xplane.pb"))


def test_a_run_that_ends_within_the_window_leaves_its_profile(
    config: TrainingConfig,
) -> None:
    Trainer(dataclasses.replace(config, profile_steps="5,99"), quiet()).fit()
    assert list(Path(config.model_dir).glob("events/plugins/profile/*/*.xplane.pb"))


def test_a_dry_run_tells_layers_steps_and_memory(config: TrainingConfig) -> None:
    console = quiet()
    Trainer(dataclasses.replace(config, epochs=5), console).dry_run()
    shown = console.file.getvalue()
    assert "--epochs=5" in shown
    assert "conv1" in shown
    assert "15 × 15 × 96" in shown
    assert "10: 5 epochs of 2\nrate         0.01 to the end\n" in shown
    assert "GiB" in shown
    assert not Path(config.model_dir).exists()


def test_weights_that_cannot_be_had_leave_another_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who trains may do so without; who wants to predict may not."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    begin = open_beginning("imagenet")
    model = AlexNet("caffe", input_shape=(67, 67, 3), classes=3)
    # A mirror that is not there, and a folder without the file.
    for source in (NOWHERE, str(tmp_path)):
        monkeypatch.setenv("KERAS_ALEXNET_WEIGHTS", source)
        with pytest.raises(ValueError, match="Received: ") as trains:
            start_from(model, begin, begin.reads().preprocessing)
        with pytest.raises(ValueError, match="Received: ") as predicts:
            open_weights("imagenet").read(begin.architecture)
        expected, received = str(predicts.value).split(". Received: ")
        instead = "without weights, --flagfile=configs/few_photos.flags trains from scr"
        assert str(trains.value).startswith(f"{expected}; {instead}")
        assert str(trains.value).endswith(f". Received: {received}")
