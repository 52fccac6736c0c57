"""What a run trains if its settings leave it open: as the weights to begin with."""

from __future__ import annotations

import dataclasses
import re
import shutil
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from finished_runs import assert_same, quiet

from keras_alexnet import AlexNet, architectures, features
from keras_alexnet.architectures import Architecture
from keras_alexnet.commands import flags
from keras_alexnet.data.colour import IMAGENET
from keras_alexnet.preprocessing import BVLC, IMAGENET_MEAN
from keras_alexnet.training import Trainer, TrainingConfig
from keras_alexnet.training.network import network_of
from keras_alexnet.training.starting import Beginning, open_beginning, start_from
from keras_alexnet.training.step import TrainStep
from keras_alexnet.weights import Weights, recipe_of
from keras_alexnet.weights.formats.keras_files import DESCRIPTION
from keras_alexnet.weights.runs import settings

PICTURES = np.random.default_rng(5).integers(0, 256, (3, 90, 120, 3), dtype="uint8")
OTHERS = dataclasses.replace(IMAGENET, mean=(90.0, 130.5, 140.25))


def saved(path: Path, variant: str) -> keras.Model:
    """New weights of a variant for 67 px, which are written to a file."""
    model = AlexNet(variant, input_shape=(67, 67, 3), classes=3)
    model.save(path) if path.suffix == ".keras" else model.save_weights(path)
    return model


def begun(config: TrainingConfig, own: Architecture | None = None) -> TrainStep:
    """The step of a run on data of another mean colour, just before its first."""
    keras.utils.set_random_seed(0)  # both as in a process that has trained
    tf.config.experimental.enable_op_determinism()
    network = network_of(config, own)
    step = TrainStep(network, 3, OTHERS, tf.distribute.get_strategy())
    reads = step.recipe.preprocessing
    start_from(step.model, network.beginning, reads, config.init_layers)
    return step


def assert_equal(step: TrainStep, model: keras.Model, what: object, layer: str) -> None:
    """The run's network makes of pictures what the weights' own one does."""
    theirs = recipe_of(what, step.recipe.image_size)
    ours, theirs = (
        np.asarray(features(network, layer)(recipe(PICTURES), training=False))
        for network, recipe in (
            (step.model, step.recipe),
            (model, theirs),
        )
    )
    assert np.std(theirs, axis=0).max() > 0  # the pictures differ for it
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5 * np.ptp(theirs))


# The file's variant, the given one, and the layer up to which both compute the same.
FILES = {
    "same, BGR": ("caffe", None, "fc8"),
    "same, with batch normalisation": ("modern", None, "fc8"),
    "BGR to RGB": ("caffe", "paper", "conv1"),
    "RGB to BGR": ("paper", "caffe", "conv1"),
}


@pytest.mark.compat
@pytest.mark.parametrize("case", FILES)
def test_a_run_computes_what_the_weights_of_a_file_do(
    case: str, tmp_path: Path
) -> None:
    theirs, given, layer = FILES[case]
    model = saved(tmp_path / "other.keras", theirs)
    step = begun(TrainingConfig(init_from=str(tmp_path / "other.keras"), variant=given))
    assert step.recipe.image_size == 67
    order = architectures.get(given or theirs).preprocessing.channel_order
    assert step.recipe.preprocessing.channel_order == order
    assert_equal(step, model, theirs, layer)


@pytest.mark.parametrize("colours", ["paper", "caffe", "owt"])
def test_a_run_computes_what_another_run_does(
    config: TrainingConfig, tmp_path: Path, colours: str
) -> None:
    short = dataclasses.replace(config, epochs=1, steps_per_epoch=1)
    Trainer(short, quiet()).fit()
    second = TrainingConfig(
        init_from=config.model_dir, model_dir=str(tmp_path / "second")
    )
    own = architectures.read_json(config.architecture)
    read = architectures.get(colours).preprocessing
    own = dataclasses.replace(own, preprocessing=read)
    step = begun(second, None if colours == "paper" else own)
    assert step.recipe.preprocessing.channel_order == read.channel_order
    assert step.recipe.preprocessing.scale == read.scale
    assert step.recipe.preprocessing.mean == IMAGENET_MEAN  # not that of its own data
    model = AlexNet(weights=config.model_dir)
    assert_equal(step, model, config.model_dir, "fc8")


