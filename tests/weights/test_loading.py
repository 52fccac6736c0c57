"""`AlexNet(weights=…)`: what it takes, what it refuses, what it says."""

from __future__ import annotations

import json
import logging
import shutil
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from keras_alexnet import AlexNet, architectures
from keras_alexnet.weights.formats import keras_files
from keras_alexnet.weights.names import named_weights

pytestmark = pytest.mark.filterwarnings("ignore:.*look untrained:UserWarning")


def small(variant: str | None = "paper", **arguments: object) -> keras.Model:
    return AlexNet(variant, **{"input_shape": (67, 67, 3), "classes": 5, **arguments})


def equal(model: keras.Model, other: keras.Model, without: str = "none") -> bool:
    return all(
        np.array_equal(value, named_weights(other)[layer][name])
        for layer, values in named_weights(model).items()
        for name, value in values.items()
        if layer != without
    )


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return small()


@pytest.fixture(scope="module")
def saved(model: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "mine.weights.h5"
    model.save_weights(str(path))
    return path


@pytest.mark.parametrize("variant", architectures.names())
def test_an_h5_file_keeps_every_variant(variant: str, tmp_path: Path) -> None:
    first, path = small(variant), tmp_path / "mine.weights.h5"
    first.save_weights(str(path))
    assert equal(first, small(variant, weights=path))


@pytest.mark.compat
@pytest.mark.parametrize("variant", ["paper", "modern"])
def test_what_we_write_is_what_keras_reads(variant: str, tmp_path: Path) -> None:
    first, second, path = small(variant), small(variant), tmp_path / "o.weights.h5"
    record = architectures.get(variant)
    named = {
        layer: {name: np.asarray(value) for name, value in values.items()}
        for layer, values in named_weights(first).items()
    }
    keras_files.write_h5(path, named, record)
    second.load_weights(str(path))
    assert equal(first, second)
    assert keras_files.classes(keras_files.h5_shapes(path, "o")) == 5


def test_the_other_generations_h5_file_is_read(
    model: keras.Model, saved: Path, tmp_path: Path
) -> None:
    # Keras 2 writes the same groups, without the attributes that Keras 3 adds.
    path = tmp_path / "other.weights.h5"
    shutil.copy(saved, path)
    with h5py.File(path, "r+") as file:
        file.visititems(lambda name, item: item.attrs.clear())
    assert equal(model, small(weights=path))


@pytest.mark.compat
@pytest.mark.parametrize("variant", ["caffe", "modern"])
def test_a_keras_file_decides_the_variant(variant: str, tmp_path: Path) -> None:
    path, model = tmp_path / "mine.keras", small(variant)
    model.save(path)
    found = AlexNet(weights=path)
    assert found.input_shape == (None, 67, 67, 3)
    assert equal(model, found)
    x = np.random.default_rng(0).normal(0, 50, (1, 67, 67, 3)).astype("float32")
    np.testing.assert_array_equal(found(x), model(x))
    with pytest.raises(ValueError, match=rf"'{variant}'.*variant='caffenet'"):
        AlexNet("caffenet", weights=path)


def test_shapes_determine_the_variant_where_they_can(
    saved: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="'paper' or 'original' or 'caffe' or"):
        AlexNet(weights=saved)
    small("owt").save_weights(str(tmp_path / "owt.weights.h5"))
    assert AlexNet(weights=tmp_path / "owt.weights.h5").get_layer("dropout5")


@pytest.mark.compat
def test_half_precision_is_widened(tmp_path: Path) -> None:
    keras.mixed_precision.set_global_policy("bfloat16")
    try:
        model = small()
        model.save_weights(str(tmp_path / "half.weights.h5"))
    finally:
        keras.mixed_precision.set_global_policy("float32")
    found = small(weights=tmp_path / "half.weights.h5")
    kernel = np.asarray(model.get_layer("fc7").kernel, "float32")
    np.testing.assert_array_equal(found.get_layer("fc7").kernel, kernel)


def test_the_other_generations_keras_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.keras"
    other = "2.15.0" if keras.__version__.startswith("3") else "3.15.0"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": other}))
    with pytest.raises(ValueError, match=rf"\.weights\.h5 there.*by Keras {other}"):
        AlexNet(weights=path)


def test_weights_decide_classes_and_size(run: Path, saved: Path) -> None:
    found = AlexNet(weights=run)
    assert found.input_shape == (None, 64, 64, 3)
    assert found.output_shape == (None, 3)
    newest = run / "checkpoints" / "step-4"
    assert equal(found, AlexNet(weights=newest))
    found = AlexNet("paper", weights=saved, input_shape=(67, 67, 3))
    assert found.output_shape == (None, 5)


@pytest.mark.compat
def test_other_classes_get_a_new_fc8_and_a_warning(
    model: keras.Model, saved: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "keras_alexnet"):
        found = small(weights=saved, classes=9)
    assert found.output_shape == (None, 9)
    assert equal(model, found, without="fc8")
    message = caplog.records[0].getMessage()
    assert "fc8 has new weights for 9 classes, where the file has 5" in message


def test_without_the_top_no_dense_layers_are_read(
    model: keras.Model, saved: Path, caplog: pytest.LogCaptureFixture
) -> None:
    body = AlexNet("paper", weights=saved, include_top=False, pooling="avg")
    kernel = body.get_layer("conv5").kernel
    np.testing.assert_array_equal(kernel, model.get_layer("conv5").kernel)
    assert not caplog.records


def test_a_variant_that_contradicts_is_named_with_the_weights(run: Path) -> None:
    with pytest.raises(ValueError, match=r"must be 'paper'.*variant='owt', weights="):
        AlexNet("owt", weights=run)
    with pytest.raises(ValueError, match=r"'caffe'.*variant='paper'.*'bvlc_alexnet'"):
        AlexNet("paper", weights=write_published())


def write_published() -> str:
    """Puts a stand-in where the converted `bvlc_alexnet` is kept."""
    from keras_alexnet.weights import cache, published

    path = cache.location(published.get("bvlc_alexnet"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_group("layers")
    return "bvlc_alexnet"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"variant": "owt"}, r"'paper' or 'original'.*variant='owt', weights='.*h5'"),
        ({"input_shape": (131, 131, 3)}, "fc6/kernel.*`input_shape`"),
        ({"input_shape": (67, 67, 1)}, "must have 3 channels.*Received: 1 channels"),
    ],
)
def test_what_does_not_fit_is_named(saved: Path, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(weights=saved, **arguments)


def test_damaged_files_are_named(
    model: keras.Model, saved: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.weights.h5"
    path.write_bytes(saved.read_bytes()[:100_000])
    with pytest.raises(ValueError, match=r"a whole \.weights\.h5 file.*Received"):
        small(weights=path)
    shutil.copy(saved, path)
    with h5py.File(path, "r+") as file:
        file["layers/dense_1/vars/1"][7] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity in fc7/bias"):
        small(weights=path)
    with h5py.File(path, "r+") as file:
        del file["layers/dense_1"]
    with pytest.raises(ValueError, match=r"fc7/kernel of shape.*has none"):
        small(weights=path)
    (tmp_path / "not.keras").write_bytes(b"no archive")
    with pytest.raises(ValueError, match=r"Received: .*not\.keras"):
        AlexNet(weights=tmp_path / "not.keras")
    (tmp_path / "other.txt").write_text("text")
    with pytest.raises(ValueError, match="which is something else"):
        AlexNet(weights=tmp_path / "other.txt")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("layers", [1.0]),
        ("layers/dense_2", [1.0]),
        ("layers/dense_2/vars", [1.0]),
        ("layers/dense_2/vars/0", 1.0),
        ("layers/conv2d/vars/0", b"text"),
        ("layers/conv2d/vars/0", np.zeros((11, 11, 3, 96), "int8")),
    ],
)
def test_foreign_content_is_one_line(
    saved: Path, tmp_path: Path, name: str, content: object
) -> None:
    path = tmp_path / "foreign.weights.h5"
    shutil.copy(saved, path)
    with h5py.File(path, "r+") as file:
        del file[name]
        file[name] = content
    with pytest.raises(ValueError, match=r"Received: .*foreign\.weights\.h5") as caught:
        small(weights=path)
    assert "\n" not in str(caught.value)


def test_values_that_look_untrained_give_a_warning(saved: Path) -> None:
    with pytest.warns(UserWarning, match=r"mine\.weights\.h5' look untrained"):
        small(weights=saved)


@pytest.mark.parametrize("names", ["edcba", "vwxyz"])
def test_fc8_of_classes_of_other_names_is_new(
    names: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Else it would answer for its own classes under the names of these."""
    model = small(classes=list("abcde"))
    model.save_weights(tmp_path / "mine.weights.h5")
    loaded = small(weights=tmp_path / "mine.weights.h5", classes=list(names))
    assert equal(model, loaded, without="fc8")
    assert not equal(model, loaded)
    assert "all layers but fc8 were loaded" in caplog.text
    assert loaded.class_names == tuple(names)
    same = small(weights=tmp_path / "mine.weights.h5", classes=list("abcde"))
    assert equal(model, same)


def test_names_of_classes_do_not_hide_that(tmp_path: Path) -> None:
    path = tmp_path / "named.weights.h5"
    small(classes=list("abcde")).save_weights(path)
    with pytest.warns(UserWarning, match=r"named\.weights\.h5' look untrained"):
        small(weights=path, classes=None)
