"""Indexes: what they find, and what is refused of them."""

from __future__ import annotations

import base64
import dataclasses
import errno
import hashlib
import io
import json
import os
import pickle
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_alexnet import Classifier
from keras_alexnet.commands.retrieve import build, query
from keras_alexnet.extraction import Pictures, PicturesOfData
from keras_alexnet.retrieval import Index, building, search
from keras_alexnet.retrieval.index import Answer, Neighbour
from keras_alexnet.retrieval.page import page

ROOT = Path(__file__).resolve().parent.parent.parent
Retrieve = Callable[..., tuple[int, str, str]]


@pytest.fixture
def copied(index: Index, tmp_path: Path) -> Path:
    """A copy of an index, to damage it."""
    return Path(shutil.copytree(index.directory, tmp_path / "copied"))


@pytest.fixture(scope="module")
def paths(pictures: Path) -> list[str]:
    return [str(each) for each in sorted(pictures.glob("train/*/*.jpg"))]


@pytest.mark.compat
def test_a_picture_finds_itself_at_distance_0(index: Index, paths: list[str]) -> None:
    for some in (paths, paths[4:5], paths[:11:2]):  # in batches of every size
        for path, found in zip(some, index.query(some), strict=True):
            assert found[0].distance == 0
            if index.facts["codes"] != "bits256":  # several may have the same bits
                assert path.endswith(found[0].name)
                assert found[1].distance > 0


@pytest.mark.compat
def test_the_neighbours_are_those_of_brute_force(
    index: Index, classifier: Classifier, pictures: Path, paths: list[str]
) -> None:
    asked = sorted(pictures.glob("val/*/*.jpg"))
    ours, theirs = (
        classifier.features(each, "fc7")["fc7"].astype(np.float64)
        for each in (paths, asked)
    )
    apart = np.sqrt(((theirs[:, None] - ours[None]) ** 2).sum(axis=2))
    if index.facts["codes"] == "bits256":
        bits, asked_bits = (
            np.unpackbits(index._coder(each.astype(np.float32)), axis=1)
            for each in (ours, theirs)
        )
        apart = (asked_bits[:, None] != bits[None]).sum(axis=2)
    found = index.query(asked, top=24)
    for expected, row in zip(apart, found, strict=True):
        assert sorted(each.place for each in row) == list(range(24))
        np.testing.assert_allclose(
            [each.distance for each in row],
            expected[[each.place for each in row]],
            rtol=1e-4,
            atol=2 if index.facts["codes"] == "bits256" else 1e-4,
        )
        distances = [each.distance for each in row]
        assert distances == sorted(distances)
    vectors = index.vectors([str(each) for each in asked])[1]
    assert index.query(vectors, top=24) == found