@pytest.mark.parametrize("colours", ["paper", "caffe", "owt"])
def test_a_batch_is_prepared_as_the_recipe_says(colours: str) -> None:
    read = architectures.get(colours).preprocessing
    own = dataclasses.replace(
        architectures.get("paper"), dense=(16,), preprocessing=read
    )
    network = network_of(TrainingConfig(init_from="imagenet", image_size=67), own)
    step = TrainStep(network, 3, OTHERS, tf.distribute.get_strategy())
    assert step.recipe.preprocessing.mean != OTHERS.mean
    batch = {"image": tf.constant(PICTURES[:, :67, :67]), "noise": tf.zeros([3, 3])}
    expected = step.recipe.preprocessing(PICTURES[:, :67, :67])
    np.testing.assert_allclose(step.prepared(batch), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("given", "order", "size"),
    [({}, "BGR", 227), ({"variant": "paper", "image_size": 112}, "RGB", 112)],
)
def test_published_weights_give_their_recipe_before_they_are_downloaded(
    given: dict, order: str, size: int
) -> None:
    network = network_of(TrainingConfig(init_from="imagenet", **given))
    assert network.architecture.name == given.get("variant", "caffe")
    recipe = network.recipe(IMAGENET_MEAN)
    assert recipe.resize == "warp"
    assert (recipe.image_size, recipe.resize_size) == (size, round(size * 256 / 227))
    assert recipe.preprocessing == dataclasses.replace(BVLC, channel_order=order)
    assert network.config.image_size == size


def test_without_conv1_the_recipe_is_the_runs_own() -> None:
    config = TrainingConfig(init_from="imagenet", init_layers="conv2, fc7")
    recipe = network_of(config).recipe((1.0, 2.0, 3.0))
    assert (recipe.resize, recipe.image_size) == ("shorter_side", 227)
    assert recipe.preprocessing.mean == (1.0, 2.0, 3.0)


def test_without_weights_to_begin_with_it_is_the_papers() -> None:
    network = network_of(TrainingConfig())
    assert (network.config.variant, network.config.image_size) == ("paper", 224)
    assert network.line == ""


@pytest.mark.compat
def test_a_run_of_a_network_of_its_own_gives_it(
    config: TrainingConfig, tmp_path: Path
) -> None:
    Trainer(dataclasses.replace(config, epochs=1), quiet()).fit()
    plain = dataclasses.replace(
        config,
        architecture=None,
        image_size=None,
        init_from=config.model_dir,
        model_dir=str(tmp_path / "second"),
    )
    console = quiet()
    assert Trainer(plain, console).fit().fresh
    shown = console.file.getvalue()
    assert f"{config.model_dir} gives network 'paper', image_size 64, resize" in shown
    assert "conv5, fc6, fc7, fc8\n" in shown  # to the end: nothing is fresh
    assert settings(tmp_path / "second")["image_size"] == "64"
    own = architectures.read_json(tmp_path / "second" / "architecture.json")
    assert own.dense == (16, 16)

    # The flagfile of the run is the run, wherever what it began with is by now.
    shutil.rmtree(config.model_dir)
    flagfile = f"--flagfile={tmp_path / 'second' / 'config.flags'}"
    again, _ = flags.parse(TrainingConfig, ["train", flagfile])
    assert not Trainer(again, quiet()).fit().fresh


def test_a_begun_run_resumes_without_what_it_began_with(
    config: TrainingConfig, tmp_path: Path
) -> None:
    Trainer(dataclasses.replace(config, epochs=1), quiet()).fit()
    whole, other = (
        dataclasses.replace(
            config,
            architecture=None,
            image_size=None,
            init_from=config.model_dir,
            model_dir=str(tmp_path / name),
            keep_optimizer=True,
        )
        for name in ("whole", "other")
    )
    Trainer(whole, quiet()).fit()
    shutil.copytree(tmp_path / "whole", tmp_path / "other")
    (tmp_path / "other" / "result.json").unlink()
    for newest in (tmp_path / "other" / "checkpoints").glob("step-6.*"):
        newest.unlink()
    shutil.rmtree(config.model_dir)
    console = quiet()
    assert Trainer(other, console).fit().fresh
    assert "resumed after step 5" in console.file.getvalue()
    assert "gives" not in console.file.getvalue()
    assert not Trainer(whole, quiet()).fit().fresh
    with pytest.raises(ValueError, match="whose run has image_size=64, not 96"):
        Trainer(dataclasses.replace(other, image_size=96), quiet())
    assert recipe_of(tmp_path / "other") == recipe_of(tmp_path / "whole")
    assert_same(tmp_path / "whole", tmp_path / "other")


