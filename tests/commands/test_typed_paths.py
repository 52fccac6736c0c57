"""Paths of any name through every command and flag that takes one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_alexnet
from keras_alexnet import commands
from keras_alexnet.data import open_source
from keras_alexnet.data.preparation import Settings, prepare
from keras_alexnet.training import TrainingConfig
from keras_alexnet.weights import published
from keras_alexnet.weights.cache import location

NAMES = ("0_red", "1_green", "2_blue")
# What a person types for a directory, and which one it is in `home/` or `here/`.
PLACES = {
    "pattern": ("k[a]*?{1,2} \\x", "here/k[a]*?{1,2} \\x"),
    "home": ("~/runs of mine", "home/runs of mine"),
    "not home": ("./~", "here/~"),
    "bytes": ("caf\udce9", "here/caf\udce9"),
    "newline": ("two\nlines", "here/two\nlines"),
}
_MODEL = ("--model={at}/my.keras", "--class_names={at}/names.txt")
_PICTURE = "{at}/run/example.jpg"
_DATA = "--data=folder:{at}/pictures"
WAYS = {
    "predict: a run": ("predict", "--model={at}/run", _PICTURE),
    "predict: model_dir": ("predict", "--model_dir={at}/run", _PICTURE),
    "predict: a checkpoint": (
        "predict",
        "--model={at}/run/checkpoints/step-4",
        _PICTURE,
    ),
    "predict: an export": ("predict", "--model={at}/exported", _PICTURE),
    "predict: a model": ("predict", "--json", *_MODEL, _PICTURE),
    "predict: flagfile": (
        "predict",
        "--flagfile={at}/my.flags",
        _PICTURE,
    ),
    "evaluate: folder": ("evaluate", *_MODEL, _DATA),
    "evaluate: records": ("evaluate", *_MODEL, "--data=records:{at}/records"),
    "evaluate: several": ("evaluate", *_MODEL, "--model={at}/my.keras", _DATA),
    "evaluate: an export": ("evaluate", "--model={at}/exported", _DATA),
    "evaluate: data_dir": (
        "evaluate",
        "--model={at}/ten.keras",
        "--data=shapes",
        "--data_dir={at}/sets",
        "--manual_dir={at}/by_hand",
    ),
    "prepare": ("prepare", _DATA, "--out={at}/new/prepared", "--size=64"),
    "export: tflite": (
        "export",
        *_MODEL,
        "--export_dir=e",
        "--tflite={at}/new/my.tflite",
    ),
    "export: export_dir": ("export", *_MODEL, "--export_dir={at}/new/exported"),
    "features": ("features", "--model={at}/run", _DATA, "--out={at}/new/my.h5"),
    "retrieve": (
        "retrieve",
        "build",
        "--model={at}/run",
        _DATA,
        "--index={at}/new/index",
    ),
    "train": (
        "train",
        _DATA,
        "--init_from={at}/run",
        "--model_dir={at}/new/run",
        "--data_dir={at}/sets",
        "--manual_dir={at}/by_hand",
        "--image_size=64",
        "--batch_size=8",
        "--epochs=1",
        "--steps_per_epoch=1",
    ),
    "train: export_dir": (
        "train",
        "--data=folder:{at}/pictures",
        "--model_dir=r",
        "--export_dir={at}/new/exported",
    ),
}
_LINE = "must be one line of UTF-8"
_PLAIN = "export_dir must be a path without any of * ? [ \\ and in UTF-8"
REFUSED = {
    ("export: export_dir", "pattern"): _PLAIN,
    ("export: export_dir", "bytes"): _PLAIN,
    ("train: export_dir", "pattern"): _PLAIN,
    ("train: export_dir", "bytes"): _LINE,
    ("train: export_dir", "newline"): _LINE,
    ("evaluate: data_dir", "bytes"): "data_dir must be a path in UTF-8",
    ("train", "bytes"): _LINE,
    ("train", "newline"): _LINE,
}
LEFT_OUT = {
    # These need a run that is worth exporting: tests/training's to prove.
    ("train: export_dir", "home"),
    ("train: export_dir", "not home"),
    # A flag a line: a path of two lines is none.
    ("predict: flagfile", "newline"),
}


def small(path: Path, outputs: int) -> None:
    """A model that looks at mean colours only."""
    inputs = keras.Input((64, 64, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    dense = keras.layers.Dense(outputs, "softmax")
    model = keras.Model(inputs, dense(pooled))
    rng = np.random.default_rng(0)
    dense.set_weights([rng.normal(0, 0.01, (3, outputs)), np.zeros(outputs)])
    model.save(path)


@pytest.fixture(scope="module")
def there(
    tmp_path_factory: pytest.TempPathFactory, run: Path, pictures: Path, shapes_dir: str
) -> dict[str, Path]:
    """The content of the directory whose name is odd."""
    root = tmp_path_factory.mktemp("there")
    small(root / "my.keras", 3)
    small(root / "ten.keras", 10)
    (root / "names.txt").write_bytes(b"\xef\xbb\xbf0_red\r\n1_green\r\n2_blue\r\n")
    prepare(open_source(f"folder:{pictures}"), str(root / "records"), Settings(64))
    open_source("shapes", shapes_dir)
    keras_alexnet.export_saved_model(
        keras.models.load_model(root / "my.keras"),
        root / "exported",
        class_names=NAMES,
        preprocessing="paper",
        warmup=False,
    )
    made = {path.name: path for path in root.iterdir()}
    return {**made, "run": run, "pictures": pictures, "sets": Path(shapes_dir)}


# Of the file of a model that is no variant: a warning, not a refusal.
_GUESSED = "set preprocessing= to be sure"


@pytest.fixture
def at(
    place: str, there: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """What a person types for the directory, where everything is then."""
    typed, real = PLACES[place]
    directory = tmp_path / real
    for each in (tmp_path / "home", tmp_path / "here", directory):
        each.mkdir(exist_ok=True)
    for name, path in there.items():
        (directory / name).symlink_to(path)
    (directory / "new").mkdir()
    flags = "".join(f"{each.format(at=typed)}\n" for each in _MODEL)
    (directory / "my.flags").write_bytes(b"\xef\xbb\xbf" + os.fsencode(flags))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "here")
    return typed


@pytest.mark.parametrize(
    ("way", "place"),
    [(way, at) for way in WAYS for at in PLACES if (way, at) not in LEFT_OUT],
)
def test_a_path_of_any_name(
    way: str, place: str, at: str, tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    given = [each.format(at=at) for each in WAYS[way]]
    with pytest.raises(SystemExit) as caught:
        commands.main(["keras-alexnet", *given])
    # Beside what native code says, which the command keeps apart.
    lines = capfd.readouterr().err.splitlines()
    said = [
        line
        for line in lines
        if line.startswith(f"{given[0]}: ") and not line.endswith(_GUESSED)
    ]
    expected = REFUSED.get((way, place))
    if expected is None:
        assert (caught.value.code, said) == (0, [])
    else:
        assert (caught.value.code, len(said)) == (2, 1)
        assert expected in said[0]
    made = sorted(path.name for path in (tmp_path / PLACES[place][1] / "new").iterdir())
    assert made == (WRITTEN.get(way, []) if expected is None else [])
    known = {"~"} if place == "not home" else set()
    assert {each.name for each in (tmp_path / "here").glob("~*")} == known


WRITTEN = {
    "prepare": ["prepared"],
    "features": ["my.h5"],
    "retrieve": ["index"],
    "export: tflite": ["my.tflite", "my.txt"],
    "export: export_dir": ["exported"],
    "train": ["run"],
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: dict) -> Path:
    """A home directory that holds everything."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    for name, path in there.items():
        (tmp_path / "home" / name).symlink_to(path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "home"


def exported(path: str) -> Path:
    model = keras.models.load_model(Path.home() / "my.keras")
    return keras_alexnet.export_saved_model(
        model, path, class_names=NAMES, preprocessing="paper", warmup=False
    )


def lite(path: str) -> Path:
    model = keras.models.load_model(Path.home() / "my.keras")
    return keras_alexnet.export_tflite(
        model, path, class_names=NAMES, preprocessing="paper"
    )


def prepared(path: str) -> None:
    prepare(open_source("folder:~/pictures"), path, Settings(64))


IN_PYTHON: dict[str, Callable[[], object]] = {
    "AlexNet": lambda: keras_alexnet.AlexNet(weights="~/run"),
    "preprocess_input": lambda: keras_alexnet.preprocess_input(
        np.zeros([1, 64, 64, 3], "uint8"), weights="~/run"
    ),
    "folder": lambda: open_source("folder:~/pictures"),
    "records": lambda: open_source("records:~/records"),
    "sets": lambda: open_source("shapes", "~/sets"),
    "check": lambda: keras_alexnet.check_saved_model("~/exported/1"),
}


@pytest.mark.parametrize("case", IN_PYTHON)
def test_home_is_put_in_where_python_reads(case: str, home: Path) -> None:
    IN_PYTHON[case]()
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("write", [exported, lite, prepared])
def test_home_is_put_in_where_python_writes(write: Callable, home: Path) -> None:
    write("~/new")
    assert (home / "new").exists()
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.compat
def test_home_is_put_in_where_it_is_only_named(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrainingConfig(
        model_dir="~/a", export_dir="~/b", data_dir="~/c", manual_dir="~"
    )
    assert config.model_dir == f"{home}/a"
    assert config.export_dir == f"{home}/b"
    assert config.data_dir == f"{home}/c"
    assert config.manual_dir == str(home)
    monkeypatch.setenv("KERAS_HOME", "~/keras")
    assert location(published.get("imagenet")).is_relative_to(home / "keras")
