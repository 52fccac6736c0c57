"""HDF5 files that lead out of themselves, or claim what they do not hold.

Each is tried as a `.weights.h5` and within a `.keras` file, where Keras would read it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import shutil
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from keras_alexnet import AlexNet, architectures
from keras_alexnet.models import build
from keras_alexnet.weights import open_weights
from keras_alexnet.weights.formats import keras_files

pytestmark = [
    pytest.mark.compat,
    pytest.mark.filterwarnings("ignore:.*look untrained:UserWarning"),
]
KERNEL = "layers/dense_2/vars/0"
SHAPE = (8, 5)
RECORD = dataclasses.replace(architectures.get("owt"), dense=(8, 8))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("saved")
    model = build(RECORD, input_shape=(63, 63, 3), classes=SHAPE[1])
    model.save_weights(str(folder / "mine.weights.h5"))
    model.save(folder / "mine.keras")
    return {kind: folder / f"mine.{kind}" for kind in ("weights.h5", "keras")}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of somebody else's, with what would fit."""
    path = tmp_path / "secret.h5"
    with h5py.File(path, "w") as file:
        file[KERNEL] = np.full(SHAPE, 42, "float32")
        file.create_group("of/a/group")["0"] = np.full(SHAPE, 42, "float32")
    (tmp_path / "secret.bin").write_bytes(np.full(SHAPE, 42, "<f4").tobytes())
    return path


@contextlib.contextmanager
def changed(source: Path, target: Path) -> Iterator[h5py.File]:
    """A copy of a file, its HDF5 open for a change."""
    if source.suffix != ".keras":
        shutil.copy(source, target)
        with h5py.File(target, "r+") as file:
            yield file
        return
    with zipfile.ZipFile(source) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    held = io.BytesIO(entries["model.weights.h5"])
    with h5py.File(held, "r+") as file:
        yield file
    entries["model.weights.h5"] = held.getvalue()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)


def external_link(file: h5py.File, secret: Path) -> None:
    del file[KERNEL]
    file[KERNEL] = h5py.ExternalLink(str(secret), KERNEL)


def external_group(file: h5py.File, secret: Path) -> None:
    del file["layers/dense_2/vars"]
    file["layers/dense_2/vars"] = h5py.ExternalLink(str(secret), "of/a/group")


def external_optimizer(file: h5py.File, secret: Path) -> None:
    file["optimizer/vars"] = h5py.ExternalLink(str(secret), "of/a/group")


def soft_link(file: h5py.File, secret: Path) -> None:
    file["aside"] = file[KERNEL]
    del file[KERNEL]
    file[KERNEL] = h5py.SoftLink("/aside")


def external_storage(file: h5py.File, secret: Path) -> None:
    del file[KERNEL]
    size = 4 * SHAPE[0] * SHAPE[1]
    place = [(str(secret.with_suffix(".bin")), 0, size)]
    file.create_dataset(KERNEL, SHAPE, "float32", external=place)


def virtual(file: h5py.File, secret: Path) -> None:
    del file[KERNEL]
    layout = h5py.VirtualLayout(SHAPE, "float32")
    layout[:] = h5py.VirtualSource(str(secret), KERNEL, SHAPE)
    file.create_virtual_dataset(KERNEL, layout)


def compressed(file: h5py.File, secret: Path) -> None:
    del file[KERNEL]
    zeros = np.zeros(SHAPE, "float32")
    file.create_dataset(KERNEL, data=zeros, compression="gzip")


def bomb(file: h5py.File, secret: Path) -> None:
    """A terabyte of nothing, by a header alone."""
    del file[KERNEL]
    file.create_dataset(KERNEL, (4096, 2**26), "float32", chunks=(64, 64))


def unwritten(file: h5py.File, secret: Path) -> None:
    del file[KERNEL]
    file.create_dataset(KERNEL, (4096, 2**26), "float32")


def again_and_again(file: h5py.File, secret: Path) -> None:
    """One dataset under many names."""
    for index in range(50):
        file[f"layers/dense_{9 + index}/vars/0"] = file["layers/conv2d_3/vars/0"]


def in_itself(file: h5py.File, secret: Path) -> None:
    file["layers/dense_2/again"] = file["layers"]


CHANGES: dict[Callable[[h5py.File, Path], None], str] = {
    external_link: "link to another file, .*secret.h5': nothing outside",
    external_group: "link to another file",
    external_optimizer: "optimizer/vars is a link to another file",
    soft_link: "a link by path",
    external_storage: "dense_2/vars/0 has its values in other files",
    virtual: "dense_2/vars/0 has its values in other files",
    compressed: "compressed or incomplete",
    bomb: r"\(4096, 67108864\) is compressed or incomplete",
    unwritten: r"\(4096, 67108864\) is compressed or incomplete",
    again_and_again: "bytes of values, the file has",
    in_itself: "more than 20000 objects|nested too deeply",
}


@pytest.mark.parametrize("kind", ["weights.h5", "keras"])
@pytest.mark.parametrize("change", CHANGES)
def test_values_not_stored_plainly_in_the_file_are_refused(
    saved: dict[str, Path],
    secret: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[h5py.File, Path], None],
    kind: str,
) -> None:
    path = tmp_path / f"theirs.{kind}"
    with changed(saved[kind], path) as file:
        change(file, secret)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("handed to Keras")

    monkeypatch.setattr(keras.saving, "load_model", never)
    tracemalloc.start()
    for opened in (
        lambda: AlexNet(weights=path),
        lambda: open_weights(path),
        lambda: keras_files.load_keras(path, str(path)),
    )[: 3 if kind == "keras" else 2]:
        with pytest.raises(ValueError, match=CHANGES[change]) as caught:
            opened()
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    # No header made it take memory for what the header claims.
    assert tracemalloc.get_traced_memory()[1] < 2**26
    tracemalloc.stop()


def test_the_reader_of_values_checks_them_too(
    saved: dict[str, Path], secret: Path, tmp_path: Path
) -> None:
    path = tmp_path / "theirs.weights.h5"
    with changed(saved["weights.h5"], path) as file:
        external_link(file, secret)
    with pytest.raises(ValueError, match="nothing outside the file"):
        keras_files.read_h5(path, "theirs", RECORD)


@pytest.mark.parametrize(
    ("names", "compression", "message"),
    [
        (["metadata.json", "config.json", "model.weights.npz"], 0, "no model.weights"),
        (["metadata.json", "config.json", "model.weights.h5"], 8, "are compressed"),
    ],
)
def test_archives_of_another_format_are_refused(
    saved: dict[str, Path],
    tmp_path: Path,
    names: list[str],
    compression: int,
    message: str,
) -> None:
    path = tmp_path / "theirs.keras"
    with zipfile.ZipFile(saved["keras"]) as mine, zipfile.ZipFile(path, "w") as theirs:
        for name, held in zip(names, mine.namelist(), strict=True):
            theirs.writestr(name, mine.read(held), compression)
    with pytest.raises(ValueError, match=rf"{message}.*"):
        AlexNet(weights=path)


@pytest.mark.parametrize("kind", ["weights.h5", "keras"])
def test_chunks_without_compression_are_read(
    saved: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    path, values = tmp_path / f"mine.{kind}", np.arange(40.0).reshape(SHAPE)
    with changed(saved[kind], path) as file:
        del file[KERNEL]
        file.create_dataset(KERNEL, data=values.astype("float32"), chunks=(2, 5))
    found = open_weights(path).read(RECORD)
    np.testing.assert_array_equal(found["fc8"]["kernel"], values)