@pytest.mark.compat
def test_commands_build_and_ask(
    retrieve: Retrieve, run: Path, pictures: Path, paths: list[str], tmp_path: Path
) -> None:
    where = tmp_path / "index"
    code, out, err = retrieve(
        *("build", f"--model={run}", f"--data=folder:{pictures}"),
        *(f"--index={where}", "--codes=pca128"),
    )
    assert (code, err) == (0, "")
    assert "24 pictures, 4,096 values of fc7 each" in out
    assert "too few pictures to measure" in out
    assert f"query --index={where} PICTURE" in out
    html = tmp_path / "found.html"
    asked = str(pictures / "val" / "0_red")
    flags = (f"--index={where}", "--json", "--top=2", f"--html={html}")
    code, out, err = retrieve("query", *flags, paths[3], asked)
    assert (code, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    assert [set(each) for each in lines] == 4 * [{"picture", "neighbours"}]
    assert lines[0]["picture"] == paths[3]
    assert lines[0]["neighbours"][0] == {"name": "train/0_red/003.jpg", "distance": 0}
    assert all(len(each["neighbours"]) == 2 for each in lines)
    assert html.read_text().count('<img src="data:image/jpeg;base64,') == 4 * 3
    code, out, _ = retrieve("query", f"--index={where}", paths[3])
    assert code == 0
    assert out.splitlines()[1].split() == ["0.0000", "train/0_red/003.jpg"]


def test_what_cannot_be_read_is_left_out_or_named(
    retrieve: Retrieve, run: Path, pictures: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(pictures, tmp_path / "some")
    (data / "train" / "0_red" / "003.jpg").write_bytes(b"\xff\xd8\xff no picture")
    where = tmp_path / "index"
    flags = (f"--model={run}", f"--data=folder:{data}", f"--index={where}")
    code, out, _ = retrieve("build", *flags)
    assert code == 0
    assert "23 pictures" in out
    assert "left out: 1" in out
    bad, good = (str(data / "train" / "0_red" / f"00{n}.jpg") for n in (3, 4))
    code, out, err = retrieve("query", f"--index={where}", "--json", bad, good)
    assert (code, err.count("\n")) == (2, 1)
    assert f"1 of 2 that are not ({bad})" in err
    first, second = map(json.loads, out.splitlines())
    assert first["neighbours"] == []
    assert first["fault"]
    assert second["neighbours"][0] == {"name": "train/0_red/004.jpg", "distance": 0}


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_every_file_that_has_changed_is_refused(copied: Path) -> None:
    for path in sorted(copied.iterdir()):
        if path.name == "index.json":
            continue
        whole = path.read_bytes()
        for damage in (truncated, flipped, Path.unlink):
            damage(path)
            with pytest.raises(ValueError, match="an index must be whole") as caught:
                Index.open(copied)
            assert path.name in str(caught.value)
            path.write_bytes(whole)
    assert len(Index.open(copied).names) == 24


ABSURD: dict[str, Any] = {
    "pictures": [10**30, 0, -1, True, 25, "24"],
    "values": [10**30, 0, 4095, None],
    "components": [-1, 10**30, 1.5],
    "codes": ["bits512", 7],
    "format": [2, "1"],
    "batch_size": [0, 10**6],
    "data": [None],
    "files": [{}, [], {"vectors": 1}, {"names": {"name": "../../etc/passwd"}}],
    "model": ["run", {}, {"path": 5}],
    "layer": [7],
    "recipe": [[], "RGB", {}, {"views": 1}],
}


@pytest.mark.parametrize("name", ABSURD)
def test_a_list_of_files_with_other_values_is_refused(copied: Path, name: str) -> None:
    path = copied / "index.json"
    held = json.loads(path.read_text())
    # No code has components where all values are compared.
    unread = name == "components" and held["codes"] == "none"
    for value in ABSURD[name]:
        path.write_text(json.dumps({**held, name: value}))
        if unread and value == 10**30:
            continue
        with pytest.raises(ValueError, match="Received:"):
            Index.open(copied)
    for text in ("", "[]", "{", json.dumps(held)[:-20], "[" * 100000):
        path.write_text(text)
        with pytest.raises(ValueError, match="a JSON file must be whole"):
            Index.open(copied)


class Trap:
    """Makes a file where its pickle is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_not_loaded(copied: Path, tmp_path: Path) -> None:
    path = copied / "index.json"
    held = json.loads(path.read_text())
    trap = np.empty((), dtype=object)
    trap[()] = Trap(tmp_path / "sprung")
    of_numpy = io.BytesIO()
    np.save(of_numpy, trap, allow_pickle=True)
    for content in (of_numpy.getvalue(), pickle.dumps(trap[()])):
        for role, entry in held["files"].items():
            if not entry["name"].endswith(".npy"):
                continue
            file = copied / entry["name"]
            before = file.read_bytes()
            file.write_bytes(content)
            digest = {
                "sha256": hashlib.sha256(content).hexdigest(),
                "bytes": len(content),
            }
            entries = {**held["files"], role: {**entry, **digest}}
            path.write_text(json.dumps({**held, "files": entries}))
            with pytest.raises(ValueError, match="an index must be whole"):
                Index.open(copied)
            file.write_bytes(before)
    assert not (tmp_path / "sprung").exists()


def test_another_model_is_refused(
    retrieve: Retrieve, copied: Path, run: Path, paths: list[str], tmp_path: Path
) -> None:
    other = Classifier(run)
    layer = other.model.get_layer("fc6")
    layer.bias.assign(layer.bias + 1)
    other.model.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="the model that it was built with"):
        Index.open(copied, other)
    flags = (f"--index={copied}", f"--model={tmp_path / 'other.keras'}")
    code, out, err = retrieve("query", *flags, paths[0])
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "the model that it was built with" in err
    moved = shutil.copytree(run, tmp_path / "moved")
    flags = (f"--index={copied}", f"--model={moved}", "--json")
    code, out, _ = retrieve("query", *flags, paths[0])
    assert code == 0
    assert json.loads(out)["neighbours"][0]["distance"] == 0


class Killed(BaseException):
    """Ends a call where it is raised, past every handler of an `Exception`."""


def test_a_build_that_ends_early_leaves_the_old_index_or_none(
    classifier: Classifier, data: PicturesOfData, tmp_path: Path, monkeypatch: Any
) -> None:
    def dying(*arguments: Any) -> None:
        raise Killed

    where = tmp_path / "index"
    with monkeypatch.context() as patched:
        patched.setattr(building, "finish", dying)
        with pytest.raises(Killed):
            Index.build(classifier, data, where)
    assert list(tmp_path.iterdir()) == []
    old = Index.build(classifier, data, where)
    before = {each.name: each.read_bytes() for each in where.iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr(building, "finish", dying)
        with pytest.raises(Killed):
            Index.build(classifier, data, where, layer="fc6")
    # And where its files are already beside the old ones.
    replace = os.replace

    def dying_last(one: Path, other: Path) -> None:
        if Path(other).name == "index.json" and Path(other).parent == where:
            raise Killed
        replace(one, other)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", dying_last)
        with pytest.raises(Killed):
            Index.build(classifier, data, where, layer="fc6")
    assert Index.open(where).facts == old.facts
    for name, content in before.items():
        assert (where / name).read_bytes() == content
    new = Index.build(classifier, data, where, layer="fc6")
    assert new.facts["layer"] == "fc6"
    held = {each["name"] for each in new.facts["files"].values()}
    assert {each.name for each in where.iterdir()} == {*held, "index.json"}
    assert list(tmp_path.iterdir()) == [where]


@pytest.mark.parametrize("what", ["file", "beside", "folder", "no index"])
def test_nothing_else_is_replaced(
    classifier: Classifier, data: PicturesOfData, tmp_path: Path, what: str
) -> None:
    where = tmp_path / "index"
    if what == "file":
        where.write_text("mine")
    elif what == "beside":
        Index.build(classifier, data, where)
        (where / "notes.txt").write_text("mine")
    elif what == "folder":
        (where / "photos").mkdir(parents=True)
    else:
        where.mkdir()
        (where / "vectors.0123456789ab.npy").write_text("mine")
    before = sorted(str(each) for each in tmp_path.rglob("*"))
    with pytest.raises(ValueError, match="index must be a") as caught:
        Index.build(classifier, data, where)
    assert "\n" not in str(caught.value)
    assert sorted(str(each) for each in tmp_path.rglob("*")) == before


@pytest.mark.compat
@pytest.mark.parametrize("where", ["empty", "link", ".", "~/index"])
def test_a_folder_that_is_there_stays(
    classifier: Classifier,
    data: PicturesOfData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    monkeypatch.chdir(folder if where == "." else tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ValueError, match="layer must be"):
        Index.build(classifier, data, where, layer="fc9")
    assert list(folder.iterdir()) == []
    for layer in ("fc6", "fc7"):  # and once more in its place
        Index.build(classifier, data, where, layer=layer)
        assert Index.open(where).facts["layer"] == layer
    assert (tmp_path / "link").is_symlink()
    known = {"index"} if where == "~/index" else set()
    assert {each.name for each in tmp_path.iterdir()} == {"empty", "link", *known}


def test_a_full_disk_is_one_line(
    retrieve: Retrieve, run: Path, pictures: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(building, "finish", full)
    where = tmp_path / "index"
    code, out, err = retrieve(
        *("build", f"--model={run}", f"--data=folder:{pictures}", f"--index={where}")
    )
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "the disk must have room; free some, or name another place. Rec" in err
    assert f"{str(where)!r} (No space left on device)" in err
    assert list(tmp_path.iterdir()) == []


def test_names_are_lines_of_their_own(
    retrieve: Retrieve, run: Path, paths: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "some"
    for number, name in enumerate(("a\nb", "\x1b[31mred", "\u202eback", "<b>")):
        (folder / "train" / name).mkdir(parents=True)
        shutil.copy(paths[number], folder / "train" / name / "it's\n[bold].jpg")
    where = tmp_path / "index"
    code, out, err = retrieve(
        *("build", f"--model={run}", f"--data=folder:{folder}", "--val_share=0"),
        f"--index={where}",
    )
    assert (code, err) == (0, "")
    code, out, err = retrieve("query", f"--index={where}", str(folder))
    assert (code, err) == (0, "")
    assert len(out.splitlines()) == 4 * (1 + 4)
    assert out.replace("\n", "").isprintable()
    assert "train/a\\nb/it's\\n[bold].jpg" in out
    # To other programs they are what they are.
    _, out, _ = retrieve("query", f"--index={where}", "--json", str(folder))
    names = {each["name"] for each in json.loads(out.splitlines()[0])["neighbours"]}
    assert "train/a\nb/it's\n[bold].jpg" in names


class InMemory(Pictures):
    """Pictures that are no files of their own; one of them is damaged."""

    def __init__(self, paths: list[str]) -> None:
        self.held = [Path(each).read_bytes() for each in paths]
        self.held[2] = self.held[2][:300]
        super().__init__("a few", [f"picture {n}" for n in range(len(paths))])

    def _encoded(self, start: int) -> tf.data.Dataset:
        return tf.data.Dataset.from_tensor_slices(self.held[start:])

    def _images(self, start: int, stop: int) -> Iterator[bytes | str]:
        yield from self.held[start:stop]

    def _square(self, recipe: Any) -> Callable[[tf.Tensor], tf.Tensor]:
        return recipe.decoded

    def _stamp(self) -> Any:
        return None


def test_pictures_without_files_are_kept_small(
    classifier: Classifier, paths: list[str], tmp_path: Path
) -> None:
    index = Index.build(classifier, InMemory(paths[:6]), tmp_path / "index")
    names = [f"picture {n}" for n in (0, 1, 3, 4, 5)]
    assert index.names == names
    for place, number in enumerate((0, 1, 3, 4, 5)):
        small = np.asarray(Image.open(io.BytesIO(index.shown(place))), np.float64)
        whole = np.asarray(Image.open(paths[number]), np.float64)
        assert max(small.shape) == 64
        np.testing.assert_allclose(
            small.mean(axis=(0, 1)), whole.mean(axis=(0, 1)), atol=4
        )
    held = sum(each.stat().st_size for each in index.directory.glob("thumb*"))
    assert held < 5 * 8192


def test_the_page_is_closed_and_shows_names_as_text(index: Index) -> None:
    text = page(index.answers(["<script>alert(1)</script>"]), index.shown, "a & b")
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "a &amp; b" in text
    assert "default-src 'none'" in text
    assert "style=" not in text
    assert "http:" not in text
    assert "https:" not in text
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = hashlib.sha256(style.encode()).digest()
    policy = text.partition("'sha256-")[2].partition("'")[0]
    assert base64.b64decode(policy) == digest


def test_distances_on_a_page_have_digits_alike(index: Index) -> None:
    def shown(*distances: float) -> list[str]:
        near = [Neighbour(f"near {each}", each, 0) for each in distances]
        answers = [Answer("a.jpg", "no picture", near)]
        text = page(answers, lambda place: b"", "Nearest", "0 is the same.")
        assert text.count(">a.jpg<") == 1
        assert "0 is the same." in text
        return re.findall(r'<p class="quiet">([^<]*)</p>', text)[1:]

    assert shown(0.0, 9.5, 123.4567) == ["0.0", "9.5", "123.5"]
    assert shown(0.25, 0.5) == ["0.250", "0.500"]
    assert shown(0.0, 17.0, 120.0) == ["0", "17", "120"]


@pytest.mark.parametrize("library", ["faiss", "jinja2"])
def test_a_library_that_is_missing_is_named(
    retrieve: Retrieve,
    index: Index,
    paths: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    library: str,
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    search.faiss.cache_clear()
    flags = (f"--index={index.directory}", f"--html={tmp_path / 'a.html'}")
    code, out, err = retrieve("query", *flags, paths[0])
    extra = {"faiss": "retrieval", "jinja2": "seeing"}[library]
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"pip install 'keras-alexnet[{extra}]'" in err
    search.faiss.cache_clear()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["buidl"], "did you mean build?"),
        (["query", "a.jpg"], "--index is missing: it must be"),
        (["query", "--index=nowhere", "a.jpg"], "without index.json"),
        (["query", "--index=nowhere"], "pictures are missing"),
        (["query", "--index=a", "--top=0", "a.jpg"], "top must be at least 1"),
        (["query", "--index=a", "--html=.", "a.jpg"], "html must be a file in a"),
        (["query", "--index=a", "--html=no/a.html", "a.jpg"], "html must be a file in"),
        (["build", "--model=a", "--index=b"], "a model must be a run's directory"),
        (["build", "--data=", "--index=b"], "data must be a name"),
        (
            ["build", "--model=a", "--data=shapes"],
            "--index is missing: it must be",
        ),
        (["build", "--codes=pca64"], "pca64"),
    ],
)
def test_what_a_person_can_fix_is_one_line(
    retrieve: Retrieve, arguments: list[str], message: str
) -> None:
    code, out, err = retrieve(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_without_a_part_the_usage_is_shown(retrieve: Retrieve) -> None:
    code, out, err = retrieve()
    assert (code, out) == (2, "")
    assert "usage: keras-alexnet retrieve COMMAND" in err
    assert "build" in err


def test_the_parts_have_a_help(retrieve: Retrieve) -> None:
    for arguments in ([], ["build"], ["query"]):
        code, out, _ = retrieve(*arguments, "--help")
        assert code == 0
        assert "usage: keras-alexnet retrieve" in out


def test_the_page_on_retrieval_runs(
    run: Path, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page_text = (ROOT / "docs" / "seeing.md").read_text()
    section = page_text.partition("\n## Retrieve")[2].partition("\n## ")[0]
    flags = set(re.findall(r"--([a-z_]+)", section))
    known = {
        each.name
        for kind in (build.Config, query.Config)
        for each in dataclasses.fields(kind)
    }
    assert flags - known == {"vectors"}  # of the benchmark
    (code,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert "val/cat/0001" in code
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "photos").symlink_to(run)
    (tmp_path / "photos").symlink_to(pictures)
    monkeypatch.chdir(tmp_path)
    exec(code.replace("val/cat/0001", "val/0_red/001"), {})
    assert len(Index.open("photos.index").names) == 24
