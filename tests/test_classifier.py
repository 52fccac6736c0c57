"""Classifiers: whatever names a model, the answers are those of the commands."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_alexnet
from keras_alexnet import Classifier, Prediction
from keras_alexnet.weights.classes import imagenet_classes


@pytest.fixture(scope="module")
def files(pictures: Path) -> list[Path]:
    return sorted(pictures.glob("val/*/*.jpg"))


def softmax(model: keras.Model, recipe: Any, files: list[Path]) -> np.ndarray:
    """What the network itself gives, in float64 from its logits' probabilities."""
    return np.asarray(model(recipe(files)), np.float64)


@pytest.mark.compat
def test_a_run_its_checkpoint_and_its_export_answer_alike(
    run: Path, files: list[Path]
) -> None:
    checkpoint = next((run / "checkpoints").glob("*.index")).with_suffix("")
    of_run = Classifier(run)
    assert of_run.class_names == ("0_red", "1_green", "2_blue")
    expected = softmax(of_run.model, of_run.recipe, files)
    newest = sorted(run.glob("checkpoints/step-*.index"))[-1].with_suffix("")
    for what in (run, str(newest), run / "servable", run / "servable" / "1"):
        rows = Classifier(what).predict(files, batch_size=4)
        for row, scores in zip(rows, expected, strict=True):
            assert [each.name for each in row] == [
                of_run.class_names[i] for i in np.argsort(-scores)
            ]
            np.testing.assert_allclose(
                [each.score for each in row], np.sort(scores)[::-1], atol=1e-5
            )
            assert all(each.id == each.name for each in row)
    assert len(Classifier(checkpoint).predict(files[0], top=2)[0]) == 2


def test_predict_says_the_same(run: Path, files: list[Path], predict) -> None:
    code, out, _ = predict(f"--model={run}", "--json", *map(str, files))
    assert code == 0
    rows = Classifier(run).predict(files)
    for line, row in zip(out.splitlines(), rows, strict=True):
        told = json.loads(line)["classes"]
        assert [(each["name"], each["score"]) for each in told] == [
            (each.name, each.score) for each in row
        ]


def test_evaluate_counts_the_same(
    run: Path, pictures: Path, files: list[Path], capsys
) -> None:
    from keras_alexnet import commands

    right = [
        row[0].name == path.parent.name
        for row, path in zip(Classifier(run).predict(files), files, strict=True)
    ]
    for model in (run, run / "servable"):
        with pytest.raises(SystemExit) as caught:
            commands.main(
                ["", "evaluate", f"--model={model}", f"--data=folder:{pictures}"]
            )
        assert caught.value.code == 0
        assert f"top-1 {np.mean(right):.4f} " in capsys.readouterr().out