def test_a_run_that_would_lose_conv1_is_refused_before_it_writes(
    config: TrainingConfig, tmp_path: Path
) -> None:
    saved(tmp_path / "half.keras", "one_column")
    config = dataclasses.replace(config, init_from=str(tmp_path / "half.keras"))
    with pytest.raises(ValueError, match=r"^init_from must have a conv1") as caught:
        Trainer(config, quiet()).fit()
    message = str(caught.value)
    assert "that fits, kernel (11, 11, 3, 96), bias (96,); give no variant" in message
    assert "of 'one_column', with kernel (11, 11, 3, 48), bias (48,)" in message
    assert "\n" not in message
    assert not Path(config.model_dir).exists()

    # As the message says: then conv1 begins anew, and so do the run's own colours.
    (named,) = re.findall(r"--init_layers=(\S+)\. ", message)
    forced = dataclasses.replace(config, init_layers=named, epochs=1)
    console = quiet()
    assert Trainer(forced, console).fit().fresh
    assert f"half.keras: {named}; fresh: conv1, conv2" in console.file.getvalue()
    assert recipe_of(config.model_dir).preprocessing.mean == IMAGENET_MEAN


UNCLEAR = {
    "several variants": (
        "paper",
        {},
        "^variant must be given .*, 'paper' or .*'caffe' or .*Received: init_from=",
    ),
    "of other colours": (
        "caffe",
        {"variant": "six_conv"},
        "^init_from must be weights whose colour order is known .*several variants",
    ),
}


@pytest.mark.parametrize("case", UNCLEAR)
def test_a_file_that_may_be_of_several_variants_is_refused(
    case: str, tmp_path: Path
) -> None:
    theirs, given, message = UNCLEAR[case]
    path = tmp_path / "other.weights.h5"
    saved(path, theirs)
    with h5py.File(path, "a") as file:  # as Keras alone writes it
        del file[DESCRIPTION]
    with pytest.raises(ValueError, match=message):
        network_of(TrainingConfig(init_from=str(path), **given))
    # With other layers it does not matter which colours conv1 reads.
    config = TrainingConfig(init_from=str(path), init_layers="conv2", variant="paper")
    assert network_of(config).image_size == 224


def test_weights_of_no_squares_need_an_image_size() -> None:
    wide = Weights("wide.keras", read=dict, input_shape=(67, 99, 3))
    beginning = Beginning(wide, architectures.get("paper"), None, False)
    with pytest.raises(ValueError, match=r"^image_size must be given .* 67x99$"):
        _ = beginning.image_size


ON_TWO_DEVICES = """
import io, sys
from rich.console import Console
from keras_alexnet.training import Trainer, TrainingConfig
data, begin, path = sys.argv[1:]
console = Console(file=io.StringIO(), soft_wrap=True)
config = TrainingConfig(data=data, init_from=begin, model_dir=path, batch_size=8,
                        epochs=2, steps_per_epoch=1, devices="CPU:0,CPU:1")
Trainer(config, console).fit()
print(console.file.getvalue())
"""


def test_devices_come_before_the_weights_to_begin_with(
    config: TrainingConfig, tmp_path: Path, pictures: Path, python
) -> None:
    Trainer(dataclasses.replace(config, epochs=1), quiet()).fit()
    begin, second = config.model_dir, str(tmp_path / "second")
    shown = python(ON_TWO_DEVICES, f"folder:{pictures}", begin, second)
    assert "on 2 device(s)" in shown
    assert f"{begin} gives network 'paper', image_size 64" in shown


def test_fc8_of_other_classes_is_fresh_unless_it_is_named(tmp_path: Path) -> None:
    names = ("cat", "cow", "dog")
    path = tmp_path / "three.weights.h5"
    small = {"input_shape": (67, 67, 3)}
    AlexNet("paper", classes=names, **small).save_weights(path)
    beginning = open_beginning(str(path), architectures.get("paper"))
    reads, model = beginning.reads().preprocessing, AlexNet(classes=3, **small)
    for theirs in (names[::-1], ("ant", "bee", "fly")):
        line = start_from(model, beginning, reads, class_names=theirs)
        assert line.endswith("fc7; fresh: fc8")
    named = start_from(
        model, beginning, reads, "fc8", class_names=("ant", "bee", "fly")
    )
    assert "fresh" not in start_from(model, beginning, reads, class_names=names)
    assert named.startswith(f"from {path}: fc8; fresh: conv1")
