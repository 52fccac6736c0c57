"""All that a report holds, on small networks and pictures of one colour."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_alexnet.classifier import Classifier
from keras_alexnet.data import Source, open_source
from keras_alexnet.evaluation import Member, judge
from keras_alexnet.inspection import Findings, draw, look, nearest, numbers
from keras_alexnet.two_towers.conversion import convert_towers

CLASSES = ["0_red", "1_green", "2_blue"]
Opened = Callable[..., Classifier]


@pytest.fixture(scope="module")
def source(pictures: Path) -> Source:
    return open_source(f"folder:{pictures}")


@pytest.fixture(scope="module")
def opened(
    small: Callable[..., keras.Model], tmp_path_factory: pytest.TempPathFactory
) -> Opened:
    """A small network of a file."""

    def call(
        variant: str = "paper", side: int = 64, classes: Sequence[str] = CLASSES
    ) -> Classifier:
        path = tmp_path_factory.mktemp("models") / f"{variant}.keras"
        model = small(variant, side, classes=len(classes))
        model.describe(class_names=classes)
        model.save(path)
        return Classifier(path)

    return call


@pytest.fixture(scope="module")
def found(opened: Opened, source: Source) -> Findings:
    return look(opened(), source)


@pytest.mark.compat
def test_the_scores_are_those_of_evaluate(
    opened: Opened, source: Source, found: Findings
) -> None:
    (judged,) = judge([Member.of(opened(), source)], source)
    assert found.accuracy == pytest.approx(judged.scores.top1)
    assert found.loss == pytest.approx(judged.scores.loss, rel=1e-4)
    assert np.isnan(found.top5)  # of three classes
    assert sum(count for *_, count in found.confused) == 9
    right = sum(n for label, output, n in found.confused if label == output)
    assert right == round(9 * found.accuracy)
    assert found.reliability is not None
    assert found.reliability.counts.sum() == 9
    worst = [dict(each.classes)[each.picture.label] for each in found.worst]
    assert worst == sorted(worst)
    assert found.variant == "paper"
    assert found.sizes == {"train": 24, "validation": 9}


def test_layers_and_towers(opened: Opened, found: Findings) -> None:
    names = [each.layer for each in found.layers]
    assert names == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7"]
    for layer in found.layers:
        units = layer.shape[-1]
        assert layer.towers == len(layer.separation_of_towers) == 2
        assert layer.example.shape == layer.shape
        assert layer.highest.shape == layer.active.shape == layer.dead.shape == (units,)
        np.testing.assert_array_equal(layer.dead, layer.highest <= 0)
        assert 0 <= layer.separation <= 1
        for unit in layer.units:
            assert unit.tower == (unit.unit >= units / 2)
            assert [each.value for each in unit.patches] == sorted(
                (each.value for each in unit.patches), reverse=True
            )
            assert unit.patches[0].value == layer.highest[unit.unit]
    conv1, conv2 = found.colours
    kernel = opened().model.get_layer("conv1").get_weights()[0]
    np.testing.assert_array_equal(conv1.kernels, kernel)
    assert conv2.kernels is None
    assert conv2.colourfulness.shape == (12,)
    assert set(conv1.splits) == {"colourfulness", "selectivity"}


def test_neighbours_are_those_of_brute_force(
    opened: Opened, source: Source, found: Findings
) -> None:
    recipe = opened().recipe
    assert recipe is not None
    training, asked = (draw(source, each, recipe) for each in ("train", "validation"))
    indices, distances = nearest(asked.pixels, training.pixels)
    in_fc7, in_pixels = found.retrieval
    assert (in_fc7.space, in_pixels.space) == ("fc7", "pixels")
    for example in in_pixels.examples:
        row = asked.names.index(example.picture.name)
        names = [training.names[index] for index in indices[row]]
        assert [each.name for each in example.nearest] == names
        assert example.distances == pytest.approx(distances[row])
    assert in_pixels.precision == 1  # pictures of one colour
    assert in_pixels.chance == pytest.approx(1 / 3)


@pytest.mark.compat
def test_the_numbers_are_json_without_pictures(found: Findings) -> None:
    text = json.dumps(numbers(found), allow_nan=False)
    held = json.loads(text)
    assert held["top5"] is None
    assert held["accuracy"] == pytest.approx(found.accuracy, rel=1e-5)
    assert held["colours"][0]["splits"]["colourfulness"]["area"] == pytest.approx(
        found.colours[0].splits["colourfulness"].area, rel=1e-5
    )
    assert "kernels" not in held["colours"][0]
    assert held["examples"][0]["picture"].keys() == {"name", "label"}
    assert held["attributions"][0]["maps"][0].keys() == {"method", "correlation"}
    assert "example" in held
    assert "example" not in held["layers"][0]


def test_the_model_is_not_changed_and_the_same_is_found_again(
    opened: Opened, source: Source, found: Findings
) -> None:
    classifier = opened()
    before = [each.copy() for each in classifier.model.get_weights()]
    seen: list[tuple[int, int]] = []
    again = look(classifier, source, watch=lambda *given: seen.append(given))
    for old, new in zip(before, classifier.model.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)
    first, second = ({**numbers(each), "model": ""} for each in (found, again))
    assert first == second
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]


def test_named_units_and_models_beside(opened: Opened, source: Source) -> None:
    others = [opened("paper", 96), opened("one_column")]
    found = look(
        opened(), source, units=["conv2:11", ("fc7", 3)], compare=others, seed=4
    )
    shown = {each.layer: [unit.unit for unit in each.units] for each in found.layers}
    assert shown.pop("conv2") == [11]
    assert shown.pop("fc7") == [3]
    plain = look(opened(), source, seed=4)
    assert (
        shown.items()
        <= {
            each.layer: [unit.unit for unit in each.units] for each in plain.layers
        }.items()
    )
    assert min(map(len, shown.values())) > 2
    assert [each.name for each in found.compared] == [each.origin for each in others]
    assert [each.colours[0].towers for each in found.compared] == [2, 1]
    apart, p = found.sign_free["conv1 colourfulness"]
    areas = [
        colours[0].splits["colourfulness"].area
        for colours in (found.colours, found.compared[0].colours)
    ]
    assert apart == pytest.approx(np.mean([abs(area - 0.5) for area in areas]))
    assert 0 < p <= 1


@pytest.mark.parametrize(
    ("variant", "side"),
    [("one_column", 64), ("caffe", 67), ("owt", 63), ("modern", 96), ("six_conv", 67)],
)
def test_other_networks(
    opened: Opened, source: Source, variant: str, side: int
) -> None:
    classifier = opened(variant, side)
    found = look(classifier, source)
    assert found.variant in ("", variant)
    kernels = classifier.model.get_layer("conv1").get_weights()[0]
    if variant == "caffe":  # reads blue first
        kernels = kernels[:, :, ::-1]
    np.testing.assert_array_equal(found.colours[0].kernels, kernels)
    assert found.colours[0].towers == (2 if variant in ("caffe", "six_conv") else 1)
    assert set(found.colours[0].splits) == {"colourfulness", "selectivity"}
    json.dumps(numbers(found), allow_nan=False)


def test_a_network_of_other_classes(opened: Opened, source: Source) -> None:
    found = look(opened(classes=["cat", "dog"]), source)
    assert np.isnan([found.accuracy, found.top5, found.loss]).all()
    assert (found.worst, found.confused, found.reliability) == ((), (), None)
    assert {each.right for each in found.examples} == {None}
    assert len(found.retrieval) == 2
    assert any("has no class '0_red'" in line for line in found.notes)
    json.dumps(numbers(found), allow_nan=False)


def test_data_with_training_or_validation_pictures_alone(
    opened: Opened, pictures: Path
) -> None:
    training = open_source(f"folder:{pictures / 'train'}", val_share=0)
    found = look(opened(), training)
    assert found.sizes == {"train": 12, "validation": 12}
    assert any("no validation pictures" in line for line in found.notes)
    for space in found.retrieval:
        for example in space.examples:
            assert example.picture.name not in {each.name for each in example.nearest}
    validation = open_source(f"folder:{pictures}", training=False)
    validation.sizes.pop("train", None)
    found = look(opened(), validation)
    assert found.sizes == {"validation": 9}
    assert found.retrieval == ()
    assert np.isnan(found.layers[0].separation)
    assert any("no training pictures" in line for line in found.notes)


def test_few_pictures_are_drawn_and_always_the_same(
    opened: Opened, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = opened().recipe
    assert recipe is not None
    drawn = draw(source, "train", recipe, limit=10, seed=1)
    everything = draw(source, "train", recipe)
    assert len(set(drawn.names)) == 10
    assert len(set(drawn.labels.tolist())) == 3
    for index, name in enumerate(drawn.names):
        row = everything.names.index(name)
        assert drawn.labels[index] == everything.labels[row]
        np.testing.assert_array_equal(drawn.pixels[index], everything.pixels[row])
    assert draw(source, "train", recipe, limit=10, seed=1).names == drawn.names
    assert draw(source, "train", recipe, limit=10, seed=2).names != drawn.names
    # Of data that are read from the start on, some of all validation pictures.
    monkeypatch.setattr(type(source), "random_access", False)
    validation = draw(source, "validation", recipe, limit=5)
    order = [
        each["name"].decode()
        for each in source.ordered("validation").as_numpy_iterator()
    ]
    places = [order.index(name) for name in validation.names]
    assert places == sorted(places) != list(range(5))
    first = draw(source, "train", recipe, limit=5)
    np.testing.assert_array_equal(first.pixels, everything.pixels[:5])
    monkeypatch.undo()
    found = look(opened(), source, limit=6)
    assert found.sizes == {"train": 6, "validation": 6}
    assert found.notes[0] == "6 of the 24 train pictures were drawn, with seed 0"


def test_towers_on_devices_are_packed(
    small: Callable[..., keras.Model], source: Source, opened: Opened, found: Findings
) -> None:
    classifier = opened()
    classifier.model = convert_towers(classifier.model, ["/CPU:0", "/CPU:0"])
    again = look(classifier, source)
    assert again.accuracy == found.accuracy
    np.testing.assert_array_equal(again.colours[0].kernels, found.colours[0].kernels)


def test_an_export_is_refused(run: Path, source: Source) -> None:
    with pytest.raises(ValueError, match=r"an export cannot be taken apart") as caught:
        look(Classifier(run / "servable"), source)
    assert "\n" not in str(caught.value)