def test_pictures_may_be_mixed_and_unreadable_ones_are_reported(
    run: Path, files: list[Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("no picture")
    pixels = tf.io.decode_jpeg(files[0].read_bytes()).numpy()
    mixed = [files[0], notes, pixels, tmp_path / "none.jpg", files[1].read_bytes()]
    classifier = Classifier(run)
    with caplog.at_level(logging.WARNING, "keras_alexnet"):
        rows = classifier.predict(mixed, batch_size=2)
    assert [bool(row) for row in rows] == [True, False, True, False, True]
    assert rows[0][0].name == rows[2][0].name
    assert f"{notes} cannot be read" in caplog.text
    assert "none.jpg cannot be read: No such file or directory" in caplog.text
    found = classifier.features(mixed, ("fc6", "pool5"), batch_size=2)
    for values in found.values():
        bad = np.isnan(values).any(axis=tuple(range(1, values.ndim)))
        assert bad.tolist() == [False, True, False, True, False]
    of_export = Classifier(run / "servable").predict([files[0], notes, pixels])
    assert [bool(row) for row in of_export] == [True, False, False]


def test_features_are_those_of_the_layers(run: Path, files: list[Path]) -> None:
    classifier = Classifier(run)
    found = classifier.features(files, ("conv5", "fc7"), batch_size=4)
    for layer, values in found.items():
        part = keras_alexnet.features(classifier.model, layer)
        expected = part(classifier.recipe(files))
        np.testing.assert_allclose(values, expected, atol=1e-5)
    np.testing.assert_allclose(
        Classifier(run / "servable").features(files, ["fc7"])["fc7"],
        found["fc7"],
        atol=1e-4,
    )
    with pytest.raises(ValueError, match=r"among \['fc6', 'fc7'\]. Received: 'conv5'"):
        Classifier(run / "servable").features(files, ["conv5"])


def test_several_layers_are_one_model() -> None:
    model = keras_alexnet.AlexNet(input_shape=(64, 64, 3), classes=3)
    both = keras_alexnet.features(model, ("pool5", "fc7"))
    x = np.zeros([2, 64, 64, 3], np.float32)
    found = both(x)
    assert set(found) == {"pool5", "fc7"}
    for layer, values in found.items():
        np.testing.assert_array_equal(values, keras_alexnet.features(model, layer)(x))
    with pytest.raises(ValueError, match="at least one"):
        keras_alexnet.features(model, ())


@pytest.mark.filterwarnings("ignore:.*look untrained:UserWarning")
def test_imagenets_classes_have_their_ids(tmp_path: Path) -> None:
    model = keras_alexnet.AlexNet("owt", input_shape=(63, 63, 3))
    path = tmp_path / "mine.weights.h5"
    model.save_weights(path)
    classifier = Classifier(path, image_size=63)
    assert classifier.recipe == keras_alexnet.weights.recipe_of("owt", 63)
    ((first, *_),) = classifier.predict(np.zeros([70, 80, 3], "uint8"))
    assert isinstance(first, Prediction)
    by_id = {each.wnid: each.name for each in imagenet_classes()}
    assert by_id[first.id] == first.name


def foreign(path: Path) -> Path:
    """A `.keras` file of no variant, that looks at mean colours only."""
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    keras.Model(inputs, keras.layers.Dense(2, "softmax")(x)).save(path)
    return path


def test_a_guess_is_logged_and_preprocessing_overrides_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = foreign(tmp_path / "mine.keras")
    with caplog.at_level(logging.WARNING, "keras_alexnet"):
        guessed = Classifier(path)
    assert "guessed to be the paper's; set preprocessing=" in caplog.text
    assert guessed.recipe == keras_alexnet.weights.recipe_of("paper", 32)
    caplog.clear()
    with caplog.at_level(logging.WARNING, "keras_alexnet"):
        settled = Classifier(path, preprocessing="bvlc_alexnet", class_names=["a", "b"])
    assert caplog.text == ""
    assert settled.recipe == keras_alexnet.weights.recipe_of("bvlc_alexnet", 32)
    assert settled.class_names == ("a", "b")


BAD = {
    "nothing": (lambda run: "", {}, "a model must be"),
    "a number": (lambda run: 3, {}, "a model must be"),
    "a missing file": (
        lambda run: "none.keras",
        {},
        "'none.keras', which does not exist",
    ),
    "names for a run": (lambda run: run, {"class_names": ["a"]}, "must not be given"),
    "a size for a run": (
        lambda run: run,
        {"image_size": 96},
        "image_size must not be given",
    ),
    "colours for an export": (
        lambda run: run / "servable",
        {"preprocessing": "paper"},
        "preprocessing must not be given for an export",
    ),
    "a precision for an export": (
        lambda run: run / "servable",
        {"precision": "bfloat16"},
        "precision must not be given for an export",
    ),
    "an unknown precision": (
        lambda run: run,
        {"precision": "int4"},
        r"precision must be one of \('float32', .* Received: precision='int4'",
    ),
    "unknown colours": (lambda run: run, {"preprocessing": "x"}, "must be a Recipe or"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_one_line(run: Path, case: str) -> None:
    what, arguments, message = BAD[case]
    with pytest.raises(ValueError, match=message) as caught:
        Classifier(what(run), **arguments)
    assert "\n" not in str(caught.value)


def test_arguments_of_predict_are_checked(run: Path, files: list[Path]) -> None:
    classifier = Classifier(run)
    with pytest.raises(ValueError, match="top must be a whole number, at least 1"):
        classifier.predict(files, top=0)
    with pytest.raises(ValueError, match="batch_size must be a whole number"):
        classifier.predict(files, batch_size=0)


def test_many_pictures_show_progress(
    run: Path, files: list[Path], capsys: pytest.CaptureFixture
) -> None:
    rows = Classifier(run).predict([files[0]] * 300, top=1, batch_size=128)
    assert len(rows) == 300
    assert len({row[0] for row in rows}) == 1


@pytest.mark.compat
@pytest.mark.parametrize("model", ["", "servable"])
@pytest.mark.parametrize("method", ["predict", "features"])
def test_one_picture_that_cannot_be_read_is_an_error(
    run: Path, files: list[Path], tmp_path: Path, model: str, method: str
) -> None:
    (tmp_path / "notes.jpg").write_text("a cat, I think")
    ask = getattr(Classifier(run / model), method)
    folder = files[0].parent
    for given, fault in (
        (tmp_path / "none.jpg", "(No such file or directory)"),
        (str(tmp_path / "notes.jpg"), "notes.jpg' ("),
        (b"a cat, I think", "'picture 0' ("),
        (folder, f"(a folder: give its files, as sorted(Path({str(folder)!r}).glob("),
    ):
        with pytest.raises(ValueError, match=r"^the picture must be there, ") as caught:
            ask(given)
        assert fault in str(caught.value)
        assert "\n" not in str(caught.value)
    assert len(ask([folder, files[0]])) == (
        2 if method == "predict" else len(ask(files))
    )


@pytest.mark.compat
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_that_are_not_finite_are_no_picture(
    run: Path, files: list[Path], value: float, caplog: pytest.LogCaptureFixture
) -> None:
    classifier = Classifier(run)
    bad = np.full((1, 40, 40, 3), 100, np.float32)
    bad[0, 3, 3, 1] = value
    with pytest.raises(ValueError, match="pixels that are not finite"):
        classifier.predict(bad[0])
    assert classifier.predict(bad) == [[]]
    assert "picture 0 cannot be read: pixels that are not finite" in caplog.text
    rows = classifier.predict([tf.constant(bad[0]), files[0]])
    assert [bool(row) for row in rows] == [False, True]
    assert np.isnan(classifier.features(bad, "fc7")["fc7"]).all()


@pytest.mark.compat
@pytest.mark.parametrize(
    ("given", "named"),
    [
        (None, "NoneType"),
        (3, "int"),
        ((each for each in "ab"), "generator: make it a list"),
        ({"a.jpg"}, "set: make it a list"),
        (np.zeros((5, 5)), r"'picture 0' \(float64 of shape \(5, 5\)\)"),
    ],
)
def test_what_is_no_picture_is_named_by_its_type(
    run: Path, given: object, named: str
) -> None:
    for ask in (Classifier(run).predict, Classifier(run).features):
        with pytest.raises(ValueError, match=f"Received: {named}$") as caught:
            ask(given)
        assert str(caught.value).count("Received") == 1


@pytest.mark.parametrize(
    ("names", "pattern"),
    [(("a.PNG", "b.PNG", "c.txt"), "*.PNG"), (("a",), "*"), ((), "*")],
)
def test_the_files_of_a_folder_are_found_by_their_own_ending(
    run: Path, tmp_path: Path, names: tuple[str, ...], pattern: str
) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match="a folder") as caught:
        Classifier(run).predict(tmp_path)
    assert f".glob({pattern!r}))" in str(caught.value)


def test_a_folder_is_no_picture_of_a_recipe(run: Path, files: list[Path]) -> None:
    with pytest.raises(OSError, match=r"a folder: give its files, as sorted\(Path\("):
        keras_alexnet.load_pictures(files[0].parent, run)


@pytest.mark.compat
def test_a_model_is_taken_as_it_is(
    run: Path, files: list[Path], tmp_path: Path
) -> None:
    of_run = Classifier(run)
    model = keras_alexnet.AlexNet(weights=run)
    taken = Classifier(model)
    assert taken.model is model
    assert (taken.origin, taken.recipe) == (model.name, of_run.recipe)
    assert taken.predict(files) == of_run.predict(files)
    # What it is asked with is not what it is.
    other = Classifier(model, class_names=["a", "b", "c"], preprocessing="owt")
    assert other.predict(files[0])[0][0].name in "abc"
    assert model.class_names == of_run.class_names
    assert model.recipe == of_run.recipe
    with pytest.raises(ValueError, match="image_size must be 64, which the model"):
        Classifier(model, image_size=96)
    with pytest.raises(ValueError, match="variant must be 'paper', by the layers"):
        Classifier(model, variant="owt")


def test_a_model_of_others_is_taken_and_its_recipe_guessed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = keras.saving.load_model(foreign(tmp_path / "mine.keras"))
    with caplog.at_level(logging.WARNING, "keras_alexnet"):
        found = Classifier(model).predict(np.zeros([70, 80, 3], "uint8"))
    assert "guessed to be the paper's" in caplog.text
    assert {each.name for each in found[0]} == {"class 0", "class 1"}
    with pytest.raises(ValueError, match=r"Received: a model from .* to"):
        Classifier(keras.Sequential())


@pytest.mark.compat
def test_a_model_that_was_compiled_is_opened_from_its_file(tmp_path: Path) -> None:
    """Also one within another, and one whose layers draw random numbers."""
    inner = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.RandomFlip()])
    inner.add(keras.layers.GlobalAveragePooling2D())
    inner.compile("adam", "mse")
    outer = keras.Sequential([inner, keras.layers.Dense(2, "softmax")])
    outer.build((None, 32, 32, 3))
    outer.compile("adam", "sparse_categorical_crossentropy")
    outer.fit(np.ones([2, 32, 32, 3], "float32"), np.array([0, 1]), verbose=0)
    outer.save(tmp_path / "mine.keras")
    found = Classifier(tmp_path / "mine.keras", preprocessing="paper")
    x = np.random.default_rng(0).normal(size=[2, 32, 32, 3]).astype("float32")
    np.testing.assert_allclose(found.model(x), outer(x), rtol=1e-6)


@pytest.mark.compat
def test_a_classifier_says_what_it_is(run: Path, tmp_path: Path) -> None:
    of_run = Classifier(run)
    assert repr(of_run) == (
        f"<Classifier of {str(run)!r}: {of_run.taken}; "
        "3 classes (0_red, 1_green, 2_blue); 64×64 pixels>"
    )
    export = repr(Classifier(run / "servable"))
    assert (
        export == f"<Classifier of the export {str(run / 'servable')!r}: 64×64 pixels>"
    )
    many = keras_alexnet.AlexNet(input_shape=(64, 64, 3), classes=list("abcdef"))
    with pytest.warns(UserWarning, match="untrained"):
        assert "6 classes (a, b, c, …); 64" in repr(Classifier(many))
